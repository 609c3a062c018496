"""The systems that corrections are written to: one description and adapter each."""
