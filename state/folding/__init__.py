"""An account in memory, and how facts add up in it."""
