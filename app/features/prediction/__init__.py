"""Forecast with a saved model."""
