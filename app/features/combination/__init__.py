"""Networks and baselines combined into one forecast, and judged."""
