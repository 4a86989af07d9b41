"""The watchlist and the facts of the selected series."""
