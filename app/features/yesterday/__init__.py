"""Is it only yesterday? The forecast one step ahead, line by line."""
