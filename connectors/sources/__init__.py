"""A source and its capture: database, connector, pre-flight."""
