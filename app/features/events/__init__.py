"""Dividends, splits and earnings reports as marks on the charts."""
