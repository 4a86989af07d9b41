"""The forecast journal: open forecasts and what became of them."""
