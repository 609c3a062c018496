"""Source values in canonical form: exact money, decimals, dates and instants. What does not fit is refused by name."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation
from math import isfinite
from typing import Any

#: amounts in major units are held as integers of 10^-9 units until the currency is known
NANO_DIGITS = 9
NANO = 10**NANO_DIGITS
#: ends and starts that lie beyond every finite instant; text, so that no reader takes them for a year
OPEN_ENDED = "open-ended"
OPEN_STARTED = "open-started"
#: a date that the source keeps as a zero date: neither a date nor unknown
NOT_SET = "not-set"
#: how PostgreSQL's infinity arrives from Debezium in a microsecond field (debezium/debezium PR #7382)
INFINITY_US = 9_223_372_036_825_200_000
MINUS_INFINITY_US = -9_223_372_036_832_400_000

#: arithmetic of decimals that fails rather than rounds
EXACT = Context(prec=2000, traps=[Inexact, InvalidOperation])

_NO_LABEL = object()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: of UTC, without saying so
_CLOCK_OF_EPOCH = _EPOCH.replace(tzinfo=None)
_DAY_OF_EPOCH = date(1970, 1, 1).toordinal()
_US_MIN = -62_135_596_800_000_000
_US_MAX = 253_402_300_799_999_999


class BadValue(ValueError):
    """A value that may not be used: `code` is stable, `reason` names the value. The row is parked."""

    def __init__(self, code: str, reason: str) -> None:
        """Keep code and reason apart: the code is counted, the reason is read."""
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


def text(value: Any) -> str | None:
    """Text as it is; numbers as decimal text. Raises BadValue NOT_TEXT for bytes and structures."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise BadValue("NOT_TEXT", f"{value!r} is no text")


def odd_label(value: Any) -> str | object | None:
    """The label of a value that is neither text nor a number: `true`, `false`, None for NULL; nothing that is a label else."""
    if value is None:
        return None
    return ("true" if value else "false") if isinstance(value, bool) else _NO_LABEL


def label(value: Any) -> str | None:
    """A label that the value map lacks, as it is shown. Raises BadValue NOT_TEXT for bytes and structures."""
    return ("true" if value else "false") if isinstance(value, bool) else text(value)


def key_text(value: Any) -> str:
    """The text of a key column, as identity has it (connectors/avro/text.py): 5, 5.0 and 5.00 are one key."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        found = decimal(value)
        assert found is not None
        return found
    if isinstance(value, bytes):
        return value.hex()
    raise BadValue("NOT_A_KEY", f"{value!r} refers to no row")


def integer(value: Any) -> int | None:
    """An integer, also from exact text ('5', '5.00'). Raises BadValue NOT_AN_INTEGER."""
    if value is None:
        return None
    number = exact(value, "NOT_AN_INTEGER")
    whole = int(number)
    if whole != number:
        raise BadValue("NOT_AN_INTEGER", f"{value!r} has a fraction")
    return whole


def boolean(value: Any) -> bool | None:
    """A boolean; nothing else counts as one. Raises BadValue NOT_A_BOOLEAN."""
    if value is None or isinstance(value, bool):
        return value
    raise BadValue("NOT_A_BOOLEAN", f"{value!r} is neither true nor false")


def exact(value: Any, code: str) -> Decimal:
    """The number behind text, int, Decimal or Debezium's {scale, value}; floats, bytes and NaN are refused."""
    if isinstance(value, (str, int, Decimal)) and not isinstance(value, bool):
        try:
            number = Decimal(value)
        except ArithmeticError as error:
            raise BadValue(code, f"{value!r} is no number") from error
    elif isinstance(value, dict) and isinstance(value.get("value"), bytes) and isinstance(value.get("scale"), int):
        unscaled = int.from_bytes(value["value"], "big", signed=True)
        sign, digits, _ = Decimal(unscaled).as_tuple()
        number = Decimal((sign, digits, -value["scale"]))
    else:
        raise BadValue(code, f"{value!r} is no exact number (bytes without a decimal mark and floats are not)")
    if not number.is_finite():
        raise BadValue("NON_FINITE", f"{value!r} is not finite")
    return number


def decimal(value: Any) -> str | None:
    """A number as plain decimal text without trailing zeros, so that 5 and 5.00 are one value."""
    if value is None:
        return None
    number = exact(value, "NOT_A_NUMBER")
    plain = format(number, "f")
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return "0" if plain in ("-0", "") else plain


def shortest_decimal(value: Any) -> str | None:
    """As `decimal`, for a float column whose shortest text is meant to be exact (a quantity of 0.1 is 0.1)."""
    if isinstance(value, float):
        if not isfinite(value):
            raise BadValue("NON_FINITE", f"{value!r} is not finite")
        value = repr(value)
    return decimal(value)


