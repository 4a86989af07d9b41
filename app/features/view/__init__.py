"""Theme, style and scale of the chart."""
