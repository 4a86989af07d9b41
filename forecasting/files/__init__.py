"""Atomic writes and bounded reads of files."""
