"""Several record types on one topic: each row goes to its table by the name in its schema; what nobody mapped is parked."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from connectors.mappings.checking.recorded import RecordedEvent
from connectors.mappings.loading import MappingError, load_model
from tests.scenarios.cases.capture import Event
from tests.scenarios.cases.company import ACCOUNT, TABLES, mapping_of, row, topic
from tests.scenarios.cases.wire import Wire

EVENTS = "billing.events"
#: table -> record on the topic; nobody maps the memos
RECORDS = {"billing.invoices": "acme.Invoice", "billing.payments": "acme.Payment", "billing.memos": "acme.Memo"}
MAPPED = {name: {"topic": EVENTS, "record": RECORDS[name]} for name in ("billing.invoices", "billing.payments")}
Columns = dict[str, Any]


class Routed(Wire):
    """Billing whose invoices, payments and any number of unmapped types come on one topic, their schemas named by record."""

    def __init__(self, folder: Path, records: dict[str, str], mapping: dict[str, Any]) -> None:
        """Accounts have a topic of their own."""
        self.records = {topic(name): record for name, record in records.items()}
        columns = {name: TABLES.get(name, {"text": "string"}) for name in ("billing.accounts", *records)}
        tables = {topic(name): (("id",), {"id": "long", **own}) for name, own in columns.items()}
        super().__init__(folder, {"billing": mapping_of("billing", mapping)}, tables)
        for name, record in self.records.items():
            namespace, _, short = record.rpartition(".")
            self.registry.schemas[self.values[name]] |= {"name": short, "namespace": namespace}

    def route(self, messages: list[RecordedEvent]) -> list[RecordedEvent]:
        """As the connector's router does."""
        return [m._replace(topic_name=EVENTS) if m.topic_name in self.records else m for m in messages]

    def transaction(self, *events: Event, source: str = "billing", after_ms: int = 1000) -> list[RecordedEvent]:
        """Messages on the topics where they are written."""
        return self.route(super().transaction(*events, source=source, after_ms=after_ms))


def routed(folder: Path, records: dict[str, str] | None = None) -> Routed:
    """With account A-000001 and its invoice I-4 of 70.00."""
    wire = Routed(folder, records or RECORDS, MAPPED)
    wire.commit(
        wire.put(topic("billing.accounts"), **row("billing.accounts", 1)),
        wire.put(topic("billing.invoices"), "c", **row("billing.invoices", 4, number="I-4", total_minor=7000)),
    )
    return wire


def memo(wire: Routed, name: str = "billing.memos", number: int = 4) -> Event:
    """A row of an unmapped type, with the very key of an invoice."""
    return wire.put(topic(name), "c", id=number, text="call back")


def payment(wire: Routed, number: int, amount: int) -> Event:
    """A payment of I-4."""
    own = row("billing.payments", number, invoice_id=4, amount_minor=amount)
    return wire.put(topic("billing.payments"), "c", **own)


def test_both_types_are_decoded_and_the_third_is_parked_by_name(tmp_path: Path) -> None:
    """G16 (input): no subject is asked for; acme.Memo is UNMAPPED_RECORD_TYPE, counted, and its key goes on at once."""
    wire = routed(tmp_path)
    wire.commit(memo(wire), payment(wire, 1, 3000))
    wire.commit(wire.put(topic("billing.invoices"), **row("billing.invoices", 4, number="I-4", total_minor=8000)))
    assert wire.live("invoice")["I-4"]["total_minor"] == 8000
    assert wire.live("invoice")["I-4"]["paid_minor"] == 3000
    (bad,) = wire.parked()
    assert (bad.code, bad.topic) == ("UNMAPPED_RECORD_TYPE", EVENTS)
    assert "acme.Memo" in bad.reason
    assert wire.counts() == {"in": 5, "applied": 4, "ignored": 0, "parked": 1}
    assert not wire.live("exception")
    assert not [subject for subject in wire.registry.registered if EVENTS in subject]


