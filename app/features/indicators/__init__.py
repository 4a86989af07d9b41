"""Choose the indicators of the price chart."""
