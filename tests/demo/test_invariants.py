"""The demo's witness convicts: each broken invariant of the published view is found at the cut that broke it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from demo.invariants import Invariants

Record = dict[str, Any]


def account(billed: int = 100, paid: int = 40, reported: int | None = None, position: int = 10) -> Record:
    """An account record with these totals."""
    totals = {"billed_minor": billed, "paid_minor": paid, "refunded_minor": 0, "credited_minor": 0}
    totals["balance_minor"] = billed - paid
    return {
        "currency": "EUR",
        "totals": {"EUR": totals},
        "reported_balance_minor": billed - paid if reported is None else reported,
        "billing": {"row": "1", "position": position},
        "erp": None,
        "positions": {"billing": position},
    }


def invoice(total: int = 100, lines: int = 100, erp: tuple[int, int] | None = None, owner: str = "A") -> Record:
    """An open invoice of billing, in the ERP too if `erp` gives total and line sum there."""
    booked = None if erp is None else {"row": "7", "position": 5, "total_minor": erp[0], "line_sum_minor": erp[1]}
    facet = {"row": "3", "position": 10}
    return {
        "account": owner,
        "currency": "EUR",
        "status": "open",
        "total_minor": total,
        "line_sum_minor": lines,
        "billing": facet,
        "erp": booked,
    }


def payment(amount: int = 40) -> Record:
    """A payment that succeeded."""
    facet = {"row": "4", "position": 10}
    return {
        "account": "A",
        "currency": "EUR",
        "status": "succeeded",
        "amount_minor": amount,
        "billing": facet,
        "erp": None,
    }


def problems(*cuts: Mapping[tuple[str, str], Record | None]) -> dict[str, int]:
    """What is found in these cuts."""
    found = Invariants()
    for number, cut in enumerate(cuts, 1):
        for (kind, key), record in cut.items():
            found.apply(number, kind, key, None if record is None else repr(record).encode(), record)
        found.check(number, set(cut))
    return dict(found.problems)


WHOLE: dict[tuple[str, str], Record | None] = {
    ("account", "A"): account(),
    ("invoice", "I"): invoice(),
    ("payment", "P"): payment(),
}


def test_a_whole_view_is_acquitted() -> None:
    """Objects add up to their account, lines to their invoice, in billing and in the ERP; and it may all go away."""
    erp = {("invoice", "I"): invoice(erp=(90, 90))}
    gone: dict[tuple[str, str], Record | None] = dict.fromkeys(WHOLE)
    assert problems(WHOLE, erp, gone) == {}


def test_sums_that_do_not_add_up_are_partial_states() -> None:
    """A payment without its account's new total, an account that reports something else, lines that are missing."""
    assert problems(WHOLE, {("payment", "P"): payment(50)}) == {"partial_states": 1}
    assert problems(WHOLE | {("account", "A"): account(reported=1)}) == {"partial_states": 1}
    assert problems(WHOLE | {("invoice", "I"): invoice(lines=60)}) == {"partial_states": 1}
    assert problems(WHOLE | {("invoice", "I"): invoice(erp=(90, 30))}) == {"partial_states": 1}


def test_an_object_without_its_account_is_a_partial_state() -> None:
    """The account goes and leaves something behind, or an object comes before its account."""
    gone: dict[tuple[str, str], Record | None] = {("account", "A"): None, ("payment", "P"): None}
    assert problems(WHOLE, gone) == {"partial_states": 1}
    assert problems({("invoice", "I"): invoice(owner="B")}) == {"partial_states": 1}


def test_the_same_again_is_a_duplicate() -> None:
    """Same content for a key in two cuts, and a tombstone of what is not there."""
    assert problems(WHOLE, {("payment", "P"): payment()}) == {"duplicates": 1}
    nothing: dict[tuple[str, str], Record | None] = {("payment", "Q"): None}
    assert problems(WHOLE, nothing) == {"duplicates": 1}


def test_an_older_row_is_a_regression() -> None:
    """The same row of a system at a position before the one that was shown."""
    assert problems(WHOLE, {("account", "A"): account(position=9)}) == {"version_regressions": 1}
