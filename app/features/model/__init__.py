"""The form of the model's settings."""
