"""The table of stored runs."""
