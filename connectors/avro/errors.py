"""What can go wrong between bytes and values.

AvroError
  SchemaError            the schema is not valid Avro, or names a type that nobody defines
    UnsupportedSchema    valid, but the generator has no code for it: fastavro takes over
    UnknownPath          a projection asks for a field that the schema does not have
  DecodeError            the bytes are not a value of the schema (short, over-long, bad branch, bad UTF-8)
    OutOfRange           a date or time that Python cannot hold; the raw number is kept
  EncodeError            the value does not fit the schema
"""

from __future__ import annotations


class AvroError(Exception):
    """Base of every error of the codec."""


class SchemaError(AvroError):
    """The schema cannot be used; the message names the type or field."""


class UnsupportedSchema(SchemaError):
    """Valid Avro without generated code; callers fall back to fastavro."""


class UnknownPath(SchemaError):
    """A projection names a path that the writer schema lacks."""


class DecodeError(AvroError, ValueError):
    """The bytes are not exactly one value of the writer schema."""


class OutOfRange(DecodeError):
    """A date or instant outside years 1 to 9999. `code` is stable, `raw` the number as received."""

    def __init__(self, code: str, raw: int) -> None:
        """Keep the raw number: a parked row shows it."""
        super().__init__(
            f"{code}: the raw number {raw} lies outside the years 1 to 9999; park the row and correct it at its source."
        )
        self.code = code
        self.raw = raw


class EncodeError(AvroError, ValueError):
    """The value cannot be written with the schema."""
