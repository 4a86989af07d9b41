"""Two or four charts at once, with one crosshair."""
