"""What a draft of a mapping leaves to a person: the word DECIDE in place of a value. Nothing starts while one is left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from connectors.mappings.account import Loc
from connectors.mappings.located_yaml import Located, LocatedError
from connectors.mappings.shape import KINDS

#: stands where `concord mapping init` may not guess
DECIDE = "DECIDE"
#: key of the value -> what to write
_ASKS = {
    "units": "write `minor` (integers of the currency's smallest unit) or `major` (exact decimals)",
    "zone": "write an IANA name such as Europe/Berlin, or {column: NAME} where each row names its own",
    "values": "write each label of the column with the canonical label that it means, as {paid: paid}",
    "constant": "write the text that holds for every row, for a currency its ISO 4217 code",
    "table": "write the table, as SCHEMA.TABLE",
    **dict.fromkeys((*KINDS, "defines", "through"), "write the name of the column"),
}
_LABEL = "write the canonical label that this one means"


def open_decisions(file: Located) -> Iterator[LocatedError]:
    """An error of the file for each value that nobody has decided yet, in the file's order."""
    for loc in _open(file.data, ()):
        ask = _LABEL if "values" in loc[:-1] else _ASKS.get(str(loc[-1]), f"write a value in place of {DECIDE}")
        name = ".".join(str(part) for part in loc)
        yield file.error(loc, f"{name} is not decided yet. Next step: {ask}")


def _open(value: Any, loc: Loc) -> Iterator[Loc]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _open(one, (*loc, key))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _open(one, (*loc, number))
    elif value == DECIDE:
        yield loc
