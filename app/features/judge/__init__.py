"""Judge forecasts that others made."""
