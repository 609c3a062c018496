"""A second billing product with another schema but the same business facts gives the same canonical records, byte for byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.cases.company import row, topic
from tests.scenarios.cases.products.facts import Business, Fact
from tests.scenarios.cases.products.writers import Demo, Ledgerly
from tests.scenarios.cases.wire import Published, Wire

TRANSACTIONS = 80


def said(wire: Wire, product: str, published: list[Published]) -> dict[tuple[str, str], bytes | None]:
    """Canonical records of a cut as bytes without the schema's id; which rows they are of, and where, is the product's own."""
    found: dict[tuple[str, str], bytes | None] = {}
    for one in published:
        if one.kind in ("exception", "parked", "intent"):
            continue
        if one.kind == "change":
            _plain(one.body["changes"])
        body = None if one.body is None else wire.contracts.writer(one.kind)(_neutral(one.body, product))[5:]
        found[one.kind, one.key] = body
    return found


def _plain(changes: list[dict[str, Any]]) -> None:
    """What a change event shows of rows is the product's own: keys of other rows, ids of lines, amounts in its units."""
    for change in changes:
        if change["object"] == "invoice_line":
            change["id"] = ""
        for field in change["fields"]:
            if field["name"] in ("total", "amount", "mrr", "reported_balance", "invoice", "payment", "subscription"):
                field["old"] = field["new"] = None


def _neutral(value: Any, product: str) -> Any:
    """Facets, positions and ids of lines apart; sources go by the part they play."""
    if isinstance(value, list):
        return [_neutral(one, product) for one in value]
    if not isinstance(value, dict):
        return "billing" if value == product else value
    out: dict[str, Any] = {}
    for name, one in value.items():
        if name == "row":
            out[name] = ""
        elif name in ("position", "time_ms"):
            out[name] = 0
        elif name == "lines":
            out[name] = [{**_neutral(line, product), "id": ""} for line in one]
        elif name == "positions":
            out[name] = dict.fromkeys(sorted("billing" if source == product else source for source in one), 0)
        else:
            out[name] = _neutral(one, product)
    return out


def wanted(wire: Wire) -> dict[tuple[str, str], Any]:
    """What the open intents want, by rule and object."""
    return {
        (one["rule"], one["object_id"]): (one["state"], one["desired"], one["current"], one["risk_minor"])
        for one in wire.live("intent").values()
    }


@pytest.mark.parametrize("seed", range(3))
def test_every_cut_says_the_same_in_the_same_bytes(seed: int, tmp_path: Path) -> None:
    """Every canonical record and change event of every cut, every want of ERP and support. Seen to fail with one label of
    the second mapping wrong, with its amounts taken for minor units, and with its dates in Greenwich."""
    first, second = Demo(_made(tmp_path / "first")), Ledgerly(_made(tmp_path / "second"))
    for number, facts in enumerate(Business(seed).history(TRANSACTIONS)):
        cuts = [
            said(wire, wire.name, wire.commit(*map(wire.event, facts), source=wire.name)) for wire in (first, second)
        ]
        assert cuts[0] == cuts[1], f"cut {number}: {facts}"
        assert cuts[0]
        for fact in facts:
            beside(fact, first, second)
    assert wanted(first) == wanted(second)
    assert wanted(first)
    assert not first.parked() and not second.parked()
    kinds = {
        kind
        for kind in ("account", "invoice", "payment", "refund", "credit", "usage", "subscription")
        if first.live(kind)
    }
    assert len(kinds) == 7


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def beside(fact: Fact, *wires: Wire) -> None:
    """The ERP and the support desk learn of accounts and, sometimes wrongly, of invoices: the same in both worlds."""
    for wire in wires:
        if fact.kind == "account" and fact.values["standing"] == "good":
            currency, name = fact.values["currency"], fact.values["id"]
            customer = row("erp.customers", fact.number, code=name, currency=currency)
            wire.commit(wire.put(topic("erp.customers"), **customer), source="erp")
            organization = row("support.organizations", fact.number, account_ref=name.lower(), service_level="standard")
            wire.commit(wire.put(topic("support.organizations"), **organization), source="support")
        elif fact.kind == "invoice" and fact.number % 2:
            booked = row("erp.sales_invoices", fact.number, customer_id=fact.values["account"], total="12.000")
            wire.commit(wire.put(topic("erp.sales_invoices"), **booked), source="erp")
