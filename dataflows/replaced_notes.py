"""What is noted of rows that a mapping moves: it goes with them, and in front of the frame of a row that has to wait."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from connectors.facts import NOTE, is_waiting, note_record, read_fact, read_note, split_key
from connectors.kafka.transactor import Record
from dataflows.stored import FactRecord
from state.folding.notes import OF_ROWS, Note, place_of, row_of
from state.resolving.carried import Carried, carried_by, pack
from state.resolving.placement import RowPlace

#: topic and primary key text -> the row's place, None for a row that is not mapped
PlaceOf = Callable[[str, str], RowPlace | None]


class _Noted(NamedTuple):
    """One note of a row, whose place it names (`place_of`).

    `partition` and `account`: where it is stored, -1 and empty while the row waits and carries it.
    """

    place: str
    kind: str
    body: Any
    partition: int = -1
    account: str = ""


class ReplacedNotes:
    """The notes of rows that move, as they are stored or as the rows carry them."""

    def __init__(self, records: Iterable[FactRecord], place_of_row: PlaceOf, moved: Container[RowPlace]) -> None:
        """`records` are those of all partitions; only notes of rows in `moved` are kept."""
        live: dict[tuple[int, bytes], tuple[RowPlace, list[_Noted]]] = {}
        for partition, key, value in records:
            live.pop((partition, key), None)
            notes = [] if value is None else _read(partition, key, value)
            if notes and (row := place_of_row(*row_of(notes[0].place))) is not None and row in moved:
                live[partition, key] = row, notes
        self._of: dict[RowPlace, list[_Noted]] = {}
        for row, notes in live.values():
            self._of.setdefault(row, []).extend(notes)
        self._places = {one.place for notes in self._of.values() for one in notes}

    def staying(self, stored: Mapping[str, list[Note]]) -> dict[str, list[Note]]:
        """The notes of one partition, by account, without those of rows that move."""
        kept = {
            account: [note for note in notes if note.kind not in OF_ROWS or note.place not in self._places]
            for account, notes in stored.items()
        }
        return {account: notes for account, notes in kept.items() if notes}

    def of(self, row: RowPlace, account: str) -> list[Note]:
        """The notes of a row, as those of the account to which it comes."""
        return [Note(account, one.kind, one.place, one.body) for one in self._of.get(row, ())]

    def changes(self, topic: str, home_of: Callable[[RowPlace], tuple[str | None, int]]) -> Iterator[Record]:
        """What has to be stored differently. `home_of` gives a row's account, None for none, and the partition of that.

        These come before what a derivation notes: that is newer.
        """
        for row, notes in self._of.items():
            account, home = home_of(row)
            for one in notes:
                if one.partition >= 0 and (account is None or home != one.partition):
                    yield topic, one.partition, *note_record(Note(one.account, one.kind, one.place, None))
                if account is not None and (account, home) != (one.account, one.partition):
                    yield topic, home, *note_record(Note(account, one.kind, one.place, one.body))

    def carried(self, row: RowPlace, time_ms: int, told_ms: int, frame: bytes) -> bytes:
        """The frame of a row that leaves its account and has to wait, with what is noted of it."""
        return pack(Carried(time_ms, True, told_ms, {one.kind: one.body for one in self._of.get(row, ())}, frame))


def _read(partition: int, key: bytes, value: bytes) -> list[_Noted]:
    """What a record of the facts topic says of one row by notes."""
    if is_waiting(key):
        carried, place = carried_by(read_fact(key, value).frame), place_of(*split_key(key))
        return [] if carried is None else [_Noted(place, kind, body) for kind, body in carried.notes.items()]
    if not key.startswith(NOTE.encode()):
        return []
    note = read_note(read_fact(key, value))
    if note is None or note.kind not in OF_ROWS:
        return []
    return [_Noted(note.place, note.kind, note.body, partition, note.account)]
