"""What a demo service may answer instead of 200, as exceptions; the application turns each into one response.

ServiceAnswer
    Refused             4xx with a code: the request was understood and nothing was written
    DroppedConnection   no answer at all: the socket is closed, before or after the commit
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ServiceAnswer(Exception):
    """Anything but the plain 200."""


class Refused(ServiceAnswer):
    """Nothing was written. `status` is the HTTP status, `code` the business word, `details` what the caller may act on."""

    def __init__(self, status: int, code: str, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = dict(details or {})

    def body(self) -> dict[str, Any]:
        """The JSON body of the answer."""
        return {"code": self.code, "message": self.message, **self.details}


class DroppedConnection(ServiceAnswer):
    """The connection is to be closed without an answer (a switched fault)."""


def not_found(resource: str, reference: str) -> Refused:
    """404 for one row."""
    return Refused(
        404, "NOT_FOUND", f"{resource} {reference!r} does not exist. Next step: create it with If-None-Match: *"
    )


def stale(resource: str, reference: str, version: int | None) -> Refused:
    """412: the caller's version token is not the row's; the answer names the row's own, null where there is no row."""
    return Refused(
        412,
        "STALE",
        f"{resource} {reference!r} is at version {version}. Next step: read it again and decide again",
        {"version": version},
    )


def invalid(field: str, reason: str) -> Refused:
    """422 for one field of the body."""
    return Refused(
        422, "INVALID_FIELD", f"field {field!r} {reason}. Next step: correct the request body", {"field": field}
    )
