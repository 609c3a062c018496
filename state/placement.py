"""Which account every stored row belongs to under a mapping, found anew: the rows are resolved once more, one by one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from state.identity import Identity
from state.model import TableSpec
from state.resolved import Resolved
from state.row import KEY, LINK, TABLE, Row

#: (table index, primary key text)
RowPlace = tuple[int, str]


class Placed(NamedTuple):
    """Where a row belongs: an account, or None while it waits for one or only makes links known; and its link."""

    account: str | None
    link: str


def place_anew(
    tables: Sequence[TableSpec], rows: Iterable[tuple[Row, str, int, int]], known: Iterable[str]
) -> dict[RowPlace, Placed]:
    """Resolve (row, source, position, time in ms) in any order; `known`: accounts that no row has to define.

    A row that is missing in the result is not meant at all.
    """
    identity = Identity(tables)
    identity.know(known)
    found: dict[RowPlace, Placed] = {}
    moved: set[RowPlace] = set()
    for row, source, position, time_ms in rows:
        out = identity.resolve([row], source, position, time_ms)
        _note(out, found)
        moved.update((one.table, one.key) for one in out.moved)
    for place in moved & found.keys():
        found[place] = found[place]._replace(account=identity.account_of(*place))
    for waiting in identity.waiting_rows():
        row = waiting.row
        found[row[TABLE], row[KEY]] = Placed(None, row[LINK] or "")
    return found


def _note(out: Resolved, found: dict[RowPlace, Placed]) -> None:
    for change in [*out.changes, *(change for _, change in out.let_go)]:
        place = change.table, change.key
        if change.op == "d":
            found.pop(place, None)
        else:
            found[place] = Placed(change.account, change.link)
    for place, mark in out.links:
        if mark is None:
            found.pop(place, None)
        else:
            found[place] = Placed(None, mark.row[LINK] or "")
