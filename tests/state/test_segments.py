"""Every object belongs to a legal entity, region, product line and tenant; an account's totals are never mixed over them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.mappings.loading import load_model
from state.model import Model
from state.row import Change
from state.shard import Shard
from tests.state.company import ACCOUNT, SOURCES, Image, at, drop, everything, put, record, records, shard, table

#: the first field of each table, before which those of the segment are put
TABLES = {
    "subscription": "status: {label: status, values: {trial",
    "invoice": "status: {label: status, values: {draft",
    "payment": "invoice: {reference: invoice_id, table: public.invoices}\n      amount: {money: amount_minor, units: minor}\n      status",
}
AMOUNTS = ("billed_minor", "paid_minor", "refunded_minor", "credited_minor", "open_minor", "balance_minor", "mrr_minor")


@cache
def parted_model() -> Model:
    """The demo's mapping, with a column of accounts and of these tables for each part; a credit may name its invoice."""
    with TemporaryDirectory() as folder:
        copytree(SOURCES, folder, dirs_exist_ok=True)
        path = Path(folder) / "billing" / "mapping.yaml"
        text = path.read_text().replace(
            "region: region\n",
            "region: region\n      legal_entity: entity\n      product_line: line\n      tenant: tenant\n",
        )
        for first in TABLES.values():
            assert first in text
            text = text.replace(
                first,
                f"legal_entity: entity\n      region: region\n      product_line: line\n      tenant: tenant\n      {first}",
            )
        reason = '    id: "{number}"\n    fields:\n      amount: {money: amount_minor, units: minor}\n      reason'
        assert reason in text
        link = "      invoice: {reference: invoice_id, table: public.invoices}\n      reason"
        path.write_text(text.replace(reason, reason.replace("      reason", link)))
        return load_model(Path(folder), ("billing", "erp", "support"))


def row(name: str, key: int, **columns: Any) -> Change:
    """A row that says nothing of segments unless asked to."""
    nothing: Image = {"entity": None, "region": None, "line": None, "tenant": None}
    return put(f"billing.{name}", key, **(nothing | columns))


def account(**columns: Any) -> Change:
    """The account: of the European entity."""
    return row("accounts", 1, **({"entity": "ACME GmbH", "region": "eu", "tenant": "t1"} | columns))


def by_segment(found: Image) -> dict[tuple[Any, ...], Image]:
    """The totals by (currency, entity, region, line, tenant)."""
    key = ("currency", "legal_entity", "region", "product_line", "tenant")
    return {tuple(one[name] for name in key): one for one in found["totals_by_segment"]}


def test_own_else_that_of_the_parent_else_that_of_the_account() -> None:
    """Each part by itself: the payment takes the line of its invoice; entity, region and tenant are those of its account."""
    target = shard(of=parted_model())
    out = at(target, 1000, account(), row("invoices", 1, line="cloud"), row("payments", 1), row("refunds", 1))
    expected = {"legal_entity": "ACME GmbH", "region": "eu", "product_line": "cloud", "tenant": "t1"}
    for kind, key in (("invoice", "INV-1"), ("payment", "PAY-1"), ("refund", "REF-1")):
        assert record(out, kind, key)["segment"] == expected
    assert record(out, "account")["segment"] == {**expected, "product_line": None}
    out = at(target, 2000, row("invoices", 1, line="desk", entity="ACME Inc."))
    found = record(out, "refund", "REF-1")["segment"]
    assert found == {"legal_entity": "ACME Inc.", "region": "eu", "product_line": "desk", "tenant": "t1"}
    out = at(target, 3000, account(region="us"))
    assert record(out, "payment", "PAY-1")["segment"]["region"] == "us"
    assert record(out, "entitlement")["segment"]["region"] == "us"


def test_totals_are_never_mixed() -> None:
    """Two entities of one account: what is open with one is not paid for by the other."""
    target = shard(of=parted_model())
    ours, theirs = row("invoices", 1, entity="ACME Inc."), row("invoices", 2, total_minor=7000)
    out = at(target, 1000, account(), ours, theirs, row("payments", 1, invoice_id=2, amount_minor=7000))
    found = by_segment(record(out, "account"))
    assert found["EUR", "ACME Inc.", "eu", None, "t1"]["open_minor"] == 10_000
    assert found["EUR", "ACME GmbH", "eu", None, "t1"]["paid_minor"] == 7000
    assert found["EUR", "ACME GmbH", "eu", None, "t1"]["open_minor"] == 0
    out = at(target, 2000, drop("billing.invoices", 1))
    assert list(by_segment(record(out, "account"))) == [("EUR", "ACME GmbH", "eu", None, "t1")]


def test_a_mapping_without_segments_shows_none() -> None:
    """Nothing is looked for: no segment, no totals by it."""
    with TemporaryDirectory() as folder:
        copytree(SOURCES, folder, dirs_exist_ok=True)
        path = Path(folder) / "billing" / "mapping.yaml"
        path.write_text(path.read_text().replace("      region: region\n", ""))
        target = shard(of=load_model(Path(folder), ("billing", "erp", "support")))
    out = at(target, 1000, account(), row("invoices", 1))
    assert record(out, "account")["segment"] is None and record(out, "account")["totals_by_segment"] == []
    assert record(out, "invoice", "INV-1")["segment"] is None


