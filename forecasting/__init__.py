"""The engine of Candlecast: honest, calibrated forecasts of price series with recurrent networks."""

__version__ = "0.1.0"
