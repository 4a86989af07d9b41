"""Step through past forecasts in the chart."""
