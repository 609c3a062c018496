"""What is noted of rows that a mapping moves: it goes with them, and in front of the frame of a row that has to wait."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from connectors.facts import NOTE, is_waiting, note_record, read_fact, read_note, split_key
from connectors.kafka.transactor import Record
from dataflows.stored import FactRecord
from state.folding.notes import OF_ROWS, Note, place_of
from state.resolving.carried import Carried, carried_by, pack
from state.resolving.placement import RowPlace

#: topic and primary key text -> the row's place, None for a row that is not mapped
PlaceOf = Callable[[str, str], RowPlace | None]


class _Noted(NamedTuple):
    """One note of a row; `partition` and `account` where it is stored, -1 and empty while the row waits and carries it."""

    topic: str
    key: str
    kind: str
    body: Any
    partition: int = -1
    account: str = ""


class ReplacedNotes:
    """The notes of rows that move, as they are stored or as the rows carry them."""

    def __init__(self, records: Iterable[FactRecord], place_of_row: PlaceOf, moved: Container[RowPlace]) -> None:
        """`records` are those of all partitions; only notes of rows in `moved` are kept."""
        live: dict[tuple[int, bytes], list[_Noted]] = {}
        for partition, key, value in records:
            live.pop((partition, key), None)
            found = [] if value is None else _read(partition, key, value)
            if found and place_of_row(found[0].topic, found[0].key) in moved:
                live[partition, key] = found
        self._of: dict[RowPlace, list[_Noted]] = {}
        for notes in live.values():
            for note in notes:
                if (place := place_of_row(note.topic, note.key)) is not None:
                    self._of.setdefault(place, []).append(note)
        self._places = {place_of(one.topic, one.key) for notes in self._of.values() for one in notes}

    def staying(self, stored: Mapping[str, list[Note]]) -> dict[str, list[Note]]:
        """The notes of one partition, by account, without those of rows that move."""
        kept = {
            account: [note for note in notes if note.kind not in OF_ROWS or note.place not in self._places]
            for account, notes in stored.items()
        }
        return {account: notes for account, notes in kept.items() if notes}

    def of(self, place: RowPlace, account: str) -> list[Note]:
        """The notes of a row, as those of the account to which it comes."""
        return [Note(account, one.kind, place_of(one.topic, one.key), one.body) for one in self._of.get(place, ())]

    def changes(self, topic: str, home_of: Callable[[RowPlace], tuple[str | None, int]]) -> Iterator[Record]:
        """What has to be stored differently. `home_of` gives a row's account, None for none, and the partition of that.

        These come before what a derivation notes: that is newer.
        """
        for place, notes in self._of.items():
            account, home = home_of(place)
            for one in notes:
                name = place_of(one.topic, one.key)
                if one.partition >= 0 and (account is None or home != one.partition):
                    yield topic, one.partition, *note_record(Note(one.account, one.kind, name, None))
                if account is not None and (account, home) != (one.account, one.partition):
                    yield topic, home, *note_record(Note(account, one.kind, name, one.body))

    def carried(self, place: RowPlace, time_ms: int, told_ms: int, frame: bytes) -> bytes:
        """The frame of a row that leaves its account and has to wait, with what is noted of it."""
        return pack(Carried(time_ms, True, told_ms, {one.kind: one.body for one in self._of.get(place, ())}, frame))


def _read(partition: int, key: bytes, value: bytes) -> list[_Noted]:
    """What a record of the facts topic says of a row by notes."""
    if is_waiting(key):
        carried = carried_by(read_fact(key, value).frame)
        return [] if carried is None else [_Noted(*split_key(key), kind, body) for kind, body in carried.notes.items()]
    if not key.startswith(NOTE.encode()):
        return []
    note = read_note(read_fact(key, value))
    if note is None or note.kind not in OF_ROWS:
        return []
    topic, _, row = note.place.partition(" ")
    return [_Noted(topic, row, note.kind, note.body, partition, note.account)]
