"""Decodes Confluent frames with fastavro: the observer must not trust the codec of the flow that it observes."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import fastavro

from connectors.registry import Registry


class FrameDecoder:
    """Decodes by each frame's own writer schema; schemas are fetched once."""

    def __init__(self, registry: Registry) -> None:
        """`registry` gives the schema of an id."""
        self._registry = registry
        self._schemas: dict[int, Any] = {}

    def decode(self, frame: bytes) -> dict[str, Any]:
        """The record in the frame. Raises ValueError where the bytes are not a frame."""
        if len(frame) < 5 or frame[0] != 0:
            raise ValueError(f"{frame[:8]!r} is not a Confluent frame")
        number = int.from_bytes(frame[1:5], "big")
        schema = self._schemas.get(number)
        if schema is None:
            schema = self._schemas[number] = fastavro.parse_schema(self._registry.schema(number))
        record: Any = fastavro.schemaless_reader(BytesIO(frame[5:]), schema, None)
        return dict(record)
