"""The identity index restored from facts records, read in any order of partitions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from connectors.facts import fact_key, fact_value, waiting_key
from dataflows.identity_restore import FactRecord, index_of
from state.model import AccountRule, Model, SourceSpec, TableSpec

CUSTOMERS = TableSpec(0, "erp", "public.customers", "erp.public.customers", ("id",), AccountRule("reference", "code"))
MODEL = Model((SourceSpec("erp", "erp", "none", "erp.transaction", "erp.notifications", 1),), (CUSTOMERS,), {})


def placed(key: str, account: str | None, position: int, partition: int) -> FactRecord:
    """A row under its account, or the tombstone of that."""
    value = None if account is None else fact_value(account, account, position, 0, b"row")
    return partition, fact_key(CUSTOMERS.topic, key), value


def waiting(key: str, link: str | None, position: int, partition: int) -> FactRecord:
    """A row without an account, or the tombstone of that."""
    value = None if link is None else fact_value("", link, position, 0, b"row")
    return partition, waiting_key(CUSTOMERS.topic, key), value


@st.composite
def merged(draw: st.DrawFn, *partitions: list[FactRecord]) -> list[FactRecord]:
    """The partitions in any interleaving."""
    left = [list(p) for p in partitions]
    out: list[FactRecord] = []
    while left := [p for p in left if p]:
        out.append(draw(st.sampled_from(left)).pop(0))
    return out


@given(
    merged(
        [placed("1", "A-1", 50, 0), placed("1", None, 0, 0), placed("2", "A-1", 10, 0), placed("5", "A-2", 10, 0)],
        [placed("1", "A-2", 60, 1), placed("5", "A-1", 10, 1), placed("5", None, 0, 1)],
        [waiting("3", "A-3", 90, 2), waiting("3", None, 0, 2)],
        [placed("3", "A-3", 90, 3)],
        [waiting("4", "A-9", 95, 4)],
    )
)
def test_moved_and_waiting_rows_survive_any_reading_order(records: list[FactRecord]) -> None:
    """A row that moved is under its new account, one that waited is placed, one that waits still waits.

    Row 5 moved without a change of its own, so its position is the same in both places. Planted breaks, seen to fail:
    letting the tombstone of the waiting record end the placed row; counting the later position before tombstones.
    """
    identity = index_of(MODEL, records)
    found = {key: identity.account_of(0, key) for key in ("1", "2", "3", "5")}
    assert found == {"1": "A-2", "2": "A-1", "3": "A-3", "5": "A-2"}
    assert identity.waiting == 1 and identity.waits(0, "4")
