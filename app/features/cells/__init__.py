"""Inside the cell: gates, state and attention while a network trains, and the five shapes."""
