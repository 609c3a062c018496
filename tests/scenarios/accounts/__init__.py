"""The way to the account in the hard cases: random histories of merges, moves, late links, deletions, reuse, restarts."""
