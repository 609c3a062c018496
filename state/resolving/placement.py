"""Which account every stored row belongs to under a mapping, found anew: the rows are resolved once more, one by one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from state.model import TableSpec
from state.resolving.identity import Identity
from state.row import Row

#: (table index, primary key text)
RowPlace = tuple[int, str]


class Placed(NamedTuple):
    """Where a row belongs: an account, or None while it waits for one or only makes links known; and its link."""

    account: str | None
    link: str


class Known(NamedTuple):
    """What the rows alone do not say: accounts that none of them defines, {merged account: the one that its mark names}, and
    rows that are gone while rows hang on them, with their account."""

    accounts: Iterable[str]
    merges: Mapping[str, str]
    ghosts: Mapping[RowPlace, str]


def place_anew(
    tables: Sequence[TableSpec], rows: Iterable[tuple[Row, str, int, int]], links: Mapping[RowPlace, str], known: Known
) -> dict[RowPlace, Placed]:
    """Resolve (row, source, position, time in ms) in any order; `links` are those of all the rows.

    A row that is missing in the result is not meant at all.
    """
    identity = Identity(tables)
    identity.know(known.accounts)
    for (table, key), account in known.ghosts.items():
        identity.load_ghost(table, key, account)
    for account, direct in known.merges.items():
        identity.load_merge(account, direct)
    identity.loaded()
    for row, source, position, time_ms in rows:
        identity.resolve([row], source, position, time_ms)
    return {place: Placed(identity.account_of(*place), link) for place, link in links.items() if identity.knows(*place)}
