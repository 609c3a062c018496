"""Finds stored rows by a text that they hold: from a document's number back to the row that was captured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from connectors.facts import NOTE, read_fact
from connectors.kafka.restore import read_to_end
from connectors.registry import RegistryError


class FoundRow(NamedTuple):
    """One live row as captured. `values`: its columns; empty where its schema cannot be had."""

    source: str
    table: str
    key: str
    account: str
    position: int
    time_ms: int
    values: Mapping[str, Any]


def live_rows(
    bootstrap: str, topic: str, partitions: list[int], text: str, decode: Callable[[bytes], Any]
) -> Iterator[FoundRow]:
    """Rows of these partitions in whose bytes the text appears; `decode` reads a captured value."""
    needle = text.encode()
    newest: dict[bytes, bytes] = {}
    for batch in read_to_end(bootstrap, topic, partitions):
        for message in batch:
            key, value = message.key() or b"", message.value()
            newest.pop(key, None)
            if value is not None and needle in value:
                newest[key] = value
    for key, value in newest.items():
        fact = read_fact(key, value)
        if not fact.topic.startswith(NOTE):
            source, _, table = fact.topic.partition(".")
            image = _image(fact.frame, decode)
            yield FoundRow(source, table, fact.key, fact.account, fact.position, fact.time_ms, image)


def _image(frame: bytes, decode: Callable[[bytes], Any]) -> Mapping[str, Any]:
    """The row's columns. A schema that the registry has lost leaves the row without them; it is found all the same."""
    try:
        envelope = decode(frame)
    except (RegistryError, ValueError, KeyError):
        return {}
    after = envelope.get("after") if isinstance(envelope, Mapping) else None
    return after if isinstance(after, Mapping) else {}
