"""Audit a model for leaks from the window."""
