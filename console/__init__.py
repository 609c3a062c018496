"""console room."""
