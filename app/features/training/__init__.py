"""Train a network and follow it live."""
