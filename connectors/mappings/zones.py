"""Time zones by their names, for wall clocks and for the days of customers."""

from __future__ import annotations

from datetime import UTC, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.mappings.account import Loc
from connectors.mappings.located_yaml import Located
from connectors.mappings.shape import ZoneShape
from state.model import Local, Zone


def zone_of(file: Located, given: str | ZoneShape | None, loc: Loc) -> Zone | None:
    """The `zone` of a field. Raises the file's error for a name that is none."""
    if isinstance(given, ZoneShape):
        return Zone(None, given.column, find_zone)
    return None if given is None else Zone(_named(file, given, loc))


def clock_of(file: Located, given: str | None, loc: Loc) -> tzinfo | Local | None:
    """The `clock` of a date field. Raises the file's error for a name that is none."""
    if given is None or given == Local.LOCAL.value:
        return None if given is None else Local.LOCAL
    return _named(file, given, loc)


def _named(file: Located, given: str, loc: Loc) -> tzinfo:
    found = find_zone(given)
    if found is None:
        raise file.error(loc, f"{given} is no time zone. Next step: use an IANA name such as Europe/Berlin")
    return found


@cache
def find_zone(name: str) -> tzinfo | None:
    """The time zone of an IANA name, None if there is none; the rules of time zones are read from the system's files."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
