"""Lessons: see recurrent networks remember, forget, explode and copy."""
