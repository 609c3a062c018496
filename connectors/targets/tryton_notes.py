"""Notes on Tryton's records: where a correction leaves its trace, inside Tryton and on no document that a customer gets."""

from __future__ import annotations

from connectors.targets.tryton_session import TrytonSession

_NOTE = "model.ir.note"


class Notes:
    """Adds what is not there yet; a note that a lost answer doubled says the same twice, and nothing else."""

    def __init__(self, session: TrytonSession, wanted: bool) -> None:
        self._session, self._wanted = session, wanted

    def ensure(self, model: str, number: int, text: str) -> None:
        """See that a record has this note. Raises TargetError."""
        if not self._wanted:
            return
        resource = f"{model},{number}"
        same = [["resource", "=", resource], ["message", "=", text]]
        if not self._session.read(f"{_NOTE}.search", same, 0, 1, None):
            self._session.write(f"{_NOTE}.create", [{"resource": resource, "message": text}])
