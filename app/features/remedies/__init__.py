"""Buttons in the message bar that solve what was refused."""
