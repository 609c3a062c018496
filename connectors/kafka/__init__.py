"""kafka room."""
