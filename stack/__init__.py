"""stack room."""
