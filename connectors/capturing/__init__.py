"""Captured records as the flow reads them: frames, envelopes, boundaries, keys."""
