"""Identity: the way from a row to its account, whatever the order in which links appear."""

from __future__ import annotations

import pytest

from state.model import AccountRule, TableSpec
from state.resolving.identity import Identity
from state.resolving.resolved import Resolved
from state.row import Row

ACCOUNTS, INVOICES, PAYMENTS, CUSTOMERS, PLANS = range(5)


def tables() -> list[TableSpec]:
    """Billing: accounts <- invoices <- payments; ERP: customers by reference; plans are ignored."""
    rules = [
        ("accounts", AccountRule("defines", "number")),
        ("invoices", AccountRule("through", "account_id", ACCOUNTS)),
        ("payments", AccountRule("through", "invoice_id", INVOICES)),
        ("customers", AccountRule("reference", "code", None, ("strip", "upper"))),
    ]
    specs = [TableSpec(i, "s", n, f"s.{n}", ("id",), rule) for i, (n, rule) in enumerate(rules)]
    return [*specs, TableSpec(PLANS, "s", "plans", "s.plans", ("id",), None, "reference data")]


def row(table: int, op: str, key: str, link: str | None = None) -> Row:
    """A peeked row; the frame says what it is."""
    return (table, op, key, 1, 1, 1, link, 0, 0, f"{table}/{key}/{op}".encode(), "", 0)


def changes(found: Resolved) -> list[tuple[str, int, str, str]]:
    """(account, table, op, key) of each change."""
    return [(c.account, c.table, c.op, c.key) for c in found.changes]


@pytest.fixture
def identity() -> Identity:
    """An empty index."""
    return Identity(tables())


def test_the_account_is_found_through_the_chain_in_one_transaction(identity: Identity) -> None:
    """Children may come before their parents inside a transaction."""
    rows = [row(PAYMENTS, "c", "7", "5"), row(INVOICES, "c", "5", "1"), row(ACCOUNTS, "c", "1", "A-1")]
    found = identity.resolve(rows, "s", 1, 0)
    assert changes(found) == [("A-1", PAYMENTS, "c", "7"), ("A-1", INVOICES, "c", "5"), ("A-1", ACCOUNTS, "c", "1")]
    assert (found.applied, found.ignored, identity.waiting) == (3, 0, 0)


def test_rows_without_an_account_wait_and_go_when_the_link_appears(identity: Identity) -> None:
    """A late link releases what waited for it, through several levels, and stops nobody else meanwhile."""
    first = identity.resolve([row(PAYMENTS, "c", "7", "5"), row(CUSTOMERS, "c", "9", " a-1 ")], "s", 1, 0)
    assert (first.changes, identity.waiting) == ([], 2)
    middle = identity.resolve([row(INVOICES, "c", "5", "1")], "s", 2, 0)
    assert (middle.changes, identity.waiting) == ([], 3)
    last = identity.resolve([row(ACCOUNTS, "c", "1", "A-1")], "s", 3, 0)
    assert changes(last) == [("A-1", ACCOUNTS, "c", "1")]
    assert {change.table for _, change in last.let_go} == {INVOICES, PAYMENTS, CUSTOMERS}
    assert {change.account for _, change in last.let_go} == {"A-1"}
    assert (last.applied, identity.waiting, len(last.let_go)) == (1, 0, 3)
    assert {waiting.position for waiting, _ in last.let_go} == {1, 2}


def test_a_row_whose_link_is_null_is_live_all_the_same(identity: Identity) -> None:
    """It waits for a link, its newer image in the same transaction takes its place, and its delete ends it.

    Planted break, seen to fail: comparing a new row's null with the link that is not there takes it for known.
    """
    found = identity.resolve([row(INVOICES, "c", "5"), row(INVOICES, "u", "5")], "s", 1, 0)
    assert (changes(found), found.applied, found.ignored) == ([], 0, 1)
    assert identity.knows(INVOICES, "5") and identity.waiting == 1
    gone = identity.resolve([row(INVOICES, "d", "5")], "s", 2, 0)
    assert (gone.applied, gone.ignored, identity.waiting, identity.knows(INVOICES, "5")) == (0, 2, 0, False)


