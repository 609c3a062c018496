"""What must hold in the canonical view at every commit number, checked incrementally from the published records alone.

An account's totals are what its own invoices, payments, refunds and credits add up to; what billing reports as the
balance equals what its rows say; an invoice's total equals its lines, in billing and in the ERP; no object without its
account; no record that says again what it said before; no position that goes back.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any, NamedTuple

Record = dict[str, Any]
Key = tuple[str, str]
#: objects that exist only as part of an account
OWNED = ("subscription", "usage", "invoice", "payment", "refund", "credit", "case")
SYSTEMS = ("billing", "erp", "support")
_BILLED = ("open", "paid")


class Share(NamedTuple):
    """What one object adds to its account: account id, currency, and minor units per total."""

    account: str
    currency: str
    amounts: dict[str, int]


class Invariants:
    """The state of the view as published; `check` is called with each cut's records, `problems` counts what is wrong."""

    def __init__(self) -> None:
        self.view: dict[str, dict[str, Record]] = {}
        self.problems: Counter[str] = Counter()
        self.examples: list[str] = []
        self._hashes: dict[Key, bytes] = {}
        self._shares: dict[Key, Share] = {}
        self._sums: dict[tuple[str, str], Counter[str]] = {}
        self._children: Counter[str] = Counter()
        self._frontier: dict[str, int] = {}

    def apply(self, cut: int, kind: str, key: str, frame: bytes | None, record: Record | None) -> None:
        """Take one record of the cut."""
        self._repeat(cut, kind, key, frame)
        old = self.view.setdefault(kind, {}).get(key)
        if kind in OWNED:
            self._move_share(kind, key, record, old)
        if record is None:
            self.view[kind].pop(key, None)
            return
        self._position(cut, kind, key, old, record)
        self.view[kind][key] = record

    def _wrong(self, what: str, cut: int, text: str) -> None:
        self.problems[what] += 1
        if len(self.examples) < 20:
            self.examples.append(f"cut {cut}: {what}: {text}")

    def _repeat(self, cut: int, kind: str, key: str, frame: bytes | None) -> None:
        if kind == "change":
            return
        seen = b"" if frame is None else hashlib.blake2b(frame, digest_size=16).digest()
        before = self._hashes.get((kind, key))
        if before == seen or (before is None and frame is None):
            self._wrong("duplicates", cut, f"{kind} {key} was published again unchanged")
        self._hashes[kind, key] = seen

    def _position(self, cut: int, kind: str, key: str, old: Record | None, new: Record) -> None:
        """A row that is shown goes forward only (an account's own positions are those of its newest live rows)."""
        for system in SYSTEMS:
            before, now = (record.get(system) if record else None for record in (old, new))
            if not (before and now) or before["row"] != now["row"]:
                continue
            if now["position"] < before["position"]:
                text = f"{kind} {key}: {system} went from {before['position']} to {now['position']}"
                self._wrong("version_regressions", cut, text)

    def frontier(self, cut: int, frontier: dict[str, int]) -> None:
        """The frontier of a cut is not behind that of the cut before it."""
        for source, position in frontier.items():
            if position < self._frontier.get(source, 0):
                text = f"frontier of {source} went from {self._frontier[source]} to {position}"
                self._wrong("version_regressions", cut, text)
        self._frontier = dict(frontier)

    def _move_share(self, kind: str, key: str, record: Record | None, old: Record | None) -> None:
        if old is not None:
            self._children[old["account"]] -= 1
        if record is not None:
            self._children[record["account"]] += 1
        before, after = self._shares.pop((kind, key), None), share(kind, record)
        for one, sign in ((before, -1), (after, 1)):
            if one is not None:
                sums = self._sums.setdefault((one.account, one.currency), Counter())
                for name, amount in one.amounts.items():
                    sums[name] += sign * amount
        if after is not None:
            self._shares[kind, key] = after

    def check(self, cut: int, touched: set[Key]) -> None:
        """After the last record of the cut: everything that it touched must hold."""
        accounts = {key for kind, key in touched if kind == "account"}
        for kind, key in touched:
            record = self.view.get(kind, {}).get(key)
            if record is None:
                continue
            if kind in OWNED:
                accounts.add(record["account"])
            if kind == "invoice":
                self._invoice(cut, key, record)
        for account in accounts:
            self._account(cut, account)

    def _invoice(self, cut: int, key: str, record: Record) -> None:
        if record["billing"] is not None and record["total_minor"] != record["line_sum_minor"]:
            self._wrong(
                "partial_states", cut, f"invoice {key}: total {record['total_minor']}, lines {record['line_sum_minor']}"
            )
        erp = record["erp"]
        if erp is not None and erp["total_minor"] != erp["line_sum_minor"]:
            self._wrong(
                "partial_states", cut, f"ERP invoice {key}: total {erp['total_minor']}, lines {erp['line_sum_minor']}"
            )

    def _account(self, cut: int, key: str) -> None:
        record = self.view.get("account", {}).get(key)
        if record is None:
            if self._children[key]:
                self._wrong(
                    "partial_states", cut, f"{self._children[key]} objects of account {key}, which is not published"
                )
            return
        for currency, totals in record["totals"].items():
            sums = self._sums.get((key, currency), Counter())
            for name in ("billed", "paid", "refunded", "credited"):
                if totals[f"{name}_minor"] != sums[name]:
                    self._wrong(
                        "partial_states", cut,
                        f"account {key}: {name} {totals[f'{name}_minor']} {currency}, its objects say {sums[name]}",
                    )  # fmt: skip
        reported = record["reported_balance_minor"]
        derived = sum(totals["balance_minor"] for totals in record["totals"].values())
        if record["billing"] is not None and reported is not None and reported != derived:
            self._wrong("partial_states", cut, f"account {key}: billing reports {reported}, its rows say {derived}")


def share(kind: str, record: Record | None) -> Share | None:
    """What an object adds to the totals of its account; None if nothing."""
    if record is None or record.get("currency") is None:
        return None
    account, currency = record["account"], record["currency"]
    if kind == "invoice" and record["billing"] is not None and record["status"] in _BILLED:
        return Share(account, currency, {"billed": record["total_minor"]})
    if kind == "payment" and record["billing"] is not None and record["status"] == "succeeded":
        return Share(account, currency, {"paid": record["amount_minor"]})
    if kind == "refund":
        return Share(account, currency, {"refunded": record["amount_minor"]})
    if kind == "credit" and record["billing"] is not None:
        return Share(account, currency, {"credited": record["amount_minor"]})
    return None
