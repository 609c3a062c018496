"""The registry client: one question per id, references at most once, outages survived, meaning never changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import stamina

from connectors.avro import compile_reader, compile_writer
from connectors.registry import Registry, RegistryUnavailable, SchemaRefused, UnknownSchemaId, UnreadableSchema

LONG = {"type": "record", "name": "R", "fields": [{"name": "a", "type": "long"}]}
MONEY = {
    "type": "record",
    "name": "R",
    "fields": [{"name": "a", "type": {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}}],
}


class FakeRegistry:
    """Answers of a registry by path; `down` makes it fail in one of its ways; `asked` keeps the paths."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[str] = []
        self.down: int | Exception | None = None
        self.failures_left = 1_000_000

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """One answer."""
        path = f"{request.method} {request.url.path}"
        self.asked.append(path)
        if self.down is not None and self.failures_left > 0:
            self.failures_left -= 1
            if isinstance(self.down, Exception):
                raise self.down
            return httpx.Response(self.down, text="busy")
        if path not in self.answers:
            return httpx.Response(404, json={"error_code": 40403, "message": "not found"})
        return httpx.Response(200, json=self.answers[path])

    def registry(self) -> Registry:
        """A client of this fake."""
        return Registry("http://registry/base", transport=httpx.MockTransport(self))


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    """A fake registry; retries go without waiting."""
    with stamina.set_testing(True, attempts=3):
        yield FakeRegistry()


def test_an_id_is_asked_once(fake: FakeRegistry) -> None:
    """The second question comes from the cache, also while the registry is down."""
    fake.answers["GET /base/schemas/ids/7"] = {"schema": json.dumps(LONG)}
    registry = fake.registry()
    assert registry.schema(7) == LONG
    fake.down = httpx.ConnectError("refused")
    assert registry.schema(7) == LONG
    assert fake.asked == ["GET /base/schemas/ids/7"]


def test_an_unknown_id_is_not_retried(fake: FakeRegistry) -> None:
    """404 is an answer: UnknownSchemaId at once, and a flood of such frames asks once."""
    registry = fake.registry()
    for _ in range(3):
        with pytest.raises(UnknownSchemaId, match="99"):
            registry.schema(99)
    assert len(fake.asked) == 1


@pytest.mark.parametrize("failure", [httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), 503, 429])
def test_a_short_outage_is_retried(fake: FakeRegistry, failure: Any) -> None:
    """No connection, no answer in time, 5xx and 429 are asked again."""
    fake.answers["GET /base/schemas/ids/7"] = {"schema": json.dumps(LONG)}
    fake.down, fake.failures_left = failure, 2
    assert fake.registry().schema(7) == LONG
    assert len(fake.asked) == 3


@pytest.mark.parametrize("failure", [httpx.ConnectError("refused"), 500])
def test_a_long_outage_is_named(fake: FakeRegistry, failure: Any) -> None:
    """After the retries: RegistryUnavailable with the address, and the next call asks again."""
    fake.down = failure
    registry = fake.registry()
    with pytest.raises(RegistryUnavailable, match="http://registry/base"):
        registry.schema(7)
    fake.answers["GET /base/schemas/ids/7"] = {"schema": json.dumps(LONG)}
    fake.down = None
    assert registry.schema(7) == LONG


