"""Movements of recurring revenue: one event per source transaction, account and currency, from what to what, and why.

An account remembers what was told last (`Account.told`, monthly minor units by currency). After a restart that is what its rows
say, since each transaction is applied exactly once. Only what could not be told, because the state or amount of a subscription
is unknown, needs a note: it is told as one movement with the cut in which it is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from state.folding.account import Account
from state.folding.amounts import INVALID_PRECISION
from state.folding.notes import REVENUE, Note
from state.model import Model
from state.output import Output, Record
from state.resolving.moves import MOVED
from state.roles import POSITION, UNMAPPED
from state.row import Change, Transaction
from state.sparse import NOTHING

#: kinds of movements; `moved` is revenue that nobody gained or lost: between accounts, or from one currency to another
NEW, EXPANSION, CONTRACTION, CHURN, TRANSFER = "new", "expansion", "contraction", "churn", "moved"
#: why: what of the subscriptions changed, the strongest word first
_REASONS: Final = (
    ("plan", "plan_changed"),
    ("tier", "plan_changed"),
    ("status", "status_changed"),
    ("mrr", "price_changed"),
)
#: fields of a subscription that its part of the sum is made of
_SUMMED: Final = ("status", "mrr", "currency")
Entries = Iterable[Mapping[str, Any]]


class Revenue:
    """Follows the recurring revenue of accounts."""

    def __init__(self, model: Model, told: bool) -> None:
        """`told`: without it nothing is."""
        self._tables = model.folded
        self._silent = not told
        self._loaded: dict[str, dict[str, int]] = {}

    def load(self, account: str, body: dict[str, int]) -> None:
        """Restore what was told although the rows said something else."""
        self._loaded[account] = body

    def adopt(self, account: Account) -> None:
        """The account has just been decoded: what its rows say was told, unless a note says otherwise."""
        noted = self._loaded.pop(account.id, None)
        account.withheld = noted is not None
        account.told = _revenue(account) if noted is None else noted

    def follow(
        self, transaction: Transaction, entries: Mapping[str, Entries], accounts: Mapping[str, Account], out: Output
    ) -> list[tuple[str, str, str, Record | None]]:
        """A transaction is folded: its movements. `entries`: what it changed, by account."""
        told: list[tuple[str, str, str, Record | None]] = []
        moved: frozenset[str] | None = None
        for name, made in entries.items():
            account = accounts[name]
            if not (account.moving or account.withheld or account.told is None) or not any(map(_concerns, made)):
                continue
            if moved is None:
                moved = _moved(transaction.changes)
            for event in self._tell(account, made, name in moved, out):
                event["source"], event["position"] = transaction.source, transaction.position
                event["time_ms"] = transaction.time_ms
                told.append(("change", name, name, event))
        return told

    def catch_up(self, account: Account, clock_ms: int, out: Output) -> None:
        """Before the account is published: what changed by itself (a plan that takes effect), or is known by now."""
        if account.told is None:
            account.told = _revenue(account)
        if self._silent or not (account.moving or account.withheld):
            return
        if account.told == _revenue(account) and not account.withheld:
            account.moving = False
            return
        newest = max(
            (
                (account.rows[item.billing][POSITION], self._tables[item.billing[0]].source)
                for item in account.items.values()
                if item.kind == "subscription" and item.billing is not None
            ),
            default=(0, ""),
        )
        for event in self._tell(account, (), False, out):
            event |= {"source": newest[1], "position": newest[0], "time_ms": clock_ms}
            out.records.append(("change", account.id, account.id, event))

    def _tell(self, account: Account, entries: Entries, moved: bool, out: Output) -> list[dict[str, Any]]:
        before, now = account.told, _revenue(account)
        if before is None or (before == now and not account.withheld):
            account.told, account.moving = now, False
            return []
        if unknown(account):
            self._withhold(account, before != now, out)
            return []
        account.told, account.moving, late = now, False, account.withheld
        self._withhold(account, False, out)
        reason = "account_moved" if moved else "known_late" if late else _reason(entries)
        ids = list(dict.fromkeys(entry["id"] for entry in entries if entry["object"] == "subscription"))
        if len(before) == len(now) == 1 and before.keys() != now.keys():
            reason = "currency_changed"
        codes = sorted(before.keys() | now.keys()) if before and now else sorted(before or now)
        return [
            _event(account, code, before.get(code, 0), now.get(code, 0), reason, ids)
            for code in codes
            if before.get(code, 0) != now.get(code, 0)
        ]

    @staticmethod
    def _withhold(account: Account, withheld: bool, out: Output) -> None:
        if withheld != account.withheld:
            account.withheld = withheld
            out.notes.append(Note(account.id, REVENUE, account.id, dict(account.told or {}) if withheld else None))


def _moved(changes: Iterable[Change]) -> frozenset[str]:
    """Accounts that got rows of others, or lost some to them."""
    return frozenset(one[0] for one in changes if one[2] == MOVED or (one[2] == "d" and one.partition < 0))


def _concerns(entry: Mapping[str, Any]) -> bool:
    """Whether a change may move the sum: one of a subscription, or of the currency that its amounts inherit."""
    if entry["object"] == "account":
        return entry["op"] != "updated" or any(field["name"] == "currency" for field in entry["fields"])
    return bool(entry["object"] == "subscription")


def unknown(account: Account) -> bool:
    """Whether the state or amount of a subscription is unknown, so that the sum says too little. An unknown plan has a price."""
    if account.faults and any(
        fault.code == INVALID_PRECISION and fault.object == "subscription" for fault in account.faults.values()
    ):
        return True
    if account.counts.unmapped == 0:
        return False
    subscriptions = (item.billing for item in account.items.values() if item.kind == "subscription")
    return any(
        name.rpartition(":")[2] in _SUMMED
        for ref in subscriptions
        if ref is not None
        for name in account.rows[ref][UNMAPPED] or ()
    )


def _revenue(account: Account) -> Mapping[str, int]:
    return {code: total.mrr for code, total in account.totals.items() if total.mrr} or NOTHING


def _reason(entries: Entries) -> str:
    of_subscriptions = [entry for entry in entries if entry["object"] == "subscription"]
    ops = {entry["op"] for entry in of_subscriptions}
    if not ops:
        return "took_effect"
    if "updated" not in ops:
        return "replaced" if len(ops) > 1 else "started" if "created" in ops else "ended"
    changed = {field["name"] for entry in of_subscriptions for field in entry["fields"]}
    return next((reason for name, reason in _REASONS if name in changed), "corrected")


def _event(account: Account, currency: str, old: int, new: int, reason: str, ids: list[str]) -> dict[str, Any]:
    if reason in ("account_moved", "currency_changed"):
        kind = TRANSFER
    elif not old or not new:
        kind = CHURN if old else NEW
    else:
        kind = EXPANSION if new > old else CONTRACTION
    return {
        "account": account.id,
        "cause": "movement",
        "milestone": None,
        "changes": [],
        "movement": {
            "kind": kind,
            "currency": currency,
            "old_minor": old,
            "new_minor": new,
            "reason": reason,
            "subscriptions": ids,
        },
    }
