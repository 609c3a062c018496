"""Registry schemas that refer to one another: shared types, self references and short names all decode."""

from __future__ import annotations

import json
from collections import Counter
from io import BytesIO
from typing import Any

import fastavro
import httpx
import pytest

from connectors.avro import compile_reader, frame_prefix
from connectors.capturing.debezium import Decoder
from connectors.registry import Registry
from tests.connectors.events import change, envelope, record

ADDRESS = record("Address", ("city", "string"), namespace="acme")
ORDER = record("OrderPart", ("ship_to", "acme.Address"), namespace="acme")
INVOICE = record("InvoicePart", ("bill_to", "acme.Address"), namespace="acme")
ROOT = record("Root", ("order", "acme.OrderPart"), ("invoice", "acme.InvoicePart"), namespace="acme")
NODE = {
    "type": "record",
    "name": "Node",
    "fields": [{"name": "n", "type": "int"}, {"name": "parent", "type": ["null", "Node"]}],
}


def reference(name: str) -> dict[str, Any]:
    """A registry reference to version 1 of the subject of that name."""
    return {"name": name, "subject": name, "version": 1}


class Server:
    """A registry that counts what it is asked."""

    def __init__(self) -> None:
        """Schemas by id, referenced ones by subject."""
        self.asked: Counter[str] = Counter()
        self.by_id: dict[str, tuple[Any, list[dict[str, Any]]]] = {}
        self.by_subject: dict[str, tuple[Any, list[dict[str, Any]]]] = {
            "acme.Address": (ADDRESS, []),
            "acme.OrderPart": (ORDER, [reference("acme.Address")]),
            "acme.InvoicePart": (INVOICE, [reference("acme.Address")]),
        }

    def answer(self, request: httpx.Request) -> httpx.Response:
        """GET of an id or of a subject's version."""
        self.asked[request.url.path] += 1
        parts = request.url.path.strip("/").split("/")
        schema, references = self.by_id[parts[-1]] if parts[0] == "schemas" else self.by_subject[parts[1]]
        return httpx.Response(
            200, json={"schema": json.dumps(schema), "references": references, "subject": "s", "id": 1}
        )


@pytest.fixture
def server() -> Server:
    """A fresh registry."""
    return Server()


def client(server: Server) -> Registry:
    """The product's client of it."""
    return Registry("http://registry", transport=httpx.MockTransport(server.answer))


def test_two_parts_share_an_address(server: Server) -> None:
    """G12 (a): both addresses decode and are equal; each referenced schema is fetched once per process."""
    server.by_id["5"] = (ROOT, [reference("acme.OrderPart"), reference("acme.InvoicePart")])
    server.by_id["6"] = ({**ROOT, "doc": "again"}, [reference("acme.OrderPart"), reference("acme.InvoicePart")])
    registry = client(server)
    body = frame_prefix(5) + b"\x08Wien\x08Wien"
    for number in (5, 6, 5, 6):
        value = compile_reader(registry.schema(number))(body)
        assert value["order"]["ship_to"] == value["invoice"]["bill_to"] == {"city": "Wien"}
    assert set(server.asked.values()) == {1}


def test_a_type_without_namespace_refers_to_itself(server: Server) -> None:
    """G12 (b): two levels are kept."""
    server.by_id["5"] = (NODE, [])
    value = compile_reader(client(server).schema(5))(frame_prefix(5) + b"\x02\x02\x04\x02\x06\x00")
    assert value == {"n": 1, "parent": {"n": 2, "parent": {"n": 3, "parent": None}}}


def test_an_envelope_with_short_names_and_a_referenced_source(server: Server) -> None:
    """G12 (c): `after` names the row type inside `before` by its short name; `source` comes by reference."""
    whole = envelope(("id", "long"), ("name", "string"))
    fields = {field["name"]: field for field in whole["fields"]}
    source = fields["source"]["type"]
    row_type = fields["before"]["type"][1]
    row_type = {**row_type, "namespace": "billing"}
    short = [
        {**f, "type": {"before": ["null", row_type], "after": ["null", "Value"]}.get(f["name"], f["type"])}
        for f in whole["fields"]
    ]
    short = [{**f, "type": "io.debezium.connector.postgresql.Source"} if f["name"] == "source" else f for f in short]
    envelope_type = {**whole, "namespace": "billing", "fields": short}
    server.by_subject["source"] = (source, [])
    server.by_id["5"] = (envelope_type, [{"name": source["name"], "subject": "source", "version": 1}])
    registry = client(server)
    frame = frame_prefix(5) + _written(registry.schema(5), {"id": 7, "name": "Ada"})
    assert Decoder(registry).row(0, frame) == {"id": 7, "name": "Ada"}


def _written(schema: Any, after: dict[str, Any]) -> bytes:
    """The event by fastavro, an independent writer."""
    out = BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), change(after=after))
    return out.getvalue()
