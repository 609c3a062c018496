"""Recordings of Kill Bill, Tryton and Request Tracker through the whole pure path, with their own source folders."""
