"""Confluent frames: which schema they name, and readers compiled once per schema, with every failure given its code."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Protocol

from connectors.avro import AvroError, DecodeError
from connectors.registry import UnknownSchemaId, UnreadableSchema

MALFORMED_FRAME = "MALFORMED_FRAME"
UNKNOWN_SCHEMA_ID = "UNKNOWN_SCHEMA_ID"
MISSING_KEY = "MISSING_KEY"
NOT_AN_ENVELOPE = "NOT_AN_ENVELOPE"
MISSING_COLUMN = "MISSING_COLUMN"
PARTITION_TRUNCATED = "PARTITION_TRUNCATED"


class BadFrameError(Exception):
    """A record that cannot be read: `code` is stable, `reason` one sentence."""

    def __init__(self, code: str, reason: str) -> None:
        """Keep both: they go into the parked record."""
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class Schemas(Protocol):
    """Where writer schemas come from: the registry, or a dictionary in a test."""

    def schema(self, schema_id: int) -> Any:
        """The standalone schema of an id; raises UnknownSchemaId."""


def schema_id_of(frame: bytes | None) -> int:
    """The schema id in a Confluent frame. Raises BadFrameError (MALFORMED_FRAME)."""
    if not frame:
        raise BadFrameError(MALFORMED_FRAME, "the value has no bytes" if frame is not None else "there is no value")
    if len(frame) < 5 or frame[0] != 0:
        raise BadFrameError(
            MALFORMED_FRAME, f"{frame[:5].hex(' ')} does not start a frame of magic byte 0 and 4 bytes of schema id"
        )
    return int.from_bytes(frame[1:5], "big")


def learn(schemas: Schemas, frames: Iterable[bytes]) -> None:
    """Ask for the schemas of these frames now, so that decoding them later needs no registry. Raises RegistryUnavailable.

    What is no frame or has an unknown id is left alone: reading it will say so.
    """
    for head in {frame[:5] for frame in frames}:
        with suppress(BadFrameError, UnknownSchemaId, UnreadableSchema):
            schemas.schema(schema_id_of(head))


class Compiled:
    """One kind of reader for every writer schema: compiled at the first frame of an id, found by its first 5 bytes."""

    def __init__(self, schemas: Schemas, make: Callable[[Any], Callable[..., Any]]) -> None:
        self._schemas = schemas
        self._make = make
        self.known: dict[bytes, Callable[..., Any]] = {}

    def read(self, frame: bytes) -> Any:
        """The value. Raises BadFrameError, RegistryUnavailable."""
        reader = self.known.get(frame[:5]) or self.reader(frame)
        try:
            return reader(frame)
        except DecodeError as error:
            raise BadFrameError(MALFORMED_FRAME, str(error)) from error

    def reader(self, frame: bytes) -> Callable[..., Any]:
        """The reader for this frame's schema."""
        number = schema_id_of(frame)
        try:
            schema = self._schemas.schema(number)
        except UnknownSchemaId as error:
            raise BadFrameError(UNKNOWN_SCHEMA_ID, str(error)) from error
        except UnreadableSchema as error:
            raise BadFrameError(NOT_AN_ENVELOPE, str(error)) from error
        try:
            reader = self.known[frame[:5]] = self._make(schema)
        except AvroError as error:
            raise BadFrameError(NOT_AN_ENVELOPE, f"schema {number}: {error}") from error
        return reader
