"""A payment that pays several invoices: each gets its share, nothing is paid twice, and what is left over is seen."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.mappings.loading import load_model
from state.model import Model
from state.row import Change
from state.shard import Shard
from tests.state.beside import Beside
from tests.state.company import ACCOUNT, SOURCES, Image, at, drop, everything, put, record, records, shard

#: the demo's mapping where only the rows of the join table say what a payment pays, and these have a status
AMOUNT = "      amount: {money: amount_minor, units: minor}\n      status: {label: status, values: {pending: pending, s"
PAYMENT = "      payment: {reference: payment_id, table: public.payments}\n"
STATUS = "      status: {label: status, values: {ok: applied, back: reversal, open: pending, gone: reversed}}\n"
JOINED = {
    "      invoice: {reference: invoice_id, table: public.invoices}\n" + AMOUNT: AMOUNT,
    PAYMENT + "      invoice": PAYMENT + STATUS + "      invoice",
    "account: {through: invoice_id, table: public.invoices}\n    object: payment": "account: {reference: number}\n    object: payment",
}


@cache
def joined() -> Model:
    """Payments that name no invoice themselves."""
    with TemporaryDirectory() as folder:
        copytree(SOURCES, folder, dirs_exist_ok=True)
        path = Path(folder) / "billing" / "mapping.yaml"
        text = path.read_text()
        for old, new in JOINED.items():
            assert old in text, old
            text = text.replace(old, new)
        path.write_text(text)
        return load_model(Path(folder), ("billing", "erp", "support"))


def part(key: int, invoice: int | None, amount: int, payment: int = 1, **columns: Any) -> Change:
    """A row of the join table."""
    return put(
        "billing.payment_allocations", key, payment_id=payment, invoice_id=invoice, amount_minor=amount, **columns
    )


def pay(amount: int = 10_000, key: int = 1, status: str = "succeeded") -> Change:
    """A payment, whose own row names the first invoice."""
    return put("billing.payments", key, amount_minor=amount, status=status, number=ACCOUNT)


BILL = (
    put("billing.accounts", 1),
    put("billing.invoices", 1, total_minor=6000),
    put("billing.invoices", 2, total_minor=5000),
)


def test_each_invoice_gets_its_share() -> None:
    """100.00 for 60.00 and 40.00 of 50.00: one is settled, of the other 10.00 are open, and the payment lists both.

    Planted breaks, seen to fail: the payment's own invoice counted beside the rows (not taken back in
    state/folding/payments.py), amounts paid once more when the payment's row changes.
    """
    target = shard()
    out = at(target, 1000, *BILL, pay(), part(1, 1, 6000), part(2, 2, 4000))
    found = record(out, "payment", "PAY-1")
    assert found["allocations"] == [
        {"invoice": "INV-1", "amount_minor": 6000},
        {"invoice": "INV-2", "amount_minor": 4000},
    ]
    assert (found["invoice"], found["unallocated_minor"], found["flags"]) == (None, 0, [])
    shown = [record(out, "invoice", f"INV-{n}") for n in (1, 2)]
    assert [(one["paid_minor"], one["balance_minor"], one["open_minor"]) for one in shown] == [
        (6000, 0, 0),
        (4000, 1000, 1000),
    ]
    total = record(out, "account")["totals"]["EUR"]
    assert (total["paid_minor"], total["open_minor"], total["balance_minor"]) == (10_000, 1000, 1000)
    out = at(target, 2000, pay(key=1))
    assert not [key for key in records(out) if key[0] == "invoice" and records(out)[key] != shown[int(key[1][-1]) - 1]]


@pytest.mark.parametrize("status", ["pending", "failed"])
def test_what_does_not_succeed_pays_nothing(status: str) -> None:
    """While it is pending and after it failed, no share counts; nor does a share that is only pending or was reversed."""
    target = shard()
    out = at(target, 1000, *BILL, pay(status=status), part(1, 1, 6000), part(2, 2, 4000))
    found = record(out, "payment", "PAY-1")
    assert (found["allocations"], found["unallocated_minor"]) == ([], 0)
    assert [record(out, "invoice", f"INV-{n}")["paid_minor"] for n in (1, 2)] == [0, 0]
    out = at(target, 2000, pay())
    assert [record(out, "invoice", f"INV-{n}")["paid_minor"] for n in (1, 2)] == [6000, 4000]
    out = at(target, 3000, pay(status=status))
    assert [record(out, "invoice", f"INV-{n}")["paid_minor"] for n in (1, 2)] == [0, 0]


def test_shares_have_a_life_of_their_own() -> None:
    """Applied counts, a reversal takes its amount back, pending and reversed rows wait; the rest is unallocated."""
    target = shard(of=joined())
    rows = (
        part(1, 1, 6000, status="ok"),
        part(2, 2, 3000, status="ok"),
        part(3, 2, 1000, status="back"),
        part(4, 1, 500, status="open"),
        part(5, 1, 700, status="gone"),
    )
    out = at(target, 1000, *BILL, pay(), *rows)
    found = record(out, "payment", "PAY-1")
    assert [one["amount_minor"] for one in found["allocations"]] == [6000, 2000]
    assert found["unallocated_minor"] == 2000
    out = at(target, 2000, part(4, 1, 500, status="ok"))
    assert record(out, "payment", "PAY-1")["unallocated_minor"] == 1500
    out = at(target, 3000, part(4, 1, 500, status="new label"))
    found = record(out, "payment", "PAY-1")
    assert (found["unallocated_minor"], found["flags"]) == (2000, ["UNMAPPED_STATUS"])
    (told,) = [one for _, one in out.exceptions if one]
    assert "row 4 of billing.public.payment_allocations has status 'new label'" in told["text"]


def test_more_than_there_is_is_told_and_shown_as_said() -> None:
    """The rows divide 110.00 of 100.00: the view shows what they say, an exception has both sides, and ends with it."""
    target = shard()
    out = at(target, 1000, *BILL, pay(), part(1, 1, 6000), part(2, 2, 5000))
    found = record(out, "payment", "PAY-1")
    assert (found["flags"], found["unallocated_minor"]) == (["OVER_ALLOCATED"], -1000)
    assert record(out, "invoice", "INV-2")["paid_minor"] == 5000
    ((name, told),) = out.exceptions
    assert told is not None and told["kind"] == "OVER_ALLOCATED" and "10000" in told["text"] and "11000" in told["text"]
    assert [(one["topic"].rpartition(".")[2], one["row"]) for one in told["facts"]] == [
        ("payments", "1"),
        ("payment_allocations", "1"),
        ("payment_allocations", "2"),
    ]
    assert at(target, 2000, pay(11_000)).exceptions == [(name, None)]


def test_refunds_go_where_they_say() -> None:
    """A refund of a payment for several invoices is that of the one it names; one that names none is told, not guessed."""
    target = shard()
    at(target, 1000, *BILL, pay(), part(1, 1, 6000), part(2, 2, 4000))
    out = at(target, 2000, put("billing.refunds", 1, invoice_id=2))
    assert record(out, "invoice", "INV-2")["refunded_minor"] == 1000
    assert (record(out, "refund", "REF-1")["invoice"], record(out, "payment", "PAY-1")["refunded_minor"]) == (
        "INV-2",
        1000,
    )
    out = at(target, 3000, put("billing.refunds", 1))
    found = record(out, "refund", "REF-1")
    assert (found["invoice"], found["flags"]) == (None, ["REFUND_OF_WHICH"])
    assert record(out, "invoice", "INV-2")["refunded_minor"] == 0
    out = at(target, 4000, drop("billing.payment_allocations", 2))  # one invoice is left: no doubt any more
    assert record(out, "invoice", "INV-1")["refunded_minor"] == 1000
    assert (record(out, "refund", "REF-1")["invoice"], record(out, "refund", "REF-1")["flags"]) == ("INV-1", [])


KEYS = st.integers(1, 2)
STEPS = st.lists(
    st.one_of(
        st.builds(part, KEYS, st.one_of(st.none(), KEYS), st.sampled_from((-50, 40, 300)), KEYS,
                  status=st.sampled_from(("ok", "ok", "back", "open", "gone", "odd"))),
        st.builds(pay, st.sampled_from((200, 500)), KEYS, st.sampled_from(("pending", "succeeded", "succeeded", "failed"))),
        st.builds(lambda key, of, invoice: put("billing.refunds", key, payment_id=of, invoice_id=invoice), KEYS, KEYS,
                  st.one_of(st.none(), KEYS)),
        st.builds(lambda key, total: put("billing.invoices", key, total_minor=total), KEYS, st.sampled_from((100, 900))),
        st.builds(drop, st.sampled_from(("billing.payment_allocations", "billing.payments", "billing.invoices", "billing.refunds")),
                  KEYS),
        st.just(put("billing.accounts", 1, currency="JPY")),
    ),
    min_size=1,
    max_size=25,
)  # fmt: skip


def expected(rows: dict[tuple[int, str], Image], own: bool) -> Counter[int]:
    """What is paid of each invoice, by plain sums over the rows."""
    paid: Counter[int] = Counter()
    tables = {name: joined().tables[i].index for i, name in enumerate(t.name for t in joined().tables)}
    parts = [row for (table, _), row in rows.items() if table == tables["public.payment_allocations"]]
    for (table, key), row in rows.items():
        if table != tables["public.payments"] or row["status"] != "succeeded":
            continue
        mine = [one for one in parts if str(one["payment_id"]) == key]
        for one in mine:
            factor = 1 if own else {"ok": 1, "back": -1}.get(one["status"], 0)
            paid[one["invoice_id"]] += factor * one["amount_minor"]
        if own and not mine:
            paid[row["invoice_id"]] += row["amount_minor"]
    return paid


@settings(max_examples=300, deadline=None)
@given(STEPS, st.booleans())
def test_shares_add_up_whatever_the_order(steps: list[Change], own: bool) -> None:
    """Rows in any order: each invoice has what plain sums say, the lists of the payments say the same, a shard of the live
    rows shows the same, and of each payment what is listed and what is left are what it paid.

    Planted breaks, seen to fail: the last row's departure not giving the payment back its own invoice; the shares of a
    payment that comes after its rows not counted; the payment not touched when an invoice's row comes late.
    """
    model = None if own else joined()
    target, beside = shard(of=model), Beside()
    rows: dict[tuple[int, str], Image] = {}
    shown: dict[tuple[str, str], Image | None] = {}
    stored: dict[tuple[int, str], tuple[int, Change]] = {}
    for number, change in enumerate([put("billing.accounts", 1), *steps]):
        out = at(target, 1000 + number, change)
        shown |= records(out)
        beside.take(out)
        rows.pop((change.table, change.key), None)
        stored.pop((change.table, change.key), None)
        if change.op != "d":
            rows[change.table, change.key] = json.loads(change.frame)
            stored[change.table, change.key] = 1000 + number, change
    paid = expected(rows, own)
    live = {key: body for key, body in shown.items() if body is not None}
    invoices = {key: body for (kind, key), body in live.items() if kind == "invoice"}
    known = ("account", ACCOUNT) in live and live["account", ACCOUNT]["currency"]
    if known:
        assert {key: body["paid_minor"] for key, body in invoices.items()} == {
            key: paid[int(key[-1])] for key in invoices
        }
        listed: Counter[str] = Counter()
        for (kind, _), body in live.items():
            if kind == "payment":
                listed.update({one["invoice"]: one["amount_minor"] for one in body["allocations"]})
                total = sum(one["amount_minor"] for one in body["allocations"]) + body["unallocated_minor"]
                assert total == (body["amount_minor"] if body["status"] == "succeeded" else 0)
        assert {key: listed[key] for key in invoices} == {key: body["paid_minor"] for key, body in invoices.items()}
    assert everything(fresh(stored, beside, model)) == {
        key: body for key, body in everything(target).items() if body is not None
    }


def fresh(stored: dict[tuple[int, str], tuple[int, Change]], beside: Beside, model: Model | None) -> Shard:
    """A shard of the stored rows and what is stored beside them."""
    target = shard(of=model)
    beside.load(target)
    for position, change in stored.values():
        target.load(ACCOUNT, change.table, change.key, position, position, change.frame)
    return target
