"""What travels with a row from one account to another, in front of its frame: since when it was true, and what was noted of it.

A row that has to wait on the way, because no account is known for it now, keeps it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

#: first byte of a frame that carries something; that of a parked row is 2, a captured frame begins with 0
CARRIES: Final = b"\x03"


class Carried(NamedTuple):
    """`time_ms`: of the transaction that wrote the row. `stored`: it was stored at the last cut, with the notes, by kind.

    `told_ms`: the clock when it left: what was due by then was told where it was.
    """

    time_ms: int
    stored: bool
    told_ms: int
    notes: Mapping[str, Any]
    frame: bytes


def pack(carried: Carried) -> bytes:
    """The frame of a change that brings a row to another account."""
    head = json.dumps([*carried[:3], carried.notes], separators=(",", ":")).encode()
    return CARRIES + len(head).to_bytes(4, "big") + head + carried.frame


def carried_by(frame: bytes) -> Carried | None:
    """What a frame carries, None for a frame as captured or stored."""
    if not frame.startswith(CARRIES):
        return None
    end = 5 + int.from_bytes(frame[1:5], "big")
    time_ms, stored, told_ms, notes = json.loads(frame[5:end])
    return Carried(time_ms, stored, told_ms, notes, frame[end:])


def bare(frame: bytes) -> bytes:
    """The frame without what it carries."""
    carried = carried_by(frame)
    return frame if carried is None else carried.frame
