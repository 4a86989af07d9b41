"""The engine of Candlecast: honest, calibrated forecasts of price series with recurrent networks."""
