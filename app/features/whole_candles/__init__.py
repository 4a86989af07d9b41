"""Whole candles of the forecast: open, high, low and close of the next bars on the chart."""
