"""Lessons on recurrent networks: experiments and texts from files, figures computed on the spot."""