def minor_units(value: Any) -> int | None:
    """An amount given in minor units. Raises BadValue NOT_AN_AMOUNT, or INVALID_PRECISION for a fraction."""
    if value is None:
        return None
    number = exact(value, "NOT_AN_AMOUNT")
    if number != (whole := int(number)):
        raise BadValue("INVALID_PRECISION", f"{value!r} minor units have a fraction")
    return whole


def major_units(value: Any) -> int | None:
    """An amount given in major units, as an integer of 10^-9 units: the currency decides later what is allowed."""
    if value is None:
        return None
    if value.__class__ is str:  # the usual case, without Decimal: '-18.600'
        whole, _, fraction = value.partition(".")
        digits = whole + fraction
        if len(fraction) <= NANO_DIGITS and digits.isascii() and digits.removeprefix("-").isdigit():
            return int(digits) * int(10 ** (NANO_DIGITS - len(fraction)))
    number = exact(value, "NOT_AN_AMOUNT")
    sign, figures, exponent = number.as_tuple()
    assert isinstance(exponent, int)  # finite
    unscaled = int("".join(map(str, figures)) or "0") * (-1 if sign else 1)
    shift = exponent + NANO_DIGITS
    if shift >= 0:
        return unscaled * int(10**shift)
    whole_number, rest = divmod(unscaled, int(10**-shift))
    if rest:
        raise BadValue("INVALID_PRECISION", f"{value!r} has more than {NANO_DIGITS} decimals")
    return whole_number


def major_text(minor: int, exponent: int) -> str:
    """Minor units as exact text in major units: (18600, 3) -> '18.600', (500, 0) -> '500'."""
    if exponent == 0:
        return str(minor)
    sign, figures = ("-", -minor) if minor < 0 else ("", minor)
    whole, fraction = divmod(figures, 10**exponent)
    return f"{sign}{whole}.{fraction:0{exponent}d}"


def day(value: Any) -> str | None:
    """A date as ISO text, from days since 1970. Raises BadValue OUT_OF_RANGE_DATE outside years 1 to 9999."""
    if value is None:
        return None
    if isinstance(value, date):
        return value.isoformat()[:10]
    try:
        if isinstance(value, str):
            return date.fromisoformat(value.removesuffix("Z")).isoformat()
        if isinstance(value, bool):
            raise TypeError("a boolean is no day")
        return date.fromordinal(value + _DAY_OF_EPOCH).isoformat()
    except (ValueError, OverflowError, TypeError) as error:
        raise BadValue("OUT_OF_RANGE_DATE", f"{value!r} is no date of the years 1 to 9999") from error


def instant(value: Any) -> str | None:
    """An instant as ISO text in UTC, from zoned text or a datetime; infinity becomes OPEN_ENDED or OPEN_STARTED."""
    if value is None:
        return None
    if value in ("infinity", "-infinity", INFINITY_US, MINUS_INFINITY_US):
        return OPEN_ENDED if value in ("infinity", INFINITY_US) else OPEN_STARTED
    try:
        if value.__class__ is int:
            instant_from_us(value)  # refuses what is no time at all
            raise BadValue("ZONE_NOT_DECLARED", f"{value} is a wall clock without a zone and the mapping declares none")
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise BadValue("ZONE_NOT_DECLARED", f"{value!r} has no zone and the mapping declares none")
        return iso(moment.astimezone(UTC))
    except BadValue:
        raise
    except (ValueError, OverflowError, TypeError) as error:
        raise BadValue("OUT_OF_RANGE_TIMESTAMP", f"{value!r} is no instant of the years 1 to 9999") from error


def instant_from_us(value: Any) -> str | None:
    """As `instant`, for a column whose mapping declares `zone: UTC`: microseconds since 1970 are accepted too."""
    if value.__class__ is not int:
        if isinstance(value, datetime) and value.tzinfo is None:
            value = value.replace(tzinfo=UTC)
        if not isinstance(value, int) or isinstance(value, bool):
            return instant(value)
    if not _US_MIN <= value <= _US_MAX:
        if value in (INFINITY_US, MINUS_INFINITY_US):
            return OPEN_ENDED if value > 0 else OPEN_STARTED
        raise BadValue("OUT_OF_RANGE_TIMESTAMP", f"{value} microseconds lie outside the years 1 to 9999")
    return _plain(_CLOCK_OF_EPOCH + timedelta(microseconds=value))


def instant_ms(value: str) -> int | None:
    """Canonical instant text in milliseconds since 1970, None for an end that never comes."""
    if value in (OPEN_ENDED, NOT_SET):
        return None
    if value == OPEN_STARTED:
        return _US_MIN // 1000
    return (datetime.fromisoformat(value) - _EPOCH) // timedelta(milliseconds=1)


def iso(moment: datetime) -> str:
    """Canonical text of a UTC moment: seconds, or the fraction without a trailing 000."""
    return _plain(moment.replace(tzinfo=None))


def _plain(moment: datetime) -> str:
    plain = moment.isoformat()
    return (plain.removesuffix("000") if moment.microsecond else plain) + "Z"
