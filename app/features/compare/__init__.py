"""Other series over the prices, in percent."""
