"""dataflows room."""
