"""What a draft of a mapping leaves to a person: the word DECIDE in place of a value. Nothing starts while one is left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from connectors.located_yaml import Located, LocatedError
from connectors.mapping_account import Loc

#: stands where `concord mapping init` may not guess
DECIDE = "DECIDE"
_ASKS = {
    "units": "write `minor` (integers of the currency's smallest unit) or `major` (exact decimals)",
    "values": "write the canonical label that this one means",
}


def open_decisions(file: Located) -> Iterator[LocatedError]:
    """An error of the file for each value that nobody has decided yet, in the file's order."""
    for loc in _open(file.data, ()):
        ask = _ASKS.get(str(loc[-1])) or (_ASKS.get(str(loc[-2])) if len(loc) > 1 else None)
        name = ".".join(str(part) for part in loc)
        yield file.error(loc, f"{name} is not decided yet. Next step: {ask or f'write a value in place of {DECIDE}'}")


def _open(value: Any, loc: Loc) -> Iterator[Loc]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _open(one, (*loc, key))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _open(one, (*loc, number))
    elif value == DECIDE:
        yield loc
