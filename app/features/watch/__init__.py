"""Watch: saved networks keep chosen series up to date while the window is open."""
