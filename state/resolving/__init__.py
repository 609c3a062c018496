"""Which account does a row belong to: links, ways, merges, and the rows that move or wait."""
