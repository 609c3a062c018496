"""What a restart reads besides the rows: the newest notes and the exceptions that are open."""

from __future__ import annotations

import json
from typing import Any

from state.folding.notes import Note
from state.output import Output
from state.shard import Shard


class Beside:
    """The newest notes and exceptions."""

    def __init__(self) -> None:
        """None yet."""
        self._notes: dict[tuple[str, str], Note] = {}
        self._exceptions: dict[str, Any] = {}

    def take(self, out: Output) -> None:
        """As a compacted topic keeps them."""
        self._notes |= {(note.kind, note.place): note for note in out.notes}
        self._exceptions |= dict(out.exceptions)

    def notes(self) -> list[Note]:
        """The notes that count, as they are read back."""
        return [Note(*json.loads(json.dumps(note))) for note in self._notes.values() if note.body is not None]

    def load(self, target: Shard) -> None:
        """Give them back."""
        for note in self.notes():
            target.load_note(note)
        for exception in self._exceptions.values():
            if exception is not None:
                target.load_exception(exception)
