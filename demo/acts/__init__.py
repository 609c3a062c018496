"""Business acts: each function plans one act on the book and returns its SQL, or None if nothing fits it now."""
