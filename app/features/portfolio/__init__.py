"""Several series held together: what they may be worth, what can be lost, and by whom."""
