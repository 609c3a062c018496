"""connectors room."""
