"""Runs the scenario: one customer for whom all goes well and one for each step that fails; measures how each failure ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from demo.company import Company
from demo.mid_cycle import customers as acts
from demo.mid_cycle.customers import CURRENCIES, NEW, OLD, UNKNOWN_STATE, Customer
from demo.mid_cycle.failures import FAILURES, Failure
from demo.mid_cycle.following import followed
from demo.mid_cycle.listening import Heard, Listener

POLL_S = 0.05
#: so long anything may take before the scenario gives up; the report has the seconds that it took
PATIENCE_S = 90.0
#: what billing charges too much, and the ERP books too much
OFF_MINOR = 1


class Named(NamedTuple):
    """How a failure was told: customer, invoice, case and amount, how long after it was knowable, and when it was over."""

    failure: Failure
    customer: str
    invoice: str | None
    case: str | None
    amount_minor: int | None
    currency: str | None
    named_s: float
    ended_s: float
    ended: str

    @property
    def complete(self) -> bool:
        """Whether all four are named."""
        return None not in (self.invoice, self.case, self.amount_minor, self.currency)


class MidCycleFailed(Exception):
    """Something of the scenario did not come; the message says what, and for which customer."""


class Story:
    """One run. `tag` makes the customers' numbers its own."""

    def __init__(self, company: Company, listener: Listener, tag: str) -> None:
        self._company = company
        self._listener = listener
        names = ("", *(failure.name for failure in FAILURES))
        self.customers = [
            Customer(f"KEY-{tag.upper()}-{n}", CURRENCIES[n % len(CURRENCIES)], fails) for n, fails in enumerate(names)
        ]

    @property
    def object_ids(self) -> frozenset[str]:
        """Ids of the objects that differ between systems because of it."""
        return frozenset(name for one in self.customers for name in (one.number, one.invoice or f"INV-{one.number}"))

    def run(self) -> dict[str, Any]:
        """Everything, to the end of every failure; raises MidCycleFailed. Plain data for the report."""
        # first the one for whom all goes well: a table's topic is made, and found, with its first row
        well = self.customers[0]
        self._live(well)
        self._wait(lambda: self._movement(well), f"the expansion event of {well.number}")
        for customer in self.customers[1:]:
            self._live(customer)
        named = [self._follow(failure, customer) for failure, customer in self._failing()]
        checks = self._settled()
        return {
            "customers": len(self.customers),
            "named": [one._asdict() | {"failure": one.failure._asdict(), "complete": one.complete} for one in named],
            "checks": checks,
        }

    def _failing(self) -> Iterator[tuple[Failure, Customer]]:
        return zip(FAILURES, self.customers[1:], strict=True)

    def _live(self, customer: Customer) -> None:
        """What happens to a customer in the four systems, and what the old integration makes of it."""
        company, fails = self._company, customer.fails
        acts.move_in(company, customer)
        acts.open_case(company, customer)
        if fails != "case":
            acts.carry_case(company, customer)
        state = UNKNOWN_STATE if fails == "event" else "active"
        acts.upgrade(company, customer, state, OFF_MINOR if fails == "proration" else 0)
        at = time.time()
        if fails != "level":
            acts.carry_level(company, customer)
        if fails != "crm":
            acts.carry_customer(company, customer)
        if fails != "invoice":
            acts.carry_invoice(company, customer, fails != "schedule", OFF_MINOR if fails == "figures" else 0)
        if fails in ("schedule", "figures"):
            at = time.time()
        if fails == "standing":
            acts.fall_behind(company, customer)
            at = time.time()
        customer.failed_at = at

    def _follow(self, failure: Failure, customer: Customer) -> Named:
        told = self._wait(lambda: self._told(failure, customer), f"{failure.code} of {customer.number}")
        assert told.value is not None
        if failure.name == "proration":
            acts.take_off(self._company, customer, OFF_MINOR)
        elif failure.name == "event":
            acts.name_state(self._company, customer)
        over = self._wait(lambda: self._over(failure, told), f"the end of {failure.code} of {customer.number}")
        return Named(
            failure,
            customer.number,
            told.value["invoice"],
            told.value["case"],
            told.value["risk_minor"],
            told.value["risk_currency"],
            round(max(0.0, told.at - customer.failed_at), 2),
            round(over.at - told.at, 2),
            "billing corrected it" if failure.by_billing else f"VERIFIED by {over.value and over.value['proof']}",
        )

    def _told(self, failure: Failure, customer: Customer) -> Heard | None:
        """The first record that names the failure with invoice, case and amount; what the old integration brings a moment later
        does not count."""
        for heard in self._listener.heard():
            record = heard.value or {}
            if None in (record.get("invoice"), record.get("case"), record.get("risk_minor")):
                continue
            who = record.get("account_id") or record.get("account")
            if who == customer.number and _names(failure, heard.kind, record):
                return heard
        return None

    def _over(self, failure: Failure, told: Heard) -> Heard | None:
        """The correction that is proven, or the end of the exception."""
        for heard in self._listener.heard():
            if heard.key != told.key or heard.at < told.at:
                continue
            if failure.by_billing and heard.kind == "exception" and heard.value is None:
                return heard
            if heard.kind == "correction" and heard.value is not None and heard.value["state"] == "VERIFIED":
                return heard
        return None

    def _settled(self) -> list[dict[str, Any]]:
        """The six checks for every customer, when all of them hold or patience is over."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            found = followed(self._company, self.customers, self._movements)
            if all(one["held"] == one["of"] for one in found) or time.monotonic() > deadline:
                return found
            time.sleep(POLL_S * 10)

    def _movement(self, customer: Customer) -> Heard | None:
        """The event that says that the customer's revenue has grown."""
        return next(
            (
                heard
                for heard in self._listener.heard()
                if heard.kind == "change" and heard.value and heard.value["account"] == customer.number
                if heard.value["movement"] and heard.value["movement"]["kind"] == "expansion"
            ),
            None,
        )

    def _movements(self, customer: Customer) -> bool:
        """Whether one expansion from the old to the new revenue was told since the customer moved in, and no other movement."""
        told = [
            heard.value["movement"]
            for heard in self._listener.heard()
            if heard.kind == "change"
            and heard.value
            and heard.value["account"] == customer.number
            and heard.value["movement"]
        ]
        after = [one for one in told if one["kind"] != "new"]
        return len(told) == len(after) + 1 and [
            (one["kind"], one["old_minor"], one["new_minor"], one["currency"], one["reason"]) for one in after
        ] == [("expansion", OLD, NEW, customer.currency, "known_late" if customer.fails == "event" else "plan_changed")]

    def _wait(self, look: Callable[[], Heard | None], what: str) -> Heard:
        deadline = time.monotonic() + PATIENCE_S
        while (found := look()) is None:
            if time.monotonic() > deadline:
                raise MidCycleFailed(
                    f"{what} did not come within {PATIENCE_S:.0f} s. Next step: `concord status`, and the logs of the flows"
                )
            time.sleep(POLL_S)
        return found


def _names(failure: Failure, kind: str, record: dict[str, Any]) -> bool:
    """Whether a record is about this failure: a difference of an object that is there, of the ERP invoice one that is not."""
    if kind == "exception":
        return bool(record["kind"] == failure.code)
    missing = failure.name == "invoice"
    return bool(kind == "intent" and record["rule"] == failure.code and (record["current"] is None) == missing)