def test_each_share_of_a_payment_stands_with_its_invoice() -> None:
    """100.00 for 60.00 of one entity and 30.00 of another: paid there and there, the rest with the payment itself.

    Planted break, seen to fail: the whole payment under the segment of its first invoice (state/folding/segments.py).
    """
    target = shard(of=parted_model())
    bills = row("invoices", 1, entity="ACME Inc."), row("invoices", 2, entity="ACME Ltd.")
    shares = (
        row("payment_allocations", 1, amount_minor=6000),
        row("payment_allocations", 2, invoice_id=2, amount_minor=3000),
    )
    refund = row("refunds", 1, invoice_id=2)
    out = at(target, 1000, account(), *bills, row("payments", 1), *shares, refund)
    found = by_segment(record(out, "account"))
    assert {key[1]: (one["paid_minor"], one["refunded_minor"]) for key, one in found.items()} == {
        "ACME Inc.": (6000, 0),
        "ACME Ltd.": (3000, 1000),
        "ACME GmbH": (1000, 0),
    }
    assert record(out, "payment", "PAY-1")["segment"]["legal_entity"] == "ACME GmbH"
    out = at(target, 2000, row("invoices", 2, entity="ACME SA"))
    assert by_segment(record(out, "account"))["EUR", "ACME SA", "eu", None, "t1"]["paid_minor"] == 3000


KEYS, PARTS = st.integers(1, 3), st.sampled_from((None, None, "a", "b"))
SAID = st.fixed_dictionaries({"entity": PARTS, "region": PARTS, "line": PARTS, "tenant": PARTS})
CHOICES: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "accounts": {"currency": st.sampled_from(("EUR", "JPY"))},
    "subscriptions": {"status": st.sampled_from(("active", "cancelled"))},
    "invoices": {"status": st.sampled_from(("open", "paid", "void")), "number": st.sampled_from(("INV-1", "INV-2", "INV-3"))},
    "payments": {"invoice_id": KEYS, "status": st.sampled_from(("pending", "succeeded")), "amount_minor": st.sampled_from((100, 10_000))},
    "payment_allocations": {"payment_id": KEYS, "invoice_id": KEYS, "amount_minor": st.sampled_from((50, 6000))},
    "refunds": {"payment_id": KEYS, "invoice_id": st.one_of(st.none(), KEYS)},
    "credits": {"invoice_id": st.one_of(st.none(), KEYS)},
}  # fmt: skip


@st.composite
def steps(draw: st.DrawFn) -> tuple[Change, bool]:
    """A row as it is now, or gone; whether a restart follows."""
    name = draw(st.sampled_from(sorted(CHOICES)))
    key = 1 if name == "accounts" else draw(KEYS)
    restarts = draw(st.integers(0, 5)) == 0
    if draw(st.integers(0, 6)) == 0:
        return drop(f"billing.{name}", key), restarts
    return row(name, key, **draw(SAID), **draw(st.fixed_dictionaries(CHOICES[name]))), restarts


def restored(rows: dict[tuple[int, str], tuple[int, Change]], clock_ms: int) -> Shard:
    """A shard of the stored rows."""
    target = shard(of=parted_model())
    for position, change in rows.values():
        target.load(ACCOUNT, change.table, change.key, position, position, change.frame)
    target.load_clock(clock_ms)
    return target


@settings(max_examples=200, deadline=None)
@given(st.lists(steps(), min_size=1, max_size=25))
def test_what_segments_have_adds_up(history: list[tuple[Change, bool]]) -> None:
    """Rows in any order, parents after their children, restarts between: of each currency the segments add up to the
    account's total, every object shows what a fresh derivation gives it, and its amounts stand in its own segment.

    Planted breaks, seen to fail: not touching children whose parent's segment changes (state/folding/fold.py), not touching the
    objects when the account's own changes (Segments.spread), beginning with empty sums after a restart (Segments.adopt).
    """
    target, clock_ms = shard(of=parted_model()), 1000
    rows: dict[tuple[int, str], tuple[int, Change]] = {}
    shown: dict[tuple[str, str], Image | None] = {}
    for change, restarts in history:
        clock_ms += 1000
        shown |= records(at(target, clock_ms, change))
        rows.pop((change.table, change.key), None)
        if change.op != "d":
            rows[change.table, change.key] = clock_ms, change
        if restarts:
            target = restored(rows, clock_ms)
    fresh = everything(restored(rows, clock_ms), clock_ms)
    live = {key: body for key, body in shown.items() if body is not None}
    assert {key: body["segment"] for key, body in live.items()} == {
        key: body and body["segment"] for key, body in fresh.items()
    }
    found = live.get(("account", ACCOUNT))
    if found is None:
        return
    expected = fresh["account", ACCOUNT]
    assert expected is not None and found["totals_by_segment"] == expected["totals_by_segment"]
    for currency in {one["currency"] for one in found["totals_by_segment"]} | set(found["totals"]):
        parts = [one for one in found["totals_by_segment"] if one["currency"] == currency]
        for name in AMOUNTS:
            assert sum(one[name] for one in parts) == found["totals"].get(currency, {}).get(name, 0), (currency, name)
    if any(change.table == table("billing.payment_allocations") for change, _ in history):
        return  # each share stands in the segment of its invoice
    paid: dict[tuple[Any, ...], int] = {}
    for (kind, _), body in live.items():
        if kind == "payment" and body["status"] == "succeeded" and body["currency"]:
            key = (
                (body["currency"], *body["segment"].values())
                if body["segment"]
                else (body["currency"], None, None, None, None)
            )
            paid[key] = paid.get(key, 0) + body["amount_minor"]
    assert {key: one["paid_minor"] for key, one in by_segment(found).items() if one["paid_minor"]} == paid
