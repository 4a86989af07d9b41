"""The inputs that a network reads beside prices: chosen in a list, and what they moved."""
