"""Avro schemas of events that were recorded as JSON: as wide as all values of a topic, one for each set of columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any

from connectors.avro import compile_writer, frame_prefix

_PRIMITIVES = {bool: "boolean", int: "long", float: "double", str: "string"}
_IMAGES = ("before", "after")
Columns = tuple[str, ...]


class _Kind:
    """What the values in one place were."""

    def __init__(self) -> None:
        self.null = False
        self.primitives: set[str] = set()
        self.fields: dict[str, _Kind] | None = None
        self.items: _Kind | None = None

    def learn(self, value: Any) -> None:
        """Take one more value."""
        if value is None:
            self.null = True
        elif isinstance(value, dict):
            self.fields = {} if self.fields is None else self.fields
            for name, one in value.items():
                self.fields.setdefault(name, _Kind()).learn(one)
        elif isinstance(value, list):
            self.items = self.items or _Kind()
            for one in value:
                self.items.learn(one)
        else:
            self.primitives.add(_PRIMITIVES[type(value)])

    def schema(self, names: Iterator[int], only: Columns | None = None) -> Any:
        """The Avro schema; `only`: these fields of a record. A place that was always null could hold text."""
        branches: list[Any] = sorted(self.primitives)
        if self.items is not None:
            branches.append({"type": "array", "items": self.items.schema(names)})
        if self.fields is not None:
            fields = [
                {"name": name, "type": one.schema(names)}
                for name, one in self.fields.items()
                if only is None or name in only
            ]
            branches.append({"type": "record", "name": f"Record{next(names)}", "fields": fields})
        if self.null or not branches:
            return ["null", *(branches or ["string"])]
        return branches[0] if len(branches) == 1 else branches


class Inferred:
    """Learns from every event first, then encodes them; `schemas` is what a registry would know."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self.schemas: dict[int, Any] = {}
        self._keys: dict[str, _Kind] = {}
        self._values: dict[str, _Kind] = {}
        self._images: dict[str, _Kind] = {}
        self._writers: dict[tuple[str, Columns | None], Callable[[Any], bytes]] = {}

    def learn(self, topic: str, key: Any, value: Any) -> None:
        """Take an event's types."""
        if key is not None:
            self._keys.setdefault(topic, _Kind()).learn(key)
        if isinstance(value, dict):
            rest = {name: one for name, one in value.items() if name not in _IMAGES}
            self._values.setdefault(topic, _Kind()).learn(rest)
            for image in _IMAGES:
                if image in value:
                    self._images.setdefault(topic, _Kind()).learn(value[image])

    def encode(self, topic: str, key: Any, value: Any) -> tuple[bytes | None, bytes | None]:
        """Key and value as they would lie in Kafka."""
        columns = _columns(value) if isinstance(value, dict) and "after" in value else None
        return (
            None if key is None else self._writer(f"{topic}-key", None, lambda: self._key_schema(topic))(key),
            None
            if value is None
            else self._writer(f"{topic}-value", columns, lambda: self._value_schema(topic, columns))(
                _whole(value, self._values[topic], columns)
            ),
        )

    def _writer(self, subject: str, columns: Columns | None, make: Callable[[], Any]) -> Callable[[Any], bytes]:
        writer = self._writers.get((subject, columns))
        if writer is None:
            number, schema = len(self.schemas) + 1, make()
            self.schemas[number] = schema
            writer = self._writers[subject, columns] = compile_writer(schema, frame_prefix(number))
        return writer

    def _key_schema(self, topic: str) -> Any:
        return self._keys[topic].schema(count())

    def _value_schema(self, topic: str, columns: Columns | None) -> Any:
        names = count()
        schema = self._values[topic].schema(names)
        if columns is not None:
            image = self._images[topic]
            image.null = False
            row = image.schema(names, columns)
            first = {"name": "before", "type": ["null", row]}
            schema["fields"][:0] = [first, {"name": "after", "type": ["null", row["name"]]}]
        return schema


def _columns(value: Mapping[str, Any]) -> Columns:
    """Columns of an event's row images, in their order."""
    return tuple(dict.fromkeys(name for image in _IMAGES for name in value.get(image) or {}))


def _whole(value: Mapping[str, Any], kind: _Kind, columns: Columns | None) -> dict[str, Any]:
    """The event with every field of its schema."""
    out = {name: _filled(value.get(name), one) for name, one in (kind.fields or {}).items()}
    for image in _IMAGES if columns is not None else ():
        row = value.get(image)
        out[image] = None if row is None else {name: row.get(name) for name in columns or ()}
    return out


def _filled(value: Any, kind: _Kind) -> Any:
    """Nested records with every field that one of them had; what lacks in one becomes null."""
    if isinstance(value, dict) and kind.fields is not None:
        return {name: _filled(value.get(name), one) for name, one in kind.fields.items()}
    if isinstance(value, list) and kind.items is not None:
        return [_filled(one, kind.items) for one in value]
    return value
