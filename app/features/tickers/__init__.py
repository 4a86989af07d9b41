"""Load tickers."""
