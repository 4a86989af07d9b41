"""What people do with the program: a folder for each, with its panel and its controller."""