@pytest.mark.parametrize("order", list(permutations(range(4)))[::5])
def test_any_order_within_the_topic_gives_the_same_account(tmp_path: Path, order: tuple[int, ...]) -> None:
    """The kind: invoice, payment and memo of one transaction in any order, before or after its END, polled one by one."""
    wire = routed(tmp_path)
    update = wire.put(topic("billing.invoices"), **row("billing.invoices", 4, number="I-4", total_minor=9000))
    messages = wire.transaction(update, payment(wire, 1, 3000), memo(wire))
    for number in order:
        wire.feed([messages[number]])
    shown = wire.live("account")[ACCOUNT]["totals"]["EUR"]
    assert (shown["billed_minor"], shown["paid_minor"]) == (9000, 3000)
    assert [bad.code for bad in wire.parked()] == ["UNMAPPED_RECORD_TYPE"]
    assert {v["totals"]["EUR"]["billed_minor"] for v in wire.versions("account", ACCOUNT)} == {7000, 9000}


def test_any_number_of_unmapped_types(tmp_path: Path) -> None:
    """The kind: each is told by its own name, and over a restart the rows are those of their tables."""
    more = {f"billing.memo{n}": f"acme.v{n}.Memo{n}" for n in range(5)}
    wire = routed(tmp_path, RECORDS | more)
    for number, name in enumerate(more):
        wire.commit(memo(wire, name), payment(wire, number, 100))
        wire.restart()
    assert [bad.reason.split()[2] for bad in wire.parked()] == list(more.values())
    assert wire.live("invoice")["I-4"]["paid_minor"] == 500
    wire.commit(wire.drop(topic("billing.payments"), id=0))
    assert wire.live("invoice")["I-4"]["paid_minor"] == 400
    assert "I-4" in wire.live("invoice")


def test_a_tombstone_ends_no_row_of_another_table(tmp_path: Path) -> None:
    """The kind: rows of two tables may have one key; deleting payment 4 leaves invoice 4, whenever its tombstone comes."""
    wire = routed(tmp_path)
    wire.commit(payment(wire, 4, 7000))
    assert wire.live("invoice")["I-4"]["paid_minor"] == 7000
    delete, tombstone, end = wire.transaction(wire.drop(topic("billing.payments"), id=4))
    for message in (delete, end, tombstone):
        wire.feed([message])
    assert "I-4" in wire.live("invoice") and "PAY-4" not in wire.live("payment")
    counts = wire.counts()
    assert counts["in"] == counts["applied"] + counts["ignored"] + counts["parked"]


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        ({"billing.invoices": {"record": "acme.Invoice"}}, r"`record` tells apart .* needs `topic`"),
        (
            {name: {"topic": EVENTS, "record": "acme.X"} for name in MAPPED},
            r"acme\.X on billing\.events is the record of",
        ),
        (
            {"billing.invoices": {"topic": "billing.transaction"}},
            r"billing\.transaction is the topic of the source's transaction",
        ),
        ({"billing.invoices": {"topic": topic("billing.accounts")}}, r"is the topic of public\.accounts alone"),
    ],
)
def test_a_mapping_that_cannot_tell_them_apart_is_refused(tmp_path: Path, mapping: dict[str, Any], says: str) -> None:
    """Two tables of one record, a topic that belongs to another one: refused at its line."""
    (tmp_path / "billing").mkdir()
    (tmp_path / "billing" / "mapping.yaml").write_text(mapping_of("billing", mapping))
    with pytest.raises(MappingError, match=rf"mapping\.yaml:\d+:\d+: .*{says}"):
        load_model(tmp_path, ("billing",))


def test_without_a_record_the_name_is_debeziums(tmp_path: Path) -> None:
    """A router that only changes the topic leaves billing.public.invoices.Envelope."""
    mapping = {name: {"topic": EVENTS} for name in MAPPED}
    records = {name: f"{topic(name)}.Envelope" for name in MAPPED}
    wire = Routed(tmp_path, records, mapping)
    own = row("billing.invoices", 4, number="I-4", total_minor=7000)
    wire.commit(
        wire.put(topic("billing.accounts"), **row("billing.accounts", 1)),
        wire.put(topic("billing.invoices"), "c", **own),
    )
    assert wire.live("invoice")["I-4"]["total_minor"] == 7000
