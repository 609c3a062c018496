"""What belongs to a source transaction, and in which order: alignment."""
