"""Runs the scenario: one customer for whom all goes well and one for each step that fails; measures how each failure ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from demo.failed import DemoFailed
from demo.mid_cycle.customers import CURRENCIES, NEW, OLD, UNKNOWN_STATE, Customer
from demo.mid_cycle.failures import FAILURES, REFUSAL, Failure
from demo.mid_cycle.following import followed
from demo.mid_cycle.listening import Heard, Listener
from demo.mid_cycle.systems import Systems

POLL_S = 0.05
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


class Story:
    """One run. `tag` makes the customers' numbers its own; `approve` is how a person lets a proposed correction go."""

    def __init__(
        self,
        systems: Systems,
        listener: Listener,
        tag: str,
        approve: Callable[[str], None],
        currencies: Sequence[str] = CURRENCIES,
    ) -> None:
        self._systems, self._listener, self._approve = systems, listener, approve
        names = ("", *(failure.name for failure in FAILURES), REFUSAL.name)
        self.customers = [
            Customer(f"KEY-{tag.upper()}-{n}", currencies[n % len(currencies)], fails) for n, fails in enumerate(names)
        ]
        self._named: list[Named] = []

    @property
    def object_ids(self) -> frozenset[str]:
        """Ids of the objects that differ between systems because of it."""
        return frozenset(name for one in self.customers for name in (one.number, one.invoice or f"INV-{one.number}"))

    def run(self) -> None:
        """Everything but the refusal, to the end of every failure; raises DemoFailed."""
        # first the one for whom all goes well: a table's topic is made, and found, with its first row
        well = self.customers[0]
        self._live(well)
        self._wait(lambda: self._movement(well), f"the expansion event of {well.number}")
        for customer in self.customers[1:-1]:
            self._live(customer)
        self._named = [self._follow(failure, customer) for failure, customer in self._failing()]

    def finish(self) -> dict[str, Any]:
        """The refusal, while nobody else books anything, then the six checks for all; raises DemoFailed. Plain data."""
        self._settled(self.customers[:-1])  # what else is still to be booked would be refused, too
        named = [*self._named, self._refused()]
        checks = self._settled(self.customers)
        return {
            "customers": len(self.customers),
            "named": [one._asdict() | {"failure": one.failure._asdict(), "complete": one.complete} for one in named],
            "checks": checks,
        }

    def _refused(self) -> Named:
        """The books are closed and the ERP refuses; a person lets it be booked on the first open day."""
        customer = self.customers[-1]
        self._systems.close_books()
        try:
            self._live(customer)
            told = self._wait(lambda: self._told(REFUSAL, customer), f"the refusal for {customer.number}")
            customer.failed_at = self._asked(told.key)
            self._approve(told.key)
            return self._ended(REFUSAL, customer, told)
        finally:
            self._systems.open_books()

    def _asked(self, correction: str) -> float:
        """When the target was last asked, before it refused."""
        asked = [
            heard.at
            for heard in self._listener.heard()
            if (heard.kind, heard.key) == ("correction", correction) and heard.value
            if heard.value["state"] == "SENDING"
        ]
        return max(asked)

    def _failing(self) -> Iterator[tuple[Failure, Customer]]:
        return zip(FAILURES, self.customers[1:-1], strict=True)

    def _live(self, customer: Customer) -> None:
        """What happens to a customer in the four systems, and what the old integration makes of it."""
        systems, fails = self._systems, customer.fails
        systems.move_in(customer)
        customer.bill(OFF_MINOR if fails == "proration" else 0)
        if systems.books_first:
            self._book(customer)
        systems.open_case(customer)
        if fails != "case":
            systems.carry_case(customer)
        systems.upgrade(customer, UNKNOWN_STATE if fails == "event" else "active")
        at = time.time()
        if fails != "level":
            systems.carry_level(customer)
        if fails != "crm":
            systems.carry_customer(customer)
        if not systems.books_first:
            self._book(customer)
            if fails in ("schedule", "figures"):
                at = time.time()
        if fails == "standing":
            systems.fall_behind(customer)
            at = time.time()
        customer.failed_at = at

    def _book(self, customer: Customer) -> None:
        if customer.fails not in ("invoice", REFUSAL.name):
            off = OFF_MINOR if customer.fails == "figures" else 0
            self._systems.carry_invoice(customer, customer.fails != "schedule", off)

    def _follow(self, failure: Failure, customer: Customer) -> Named:
        told = self._wait(lambda: self._told(failure, customer), f"{failure.code} of {customer.number}")
        if failure.name == "proration":
            self._systems.take_off(customer, OFF_MINOR)
        elif failure.name == "event":
            self._systems.name_state(customer)
        return self._ended(failure, customer, told)

    def _ended(self, failure: Failure, customer: Customer, told: Heard) -> Named:
        assert told.value is not None
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

    def _settled(self, customers: Sequence[Customer]) -> list[dict[str, Any]]:
        """The six checks for these customers, when all of them hold or patience is over."""
        deadline = time.monotonic() + self._systems.patience_s
        while True:
            found = followed(self._systems, customers, self._movements)
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
        deadline = time.monotonic() + self._systems.patience_s
        while (found := look()) is None:
            if time.monotonic() > deadline:
                raise DemoFailed(
                    f"{what} did not come within {self._systems.patience_s:.0f} s. Next step: `concord status`, and the logs of the flows"
                )
            time.sleep(POLL_S)
        return found


def _names(failure: Failure, kind: str, record: dict[str, Any]) -> bool:
    """Whether a record is about this failure: a difference of an object that is there, of the ERP invoice one that is not."""
    if kind in ("exception", "attention"):
        return bool(record["kind"] == failure.code)
    missing = failure.name == "invoice"
    return bool(kind == "intent" and record["rule"] == failure.code and (record["current"] is None) == missing)
