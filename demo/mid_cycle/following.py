"""The six checks, by SQL on the systems themselves: does everything follow the upgrade?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from demo.mid_cycle.customers import NEW, Customer
from demo.mid_cycle.systems import Systems
from demo.money import major


def followed(
    systems: Systems, customers: Sequence[Customer], told_once: Callable[[Customer], bool]
) -> list[dict[str, Any]]:
    """Per check: for how many customers it holds. `told_once`: whether the expansion event was."""
    held = Counter(name for one in customers for name, holds in _checks(systems, one, told_once).items() if holds)
    return [{"check": name, "held": held[name], "of": len(customers)} for name in NAMES]


NAMES = (
    "service level at support",
    "proration to the cent",
    "ERP invoice",
    "revenue schedule's input",
    "CRM: plan, revenue, case",
    "expansion event, once",
)


def _checks(systems: Systems, customer: Customer, told_once: Callable[[Customer], bool]) -> dict[str, bool]:
    booked = systems.booked(customer)
    right = customer.prorated()
    total = major(sum(amount for _, amount in right), customer.currency)
    lines = sorted((text, major(amount, customer.currency)) for text, amount in right)
    period = (customer.today, customer.ends())
    return dict(
        zip(
            NAMES,
            (
                systems.level(customer) == ["enterprise"],
                systems.billed(customer) == right,
                {(line.state, line.total) for line in booked} == {("posted", total)}
                and sorted((line.description, line.amount) for line in booked) == lines,
                bool(booked) and {(line.begin, line.end) for line in booked} == {period},
                systems.sales(customer) == [("enterprise", major(NEW, customer.currency), customer.case)],
                told_once(customer),
            ),
            strict=True,
        )
    )
