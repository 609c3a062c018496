"""The life of a correction: what may be sent, when, and who decides."""
