"""Columns of captured tables from writer schemas: those of a recording, of a folder, or of the schema registry.

A schema is an Avro schema of a Debezium envelope, by itself in a file (`.avsc`, `.json`) or as the text of a registry's
answer. A recording is JSON lines (`.jsonl`, also gzipped): `{"schema_id", "schema"}`, or whole events `{"topic", "value"}`
as JSON, which tell the columns and not their types.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from connectors.avro.errors import AvroError
from connectors.avro.schema import parse_schema
from connectors.mappings.checking.against_columns import Columns, Described
from connectors.mappings.shape import TableShape
from connectors.registry import Registry


class RecordingUnreadable(Exception):
    """A recording, or a file of a folder of schemas, cannot be used; the message names it. Exit code 2."""


def recorded_columns(path: Path) -> Columns:
    """Columns by `schema.table` (and `database.schema.table`) of everything recorded. Raises RecordingUnreadable."""
    found: dict[str, Mapping[str, Described]] = {}
    for document in _documents(path):
        _enter(found, document)
    if not found:
        raise RecordingUnreadable(
            f"{path} holds no schema and no event of a captured table. Next step: give writer schemas of Debezium's "
            "envelopes, or JSON lines of events"
        )
    return found


def registry_columns(registry: Registry, source: str, tables: Mapping[str, TableShape]) -> Columns:
    """Columns of the newest writer schema of each table, whatever subjects are named after. Raises RegistryError."""
    found: dict[str, Mapping[str, Described]] = {}
    for name, table in tables.items():
        topic = table.topic or f"{source}.{name}"
        record = record_of(source, name, table)
        for subject in (
            record,
            f"{record}.Envelope",
            f"{topic}-{record}",
            f"{topic}-{record}.Envelope",
            f"{topic}-value",
        ):
            if registry.versions(subject):
                seen: dict[str, Mapping[str, Described]] = {}
                _enter(seen, registry.schema(registry.version(subject, "latest")["id"]))
                if record in seen:
                    found[name] = seen[record]
                    break
    return found


def record_of(source: str, name: str, table: TableShape) -> str:
    """Full name of the records of a table, without Debezium's `.Envelope`."""
    return (table.record or _adjusted(f"{source}.{name}")).removesuffix(".Envelope")


def _documents(path: Path) -> Iterator[Any]:
    """JSON documents of a file, or of the files of a folder."""
    try:
        if path.is_dir():
            for file in sorted(path.iterdir()):
                if file.suffix in (".json", ".avsc", ".jsonl", ".gz"):
                    yield from _documents(file)
        elif ".jsonl" in path.suffixes:
            with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
                yield from (json.loads(line) for line in lines if line.strip())
        else:
            yield json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise RecordingUnreadable(
            f"{path} cannot be read ({error}). Next step: name a recording or a schema"
        ) from error


def _enter(found: dict[str, Mapping[str, Described]], document: Any) -> None:
    """Add the table of a schema or event; anything else is passed over."""
    if not isinstance(document, dict):
        return
    if "schema" in document and "type" not in document:
        inner = document["schema"]
        _enter(found, json.loads(inner) if isinstance(inner, str) else inner)
    elif isinstance(document.get("value"), dict):
        _enter_event(found, document["value"])
    elif document.get("type") == "record":
        _enter_schema(found, document)


def _enter_schema(found: dict[str, Mapping[str, Described]], schema: dict[str, Any]) -> None:
    try:
        node = parse_schema(schema)
    except (AvroError, KeyError, TypeError):
        return
    if not (node.has("op") and node.has("after")):
        return
    image = node.find("after").nullable or node.find("after")
    types = _types_of(schema)
    columns = {
        field.name: Described(
            types.get(field.name), None, tuple(filter(None, _allowed(field.node.nullable or field.node).split(",")))
        )
        for field in image.fields
    }
    name = node.name.removesuffix(".Envelope")
    for known in {name, *(".".join(name.split(".")[-length:]) for length in (2, 3))}:
        found[known] = columns


def _allowed(node: Any) -> str:
    """Labels of an enum, as Debezium writes them beside its type."""
    return str(node.properties.get("connect.parameters", {}).get("allowed", "")) if node.kind == "string" else ""


def _types_of(schema: dict[str, Any]) -> dict[str, Any]:
    """Column -> Avro schema, from the place where the row's record is defined; none for a type defined elsewhere."""
    for field in schema["fields"]:
        for branch in field["type"] if isinstance(field["type"], list) else [field["type"]]:
            if isinstance(branch, dict) and branch.get("type") == "record" and field["name"] in ("before", "after"):
                return {item["name"]: item["type"] for item in branch["fields"] if _alone(item["type"])}
    return {}


def _alone(schema: Any) -> bool:
    try:
        parse_schema(schema)
    except AvroError:
        return False
    return True


def _enter_event(found: dict[str, Mapping[str, Described]], event: dict[str, Any]) -> None:
    image, source = event.get("after") or event.get("before"), event.get("source")
    if isinstance(image, dict) and isinstance(source, dict) and "table" in source:
        columns = {
            **found.get(f"{source.get('schema')}.{source['table']}", {}),
            **{name: Described(None) for name in image},
        }
        for name in (
            f"{source.get('schema')}.{source['table']}",
            f"{source.get('db')}.{source.get('schema')}.{source['table']}",
        ):
            found[name] = columns


def _adjusted(topic: str) -> str:
    """As Debezium names records (schema.name.adjustment.mode=avro)."""
    return re.sub(r"[^A-Za-z0-9_.]", "_", topic)
