"""The facts topic: one record per live source row, the state of every flow.

Key: `<topic of the table>` 0x1f `<primary key text>`, UTF-8. Value: a header (big endian: position of the row's
transaction as uint64, its commit time in ms as int64, length of the account id and of the link as uint16), the account
id, the link, then the captured value as it came (Confluent frame). A row without an account has `partition:offset`, where
it was captured, in the place of the account id, and a key of its own (`?` in front): in one cut its tombstone and the
fact of the same row under its new account come from two stages in no fixed order, perhaps in one partition, and must not
meet under one key. What must be remembered and no row says (`state/folding/notes.py`) has `!` and its kind in the place of the
topic, and JSON in that of the captured value. A row that is gone, but on which rows hang that belong to the account that
its own was merged into, is stored as one that waits, with an empty frame and that account's id as its link.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from struct import Struct
from typing import NamedTuple

from connectors.avro import native
from state.folding.notes import Note
from state.resolving.resolved import Waiting
from state.row import FRAME, LINK, OFFSET, PARTITION

_HEADER = Struct(">QqHH")
_HEADER_BYTES = _HEADER.size
_unpack = _HEADER.unpack_from
SEPARATOR = "\x1f"
WAITING = "?"
NOTE = "!"


class Fact(NamedTuple):
    """One live row as it is stored; `account` is empty, and partition and offset are known, of one that waits for it."""

    topic: str
    key: str
    account: str
    link: str
    position: int
    time_ms: int
    frame: bytes
    partition: int = -1
    offset: int = -1


def fact_key(topic: str, key: str) -> bytes:
    """Record key of a row."""
    return f"{topic}{SEPARATOR}{key}".encode()


def waiting_key(topic: str, key: str) -> bytes:
    """Record key of a row that has no account yet."""
    return f"{WAITING}{topic}{SEPARATOR}{key}".encode()


def is_waiting(key: bytes) -> bool:
    """Whether a record key is that of a row without an account."""
    return key.startswith(WAITING.encode())


def split_key(key: bytes) -> tuple[str, str]:
    """(topic, primary key text) of a record key, of either form."""
    topic, _, row = key.decode().partition(SEPARATOR)
    return topic.removeprefix(WAITING), row


def home_key(fact: Fact) -> str:
    """What decides a record's partition: its account, or the row itself while it has none."""
    return fact.account or f"{fact.topic}{SEPARATOR}{fact.key}"


def fact_value(account: str, link: str, position: int, time_ms: int, frame: bytes) -> bytes:
    """Record value of a row."""
    who, what = account.encode(), link.encode()
    return _HEADER.pack(position, time_ms, len(who), len(what)) + who + what + frame


def fact_writer() -> Callable[[str, str, int, int, bytes], bytes]:
    """`fact_value`, compiled where the native codec runs."""
    if not native.runs():
        return fact_value
    from connectors.avro.native.facts import FactWriter

    return FactWriter(fact_value).write


def waiting_value(place: tuple[int, int], link: str, position: int, time_ms: int, frame: bytes) -> bytes:
    """Record value of a row that has no account yet; `place`: partition and offset where it was captured."""
    return fact_value(f"{place[0]}:{place[1]}", link, position, time_ms, frame)


def waiting_record(topic: str, key: str, waiting: Waiting | None) -> tuple[bytes, bytes | None]:
    """Record key and value of a row that has no account; the value is None where it no longer waits."""
    if waiting is None:
        return waiting_key(topic, key), None
    row = waiting.row
    place = row[PARTITION], row[OFFSET]
    value = waiting_value(place, row[LINK] or "", waiting.position, waiting.time_ms, row[FRAME])
    return waiting_key(topic, key), value


def split_fact(key: bytes, value: bytes) -> tuple[str, str, str, str, int, int, bytes]:
    """(topic, primary key text, account id, link, position, time in ms, frame) of a record, waiting ones as they lie there.

    Raises ValueError or struct.error where the bytes are not a fact.
    """
    position, time_ms, who, what = _unpack(value)
    named, linked = _HEADER_BYTES + who, _HEADER_BYTES + who + what
    topic, _, row = key.decode().partition(SEPARATOR)
    account, link = value[_HEADER_BYTES:named].decode(), value[named:linked].decode()
    return topic, row, account, link, position, time_ms, value[linked:]


def read_fact(key: bytes, value: bytes) -> Fact:
    """Decode one record. Raises ValueError or struct.error where the bytes are not a fact."""
    topic, row, account, link, position, time_ms, frame = split_fact(key, value)
    if not is_waiting(key):
        return Fact(topic, row, account, link, position, time_ms, frame)
    partition, _, offset = account.partition(":")
    topic = topic.removeprefix(WAITING)
    return Fact(topic, row, "", link, position, time_ms, frame, int(partition or -1), int(offset or -1))


def note_record(note: Note) -> tuple[bytes, bytes | None]:
    """Record key and value of a note; the value is None where it is to be forgotten."""
    key = fact_key(NOTE + note.kind, note.place)
    body = None if note.body is None else json.dumps(note.body, separators=(",", ":")).encode()
    return key, None if body is None else fact_value(note.account, "", 0, 0, body)


def read_note(fact: Fact) -> Note | None:
    """The note that a record holds, None for a row."""
    if not fact.topic.startswith(NOTE):
        return None
    return Note(fact.account, fact.topic.removeprefix(NOTE), fact.key, json.loads(fact.frame))
