"""Odds of levels: lines that are dragged over the chart, and what paths say of them."""
