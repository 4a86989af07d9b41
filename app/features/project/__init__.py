"""Open, save and recover projects."""
