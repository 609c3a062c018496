"""Real target systems, for tests and trials: Tryton and Request Tracker, each installed and filled by its own means."""
