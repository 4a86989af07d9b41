"""The evaluation of a run on its test part."""
