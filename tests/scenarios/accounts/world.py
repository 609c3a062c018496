"""A small world of two sources whose rows name one another, merge accounts and move; and random histories of it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NamedTuple

from connectors.mappings.loading import load_model
from state.model import Model

BILLING = """
source: billing
system: billing
version: 1
tables:
  public.accounts:
    key: [id]
    account: {defines: number}
    merged: {from: merged_from, by: number}
    object: account
    id: "{number}"
    fields: {currency: currency, standing: {label: standing, values: {good: good}}}
  public.invoices:
    key: [id]
    account: {through: account_id, table: public.accounts}
    object: invoice
    id: "I{id}"
    history: true
    fields: {status: {label: status, values: {open: open, paid: paid}}, total: {money: total, units: minor}, currency: currency}
  public.payments:
    key: [id]
    account: {through: invoice_id, table: public.invoices}
    object: payment
    id: "P{id}"
    fields:
      invoice: {reference: invoice_id, table: public.invoices}
      currency: currency
      amount: {money: total, units: minor}
      status: {label: status, values: {open: succeeded, paid: succeeded}}
  public.shares:
    key: [id]
    account: {through: payment_id, table: public.payments}
    object: allocation
    id: "S{id}"
    fields:
      payment: {reference: payment_id, table: public.payments}
      invoice: {reference: invoice_id, table: public.invoices}
      amount: {money: total, units: minor}
  public.subscriptions:
    key: [id]
    account: {through: account_id, table: public.accounts}
    object: subscription
    id: "R{id}"
    history: true
    fields:
      currency: currency
      status: {label: status, values: {open: active, paid: past_due}}
      tier: {label: plan, values: {pro: standard}}
      plan: plan
      mrr: {money: total, units: minor}
      renews_on: {date: renews_on}
  public.credits:
    key: [id]
    account: {reference: number, normalise: [upper]}
    object: credit
    id: "C{id}"
    fields: {amount: {money: total, units: minor}, currency: currency}
"""
#: the ERP by one column, and by ways: what its rows say is the same
PLAIN = """
source: erp
system: erp
version: 1
tables:
  public.parties:
    key: [id]
    account: {reference: number}
    merged: {into: replaced_by}
    object: account
    id: "{number}"
    fields: {currency: currency}
  public.bookings:
    key: [id]
    account: {through: party, table: public.parties}
    object: credit
    id: "B{id}"
    fields: {amount: {money: total, units: minor}, currency: currency}
"""
WAYS = PLAIN.replace(
    "{through: party, table: public.parties}", "{ways: [{through: party, table: public.parties, when: {kind: out}}]}"
)
Columns = dict[str, str | None]
#: days of renewals, in the time that histories take
DAYS = tuple(f"1970-{day // 30 + 1:02}-{day % 30 + 1:02}" for day in range(4, 40, 3))
#: table -> (its source, columns with the values that they may have)
TABLES: dict[str, tuple[str, dict[str, tuple[str | None, ...]]]] = {
    "accounts": ("billing", {"number": ("A", "B", "C", "D"), "merged_from": (None, None, None, "A", "B", "C")}),
    "invoices": ("billing", {"account_id": ("1", "2", "3", "4")}),
    "subscriptions": ("billing", {"account_id": ("1", "2", "3", "4"), "renews_on": DAYS}),
    "payments": ("billing", {"invoice_id": ("1", "2", "3", "4")}),
    "shares": ("billing", {"payment_id": ("1", "2", "3"), "invoice_id": ("1", "2", "3", "4")}),
    "credits": ("billing", {"number": ("A", "b", "C", "E")}),
    "parties": ("erp", {"number": ("A", "B", "C", "D", "E"), "replaced_by": (None, None, "1", "2", "3")}),
    "bookings": ("erp", {"party": ("1", "2", "3", "4"), "kind": ("out",)}),
}
KEYS = ("1", "2", "3", "4")


class Op(NamedTuple):
    """One row change: the row's columns after it, None for a delete."""

    table: str
    key: str
    columns: Columns | None


class Act(NamedTuple):
    """A transaction of one source; without rows a `word`: "restart", or "repeat" of the newest transaction."""

    word: str
    ops: list[Op]


@cache
def model(ways: bool) -> Model:
    """The mappings as they are loaded from files."""
    with TemporaryDirectory() as folder:
        for name, text in (("billing", BILLING), ("erp", WAYS if ways else PLAIN)):
            (Path(folder) / name).mkdir()
            (Path(folder) / name / "mapping.yaml").write_text(text)
        return load_model(Path(folder), ("billing", "erp"))


def history(rng: Random, length: int) -> Iterator[Act]:
    """A random history; the same for the same seed."""
    amounts = iter(range(1, 100_000))
    for _ in range(length):
        draw = rng.random()
        if draw < 0.08:
            yield Act("restart", [])
        elif draw < 0.14:
            yield Act("repeat", [])
        else:
            source = rng.choice(("billing", "billing", "erp"))
            tables = [name for name, (owner, _) in TABLES.items() if owner == source]
            yield Act(source, [_op(rng, rng.choice(tables), next(amounts)) for _ in range(rng.choice((1, 1, 2, 3, 5)))])


def _op(rng: Random, table: str, amount: int) -> Op:
    key = rng.choice(KEYS)
    if rng.random() < 0.25:
        return Op(table, key, None)
    columns: Columns = {name: rng.choice(values) for name, values in TABLES[table][1].items()}
    total = str(amount) if rng.random() < 0.7 else "7"  # often only the state changes, or nothing of the history
    said: Columns = {
        "total": total,
        "status": rng.choice(("open", "paid")),
        "currency": "EUR",
        "standing": "good",
        "plan": "pro",
    }
    return Op(table, key, columns | said)
