"""Settings searched for before the test part: trials as they end, and what they came to."""
