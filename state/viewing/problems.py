"""Exceptions of an account: what a person must look at, in business words, with its owner; tombstoned when it is over."""

from __future__ import annotations

from collections.abc import Sequence

from state.folding.account import Account, Fault
from state.folding.tally import Item
from state.model import Model
from state.output import Output, Record
from state.roles import FIRST, ID, INEXACT_INTERVAL, REREAD_NEEDED, TIME_MS, UNMAPPED, Ref
from state.rules import Rules
from state.values import instant_from_us
from state.viewing.concern import concern
from state.viewing.flags import (
    AMBIGUOUS,
    CURRENCY_MISMATCH,
    OVER_ALLOCATED,
    PARKED,
    REFUND_OF_WHICH,
    UNMAPPED_STATUS,
    allocations,
    flags,
)
from state.viewing.service_clock import Passed
from state.viewing.settling import refunded_text, rows_text, split_facts
from state.viewing.unprorated import Misprorated

#: what an exception is about: (object kind, object id), or ("row", table and key)
About = tuple[str, str]
DEADLINE_PASSED = "DEADLINE_PASSED"
_UNKNOWN = {
    REREAD_NEEDED: (
        "{row} was captured before the column of {field} existed, and its default is no constant, so {field} is unknown. "
        "Next step: read the row again with an incremental snapshot of {table}"
    ),
    INEXACT_INTERVAL: (
        "{row} gives the term behind {field} as a number of microseconds, an average and no calendar term, so {field} is "
        "unknown. Next step: set interval.handling.mode=string in the connector, then snapshot {table} again"
    ),
}


