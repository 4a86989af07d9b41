"""Panels of the window: they emit intents and show what they are given."""