def test_a_cascading_delete_finds_the_account_although_the_parent_goes_first(identity: Identity) -> None:
    """Deletes resolve with the links as they were: parent and child may be deleted in one transaction."""
    identity.resolve(
        [row(ACCOUNTS, "c", "1", "A-1"), row(INVOICES, "c", "5", "1"), row(PAYMENTS, "c", "7", "5")], "s", 1, 0
    )
    found = identity.resolve([row(INVOICES, "d", "5"), row(PAYMENTS, "d", "7")], "s", 2, 0)
    assert changes(found) == [("A-1", INVOICES, "d", "5"), ("A-1", PAYMENTS, "d", "7")]
    assert not identity.knows(PAYMENTS, "7")


def test_a_tombstone_retires_a_live_row_once_and_is_ignored_otherwise(identity: Identity) -> None:
    """G13: null after the delete changes nothing; null alone retires the row."""
    identity.resolve(
        [row(ACCOUNTS, "c", "1", "A-1"), row(INVOICES, "c", "5", "1"), row(INVOICES, "c", "6", "1")], "s", 1, 0
    )
    both = identity.resolve([row(INVOICES, "d", "5"), row(INVOICES, "t", "5")], "s", 2, 0)
    assert (changes(both), both.applied, both.ignored) == ([("A-1", INVOICES, "d", "5")], 1, 1)
    alone = identity.resolve([row(INVOICES, "t", "6")], "s", 3, 0)
    assert (changes(alone), alone.applied, alone.ignored) == ([("A-1", INVOICES, "d", "6")], 1, 0)


def test_truncate_retires_every_row_of_the_table(identity: Identity) -> None:
    """One TRUNCATE event stands for all live rows, whoever owns them."""
    identity.resolve([row(ACCOUNTS, "c", "1", "A-1"), row(ACCOUNTS, "c", "2", "A-2")], "s", 1, 0)
    identity.resolve([row(INVOICES, "c", "5", "1"), row(INVOICES, "c", "6", "2")], "s", 2, 0)
    found = identity.resolve([row(INVOICES, "T", "")], "s", 3, 0)
    assert changes(found) == [("A-1", INVOICES, "d", "5"), ("A-2", INVOICES, "d", "6")]
    assert found.applied == 1


def test_a_changed_link_moves_the_row(identity: Identity) -> None:
    """The row leaves its old account and enters the new one in the same transaction."""
    identity.resolve([row(ACCOUNTS, "c", "1", "A-1"), row(ACCOUNTS, "c", "2", "A-2")], "s", 1, 0)
    identity.resolve([row(CUSTOMERS, "c", "9", "A-1")], "s", 2, 0)
    found = identity.resolve([row(CUSTOMERS, "u", "9", "a-2")], "s", 3, 0)
    assert changes(found) == [("A-1", CUSTOMERS, "d", "9"), ("A-2", CUSTOMERS, "u", "9")]


def test_rows_of_ignored_tables_are_counted(identity: Identity) -> None:
    """Promise 3: ignored by rule is counted, not forgotten."""
    found = identity.resolve([row(PLANS, "c", "1")], "s", 1, 0)
    assert (found.changes, found.applied, found.ignored) == ([], 0, 1)


def test_a_newer_image_supersedes_a_waiting_row(identity: Identity) -> None:
    """Only the last image waits; the older one counts as ignored, so in = applied + ignored + waiting."""
    identity.resolve([row(INVOICES, "c", "5", "1")], "s", 1, 0)
    second = identity.resolve([row(INVOICES, "u", "5", "1")], "s", 2, 0)
    assert (second.ignored, identity.waiting) == (1, 1)
    gone = identity.resolve([row(INVOICES, "d", "5")], "s", 3, 0)
    assert (gone.changes, gone.ignored, identity.waiting) == ([], 2, 0)


def test_the_index_restored_from_facts_resolves_the_same(identity: Identity) -> None:
    """A restart knows accounts and links from the facts alone."""
    restored = Identity(tables())
    restored.load(INVOICES, "5", "A-1", "1")
    restored.load(ACCOUNTS, "1", "A-1", "A-1")
    found = restored.resolve([row(PAYMENTS, "c", "7", "5")], "s", 4, 0)
    assert changes(found) == [("A-1", PAYMENTS, "c", "7")]
