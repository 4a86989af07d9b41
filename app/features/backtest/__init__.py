"""Run and judge walk-forward backtests from the window."""
