"""The desktop application of Candlecast (Qt)."""
