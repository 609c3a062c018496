"""Recorded wire bytes and the mapping of their source."""
