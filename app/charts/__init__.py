"""What is drawn, and nothing else."""
