"""Lines, rectangles and notes on the price chart, and what is measured there."""