def test_references_are_put_in_and_asked_once(fake: FakeRegistry) -> None:
    """Root refers to two parts which share Address: it decodes, and Address is fetched once for all ids."""
    address = {"type": "record", "name": "Address", "namespace": "shop", "fields": [{"name": "city", "type": "string"}]}
    to_address = [{"name": "shop.Address", "subject": "address", "version": 1}]
    for name in ("OrderPart", "InvoicePart"):
        part = {"type": "record", "name": name, "namespace": "shop", "fields": [{"name": "at", "type": "Address"}]}
        fake.answers[f"GET /base/subjects/{name}/versions/1"] = {"schema": json.dumps(part), "references": to_address}
    fake.answers["GET /base/subjects/address/versions/1"] = {"schema": json.dumps(address)}
    root = {
        "type": "record",
        "name": "Root",
        "fields": [{"name": "order", "type": "shop.OrderPart"}, {"name": "invoice", "type": "shop.InvoicePart"}],
    }
    references = [{"name": f"shop.{n}", "subject": n, "version": 1} for n in ("OrderPart", "InvoicePart")]
    for number in (50, 51):
        fake.answers[f"GET /base/schemas/ids/{number}"] = {"schema": json.dumps(root), "references": references}
    registry = fake.registry()
    value = {"order": {"at": {"city": "Ulm"}}, "invoice": {"at": {"city": "Ulm"}}}
    for number in (50, 51):
        schema = registry.schema(number)
        assert compile_reader(schema)(compile_writer(schema, b"12345")(value)) == value
    assert fake.asked.count("GET /base/subjects/address/versions/1") == 1
    assert len(fake.asked) == len(set(fake.asked)) == 5


def test_a_known_schema_is_registered_by_its_id(fake: FakeRegistry) -> None:
    """A schema that the subject has is looked up, not registered again; the second time it is not even asked."""
    fake.answers["POST /base/subjects/s-value"] = {"id": 5}
    registry = fake.registry()
    assert [registry.register("s-value", LONG) for _ in range(2)] == [5, 5]
    assert fake.asked == ["POST /base/subjects/s-value"]


def test_a_new_schema_is_registered(fake: FakeRegistry) -> None:
    """Looked up, compared with the earlier versions, registered under exactly the given subject."""
    fake.answers["POST /base/subjects/canon.account-canon.Account/versions"] = {"id": 6}
    assert fake.registry().register("canon.account-canon.Account", LONG) == 6
    assert {p.split("/")[3] for p in fake.asked} == {"canon.account-canon.Account"}


def test_a_change_of_scale_is_never_registered(fake: FakeRegistry) -> None:
    """Any earlier version counts, not only the last; the registry is not even asked to take it."""
    fake.answers["GET /base/subjects/s-value/versions"] = [1, 2]
    fake.answers["GET /base/subjects/s-value/versions/1"] = {"schema": json.dumps(MONEY)}
    fake.answers["GET /base/subjects/s-value/versions/2"] = {"schema": json.dumps({**LONG, "fields": []})}
    fake.answers["POST /base/subjects/s-value/versions"] = {"id": 6}
    other = json.loads(json.dumps(MONEY).replace('"scale": 2', '"scale": 4'))
    with pytest.raises(SchemaRefused, match="a: scale changes from 2 to 4"):
        fake.registry().register("s-value", other)
    assert "POST /base/subjects/s-value/versions" not in fake.asked


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"schema": "syntax = 'proto3';", "schemaType": "PROTOBUF"}, "PROTOBUF"),
        ({"schema": "{"}, "Schema 7 cannot be read"),
        ({"schema": '"long"', "references": [{"name": "x", "subject": "gone", "version": 1}]}, "gone"),
    ],
)
def test_a_schema_that_is_no_readable_avro_is_told_apart_from_an_outage(
    fake: FakeRegistry, document: dict[str, Any], reason: str
) -> None:
    """Another kind, broken text, a reference that is missing: the record is at fault. It is asked for once in a while only."""
    fake.answers["GET /base/schemas/ids/7"] = document
    registry = fake.registry()
    for _ in range(3):
        with pytest.raises(UnreadableSchema, match=reason):
            registry.schema(7)
    assert fake.asked.count("GET /base/schemas/ids/7") == 1


@pytest.mark.parametrize("status", [401, 403, 400])
def test_an_answer_that_says_nothing_about_the_schema_is_an_outage(fake: FakeRegistry, status: int) -> None:
    """A registry that does not let us in must not get every record parked."""
    fake.down = status
    with pytest.raises(RegistryUnavailable, match=str(status)):
        fake.registry().schema(7)
