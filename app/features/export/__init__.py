"""Export pictures, tables, reports and models."""