class Problems:
    """Compares an account's problems with those that were published."""

    def __init__(self, model: Model, rules: Rules) -> None:
        self._tables = model.folded
        self._rules = rules

    def adopt(self, account: Account, passed: list[Passed], wrong: Sequence[Misprorated] = ()) -> None:
        """After a restore: what exists now was published before."""
        flagged = [item for item in account.items.values() if flags(account, item)]
        if flagged or account.faults or passed or account.illegal or wrong:
            self.compare(account, {}, flagged, Output(), passed, wrong)

    def compare(
        self,
        account: Account,
        dirty: dict[About, int],
        flagged: list[Item],
        out: Output,
        passed: list[Passed],
        wrong: Sequence[Misprorated] = (),
    ) -> None:
        """Publish what is new and tombstone what is over: `flagged` are those of the `dirty` objects that have flags.

        `wrong`: invoices among them that are prorated wrong.
        """
        found: dict[str, tuple[About, Record]] = {}
        for item in flagged:
            for code in flags(account, item):
                if code != PARKED:  # told per row below
                    self._add(found, (item.kind, item.id), self._of_item(account, item, code))
        for ref, fault in account.faults.items():
            self._add(found, ("row", f"{ref[0]}:{ref[1]}"), self._of_row(account, ref, fault))
        for late in passed:
            self._add(found, ("case", late.case), self._of_deadline(account, late))
        for one in wrong:
            record = self._record(account, one.code, "invoice", one.invoice, one.text, one.since_ms)
            record |= {"risk_minor": one.gap_minor, "risk_currency": one.currency}
            self._add(found, ("invoice", one.invoice), record)
        for name, record in account.illegal.items():
            found[name] = (("row", name), record)
        if not found and not account.exceptions:
            return
        for name, (about, _) in list(account.exceptions.items()):
            if name not in found and (about[0] == "row" or about in dirty):
                account.drop("exceptions", name)
                out.exceptions.append((name, None))
        for name, (about, record) in found.items():
            if account.exceptions.get(name) != (about, record["text"]):
                account.own("exceptions")[name] = (about, record["text"])
                out.exceptions.append((name, record | concern(account, record["object"], record["object_id"])))

    def _of_deadline(self, account: Account, late: Passed) -> Record:
        """Told once: when it was noticed stays as it was told first."""
        due, seen = (instant_from_us(ms * 1000) for ms in (late.due_ms, late.seen_ms))
        text = (
            f"case {late.case} ({self._row(late.ref)}) was due at {due} and is still open; noticed at {seen}. Next step: "
            f"resolve it, or put it on hold if it waits for the customer"
        )
        record = self._record(account, DEADLINE_PASSED, "case", late.case, text, late.due_ms)
        told = account.exceptions.get(record["id"])
        if told is not None and f"was due at {due} " in told[1]:
            record["text"] = told[1]
        return record

    @staticmethod
    def _add(found: dict[str, tuple[About, Record]], about: About, record: Record) -> None:
        found[record["id"]] = (about, record)

    def _of_item(self, account: Account, item: Item, code: str) -> Record:
        refs = item.refs
        since = max((account.rows[ref][TIME_MS] for ref in (*refs, *allocations(account, item))), default=0)
        record = self._record(account, code, item.kind, item.id, self._words(account, item, refs, code), since)
        if code == OVER_ALLOCATED and item.billing is not None:
            record["facts"] = split_facts(account, self._tables, item.billing)
        return record

    def _words(self, account: Account, item: Item, refs: list[Ref], code: str) -> str:
        if code in _UNKNOWN or code == UNMAPPED_STATUS:
            every = (*refs, *allocations(account, item))
            parts = [part for ref in every for part in self._unknown(account, ref, code)]
            return "; ".join(parts)
        if code == AMBIGUOUS:
            rows = [self._row(ref) for ref in refs] + [
                self._row(r) for _, rs in sorted((item.extra or {}).items()) for r in rs
            ]
            return (
                f"{item.kind} {item.id} is claimed by more than one row of one system ({', '.join(rows)}); the first one is "
                f"shown and nothing is corrected from it. Next step: remove or rename the others at their source"
            )
        if code == OVER_ALLOCATED:
            return rows_text(account, self._tables, item)
        if code == REFUND_OF_WHICH:
            return refunded_text(account, self._tables, item)
        assert code == CURRENCY_MISMATCH
        currencies = [account.rows[ref][FIRST] or account.currency.get(self._tables[ref[0]].source) for ref in refs]
        return (
            f"{item.kind} {item.id} is kept in different currencies ({' and '.join(map(str, currencies))}), so its amounts "
            f"cannot be compared. Next step: correct the currency of {' or '.join(self._row(ref) for ref in refs)}"
        )

    def _unknown(self, account: Account, ref: Ref, code: str) -> list[str]:
        spec, fact = self._tables[ref[0]], account.rows[ref]
        if spec.object is None or fact[UNMAPPED] is None:
            return []
        out: list[str] = []
        for name in fact[UNMAPPED]:
            why, colon, field = name.partition(":")
            if colon and why == code:
                out.append(_UNKNOWN[code].format(row=self._row(ref), field=field, table=spec.name))
            if colon or code != UNMAPPED_STATUS:
                continue
            label = fact[spec.object.role.index(name)]
            out.append(
                f"{self._row(ref)} has {name} {label!r}, which the mapping does not know; it is shown as it came and nothing "
                f"is derived from it. Next step: add it to the values of {name} in debezium/{spec.source}/mapping.yaml"
            )
        return out

    def _of_row(self, account: Account, ref: Ref, fault: Fault) -> Record:
        fact = account.rows.get(ref)
        about = fact[ID] if fact is not None else self._row(ref)
        text = (
            f"{self._row(ref)} is parked: {fault.reason}. Nothing about {fault.object} is corrected for this account until a "
            f"good image of the row comes. Next step: correct the row at its source, or replay it"
        )
        record = self._record(account, fault.code, fault.object, about, text, fault.time_ms)
        record["id"] += f":{self._row(ref)}"
        return record

    def _row(self, ref: Ref) -> str:
        return f"row {ref[1]} of {self._tables[ref[0]].topic}"

    def _record(self, account: Account, code: str, kind: str, object_id: str, text: str, since_ms: int) -> Record:
        currency = account.currency.get("billing")
        total = account.totals.get(currency) if currency else None
        return {
            "id": f"{code}:{account.id}:{kind}:{object_id}",
            "kind": code,
            "account": account.id,
            "object": kind,
            "object_id": object_id,
            "text": text,
            "team": self._rules.team_of(kind),
            "since_ms": since_ms,
            "risk_minor": None if currency is None else total.open if total else 0,
            "risk_currency": currency,
            "facts": [],
        }
