"""Dates and instants whose meaning a mapping has to declare: local times, zero dates, open ends, terms of contract."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from state.model import Local
from state.roles import INEXACT_INTERVAL
from state.values import NOT_SET, OPEN_ENDED, OPEN_STARTED, BadValue, day, instant, instant_from_us, iso

Convert = Callable[..., str | None]

#: how a zero date arrives from MySQL in a NOT NULL column, by type and by mode (debezium/debezium PR #105)
_ZERO = frozenset((0, "1970-01-01T00:00:00Z", "1970-01-01", "1970-01-01Z", "0000-00-00", "0000-00-00 00:00:00"))
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a wall clock: its zone is declared, or there is none
_INTERVAL = re.compile(
    r"P(?:(?P<years>[+-]?\d+)Y)?(?:(?P<months>[+-]?\d+)M)?(?:(?P<days>[+-]?\d+)D)?"
    r"(?:T(?:(?P<hours>[+-]?\d+)H)?(?:(?P<minutes>[+-]?\d+)M)?(?:(?P<seconds>[+-]?\d+(?:\.\d+)?)S)?)?"
)


def instant_of(open_ended: frozenset[Any], zero_date: bool, zoned: bool) -> Convert:
    """The converter (value, zone) of an instant field; `zoned` if the mapping declares the zone of wall-clock values."""

    def convert(value: Any, zone: tzinfo | None = None) -> str | None:
        if value is None:
            return None
        if zero_date and value in _ZERO:
            return NOT_SET
        if open_ended and value in open_ended:
            return OPEN_ENDED
        found = instant(value) if not zoned or zone is None else _from_wall_clock(value, zone)
        return OPEN_ENDED if open_ended and found in open_ended else found

    return convert


def day_of(open_ended: frozenset[Any], zero_date: bool, zoned: bool) -> Convert:
    """The converter (value, zone) of a date field; `zoned` if its column is an instant whose local day is meant."""

    def convert(value: Any, zone: tzinfo | None = None) -> str | None:
        if value is None:
            return None
        if zero_date and value in _ZERO:
            return NOT_SET
        if open_ended and value in open_ended:
            return OPEN_ENDED
        found = local_day(value, zone) if zoned else day(value)
        return OPEN_ENDED if open_ended and found in open_ended else found

    return convert


def day_on_clock(open_ended: frozenset[Any], zero_date: bool, clock: tzinfo | Local) -> Convert:
    """The converter (value, zone) of a date field whose column shows a wall clock: `LOCAL`, or the one of a zone.

    Of a local clock the day that it shows is meant; else the day in `zone` of the instant, or that of the clock itself.
    """

    def convert(value: Any, zone: tzinfo | None = None) -> str | None:
        if value is None:
            return None
        if zero_date and value in _ZERO:
            return NOT_SET
        if open_ended and value in open_ended:
            return OPEN_ENDED
        read = UTC if isinstance(clock, Local) else clock
        found = local_day(_from_wall_clock(value, read), zone or read)
        return OPEN_ENDED if open_ended and found in open_ended else found

    return convert


def local_day(value: Any, zone: tzinfo | None) -> str | None:
    """The calendar day of an instant where the customer is. Raises BadValue ZONE_NOT_DECLARED for a wall clock."""
    found = instant(value)
    if found is None or found in (OPEN_ENDED, OPEN_STARTED):
        return found
    moment = datetime.fromisoformat(found)
    try:
        return moment.astimezone(zone or UTC).date().isoformat()
    except OverflowError:  # the first or last hours of the calendar: shown in UTC rather than not at all
        return moment.date().isoformat()


def _from_wall_clock(value: Any, zone: tzinfo) -> str | None:
    """An instant of a column without time zone: text or microseconds read off a clock in `zone`.

    A time that the clock shows twice is the first one; one that it skips is read with the offset before the change.
    """
    if isinstance(value, str) and value not in (OPEN_ENDED, "infinity", "-infinity"):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            raise BadValue("OUT_OF_RANGE_TIMESTAMP", f"{value!r} is no instant of the years 1 to 9999") from error
    elif isinstance(value, int) and (found := instant_from_us(value)) not in (OPEN_ENDED, OPEN_STARTED):
        assert found is not None
        value = _EPOCH + timedelta(microseconds=value)
    if not isinstance(value, datetime):
        return instant(value)
    try:
        return iso((value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC))
    except OverflowError as error:
        raise BadValue("OUT_OF_RANGE_TIMESTAMP", f"{value} is no instant of the years 1 to 9999") from error


def end_of_term(start: str | None, term: Any, name: str) -> tuple[str | None, str | None]:
    """(start + term, None), or (None, why) where calendar arithmetic would be a guess.

    Months count first and end on the last day of a shorter month (31 January + 1 month = 28 February), then days, as
    PostgreSQL does. A number of microseconds is an average and no term: Debezium makes a month 30.4375 days of it.
    """
    if start is None or term is None or start in (OPEN_ENDED, OPEN_STARTED, NOT_SET):
        return (start if term is not None else None), None
    parts = _INTERVAL.fullmatch(term) if isinstance(term, str) else None
    if parts is None or len(term) < 3:
        return None, f"{INEXACT_INTERVAL}:{name}"
    given = {unit: text or "0" for unit, text in parts.groupdict().items()}
    if any(float(given[unit]) for unit in ("hours", "minutes", "seconds")):
        return None, f"{INEXACT_INTERVAL}:{name}"
    months = 12 * int(given["years"]) + int(given["months"])
    first = date.fromisoformat(start)
    number = first.year * 12 + first.month - 1 + months
    try:
        year, month = divmod(number, 12)
        last = monthrange(year, month + 1)[1]
        moved = date(year, month + 1, min(first.day, last))
        return (moved + timedelta(days=int(given["days"]))).isoformat(), None
    except (ValueError, OverflowError) as error:
        raise BadValue("OUT_OF_RANGE_DATE", f"{start} + {term} lies outside the years 1 to 9999") from error
