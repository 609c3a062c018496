"""Rows set aside because they have no account: kept as facts of their own, and told to a person after a grace."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from state.model import TableSpec
from state.resolving.identity import Identity
from state.resolving.merges import MERGE_LOOP, MERGE_TARGET_UNKNOWN, Refused
from state.resolving.resolved import Waiting
from state.resolving.ways import NULL, SEPARATOR
from state.routing import partition_of
from state.row import KEY, LINK, OFFSET, PARTITION, TABLE, Change, Transaction

#: how long (by the sources' own clocks) a row may lack its account before a person is told
WAITING_GRACE_MS = 2_000

_MERGE_REFUSED = {
    MERGE_LOOP: "which is merged into it already, directly or over others",
    MERGE_TARGET_UNKNOWN: "which is no known account",
}
#: a link of several columns as a person reads it
_READABLE = {ord(SEPARATOR): ", ", ord(NULL): "-"}

#: (partition, table, key, row to store or None to retire it)
WaitingFact = tuple[int, int, str, Waiting | None]
#: (exception id, record or None when it has ended)
ExceptionRecord = tuple[str, dict[str, object] | None]


class Aside:
    """What the sequencer says about waiting rows."""

    def __init__(self, tables: Sequence[TableSpec], identity: Identity, partitions: int) -> None:
        self._tables = tables
        self._identity = identity
        self._partitions = partitions
        self._grace: deque[Waiting] = deque(identity.waiting_rows())
        self._told: set[str] = set()
        self._refused: dict[str, Refused] = {f"merge:{account}": one for account, one in identity.refused.items()}
        #: what waited at the start: whether it was told before is not known, and taking back once too often does no harm
        self._restored = {self._id(waiting) for waiting in self._grace}

    def update(
        self,
        over: list[Waiting],
        waiting: list[Waiting],
        facts: list[WaitingFact],
        exceptions: list[ExceptionRecord],
    ) -> None:
        """Facts of rows without an account: written while they wait, retired when they no longer do."""
        for aside in over:
            table, key = aside.row[TABLE], aside.row[KEY]
            facts.append((self._partition(table, key), table, key, None))
            name = self._id(aside)
            if name in self._told or name in self._restored:
                self._told.discard(name)
                self._restored.discard(name)
                exceptions.append((name, None))
        for aside in waiting:
            table, key = aside.row[TABLE], aside.row[KEY]
            if self._identity.waits(table, key):
                facts.append((self._partition(table, key), table, key, aside))
                self._grace.append(aside)

    def links(self, links: list[tuple[tuple[int, str], Waiting | None]], facts: list[WaitingFact]) -> None:
        """Facts of rows that only make links known: they belong to no account, and nobody waits for one."""
        for (table, key), mark in links:
            facts.append((self._partition(table, key), table, key, mark))

    def tell(self, now_ms: int, exceptions: list[ExceptionRecord]) -> None:
        """Rows that have lacked their account for longer than the grace become exceptions."""
        while self._grace and now_ms >= self._grace[0].time_ms + WAITING_GRACE_MS:
            waiting = self._grace.popleft()
            row, name = waiting.row, self._id(waiting)
            if name in self._told or not self._identity.waits(row[TABLE], row[KEY]):
                continue
            self._told.add(name)
            topic = self._tables[row[TABLE]].topic
            shown = (row[LINK] or "").translate(_READABLE)
            text = (
                f"row {row[KEY]} of {topic} (partition {row[PARTITION]}, offset {row[OFFSET]}) names {shown!r}, "
                f"which is no known account or row; it waits until that appears"
            )
            exceptions.append((name, exception_of(name, "UNKNOWN_ACCOUNT", text, waiting.time_ms, topic)))

    def merges(self, now_ms: int, exceptions: list[ExceptionRecord]) -> None:
        """Merges that are not in force become exceptions, and end when they are or the mark is gone."""
        refused = self._identity.refused
        if not refused and not self._refused:
            return
        told, self._refused = self._refused, {f"merge:{account}": one for account, one in refused.items()}
        exceptions += [(name, None) for name in told if name not in self._refused]
        for account, one in refused.items():
            name = f"merge:{account}"
            if told.get(name) != one:
                topic = self._tables[one.row[0]].topic
                text = (
                    f"row {one.row[1]} of {topic} merges account {account} into {one.target}, {_MERGE_REFUSED[one.code]}; "
                    f"{account} keeps what it had. Next step: correct the mark in its source"
                )
                record = exception_of(name, one.code, text, now_ms, topic)
                exceptions.append((name, record | {"account": account, "object": "account", "object_id": account}))

    def _partition(self, table: int, key: str) -> int:
        return partition_of(f"{self._tables[table].topic}\x1f{key}", self._partitions)

    def _id(self, waiting: Waiting) -> str:
        return f"waiting:{self._tables[waiting.row[TABLE]].topic}:{waiting.row[KEY]}"


def let_go_transactions(let_go: list[tuple[Waiting, Change]]) -> list[Transaction]:
    """The rows that found their account, as the transactions that they came in, in commit order per source."""
    groups: dict[tuple[str, int], list[tuple[Waiting, Change]]] = {}
    for waiting, change in let_go:
        groups.setdefault((waiting.source, waiting.position), []).append((waiting, change))
    return [
        Transaction(source, position, group[0][0].time_ms, [change for _, change in group])
        for (source, position), group in sorted(groups.items(), key=lambda item: item[0])
    ]


def exception_of(name: str, kind: str, text: str, since_ms: int, where: str) -> dict[str, object]:
    """An exception of the serial step."""
    return {
        "id": name,
        "kind": kind,
        "account": "",
        "object": "row",
        "object_id": where,
        "text": text,
        "team": "data-platform",
        "since_ms": since_ms,
        "risk_minor": None,
        "risk_currency": None,
        "facts": [],
    }
