"""Where a change lies in its source's order of commits, as one number that rises; declared as `position` in a mapping.

postgresql  the LSN; END's id is `txid:LSN`, a row's transaction is told by its number, its order by its own LSN
sqlserver   three hexadecimal parts (2A:10:9); all rows of a transaction share `commit_lsn`, `change_lsn` orders them, and
            END's id is the commit's position (Debezium documentation, SQL Server connector, "Transaction metadata")
"""

from __future__ import annotations

from connectors.avro import DecodeError

#: bits of a packed position per part: virtual log file, block, slot; 63 in all, so that it is a positive Avro long
_BITS = (24, 28, 11)

#: source fields of (transaction, order of its rows); both are text where the position is packed
ROW_PATHS = {
    "postgresql": ("source.txId", "source.lsn"),
    "sqlserver": ("source.commit_lsn", "source.change_lsn"),
}


def packed(text: str | None) -> int:
    """A SQL Server position as a number, 0 for none (a snapshot row). Raises DecodeError where it does not fit."""
    if not text:
        return 0
    parts = text.split(":")
    found = 0
    try:
        for part, bits in zip(parts, _BITS, strict=True):
            number = int(part, 16)
            if number >> bits:
                raise ValueError(part)
            found = found << bits | number
    except ValueError as error:
        raise DecodeError(f"{text!r} is no position of three hexadecimal parts below 2^24, 2^28 and 2^11") from error
    return found


def of_row(position: str, number: str, order: str) -> tuple[str, str]:
    """Source text of the two numbers of a row, from the variables that hold its fields."""
    return (number, order) if position == "postgresql" else (f"packed({number})", f"packed({order})")


def of_boundary(position: str, identity: str) -> tuple[int, int] | None:
    """(transaction, commit position) of a boundary's id, None if it is none."""
    if position == "sqlserver":
        try:
            commit = packed(identity)
        except DecodeError:
            return None
        return (commit, commit) if commit else None
    number, _, lsn = identity.partition(":")
    return (int(number), int(lsn)) if number.isdigit() and lsn.isdigit() else None
