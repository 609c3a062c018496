"""What a demo run ends with when it cannot be carried out."""

from __future__ import annotations


class DemoFailed(Exception):
    """The demo could not be carried out; the message says which step and what to do."""
