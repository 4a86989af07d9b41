"""The import dialog for files."""
