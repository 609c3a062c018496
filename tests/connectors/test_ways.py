"""Ways that one foreign key cannot say, from the mapping to the account: any length, any carrier, any order, and moves."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.mappings.loading import load_model
from state.resolving.carried import bare
from state.resolving.identity import Identity
from state.resolving.moves import Moves, Place
from state.resolving.resolved import Resolved
from state.row import Row, Transaction

DESK = """
source: desk
system: support
version: 1
tables:
  public.tickets:
    key: [id]
    account: {carried: true}
    object: case
    id: "{id}"
    fields: {status: {label: status, values: {open: open}}}
  public.fields:
    key: [id]
    only: {field: [2, 5, 8]}
    account:
      ways:
        - {through: objectid, table: public.tickets, when: {type: Ticket}}
        - {through: objectid, place: organisation, when: {type: Group}}
    links:
      - {of: public.tickets, key: objectid, reference: content, when: {type: Ticket, field: 2, disabled: 0}}
      - {of: organisation, key: objectid, reference: content, when: {type: Group, field: 8, disabled: 0}}
    object: case_event
    id: "{id}"
    fields: {case: {reference: objectid, table: public.tickets}}
  public.roles:
    key: [id]
    only: {name: Requestor}
    links:
      - {of: public.tickets, key: instance, through: id, place: role, rank: 9}
  public.members:
    key: [id]
    links:
      - {of: role, key: groupid, through: memberid, place: user}
      - {of: user, key: memberid, through: groupid, place: organisation}
  public.notes:
    key: [id]
    account:
      ways:
        - {through: origin, table: public.tickets, model: desk.ticket}
        - {through: origin, table: public.notes, model: desk.note}
    object: case_event
    id: "{id}"
    fields: {case: {reference: id, table: public.tickets}}
"""
BILLING = """
source: billing
system: billing
version: 1
tables:
  public.accounts:
    key: [record_id]
    account: {defines: external_key}
    object: account
    id: "{external_key}"
    fields: {currency: currency, standing: {label: s, values: {good: good}}}
  public.credits:
    key: [record_id]
    account: {through: account_id, table: public.accounts, by: id}
    object: credit
    id: "{id}"
    fields: {amount: {money: amount, units: major}}
"""


class Desk:
    """An index over both sources, fed with rows given as columns."""

    def __init__(self, folder: Path) -> None:
        for name, text in (("desk", DESK), ("billing", BILLING)):
            (folder / name).mkdir()
            (folder / name / "mapping.yaml").write_text(text)
        self.model = load_model(folder, ("desk", "billing"))
        self.tables = {table.name.removeprefix("public."): table for table in self.model.tables}
        self.identity, self._moves = Identity(self.model.tables), Moves()
        self._position = 0
        self.put(("accounts", "1", {"external_key": "A-1", "id": "u1"}), ("accounts", "2", {"external_key": "A-2"}))

    def row(self, table: str, key: str, columns: dict[str, str] | None) -> Row:
        """A peeked row; None is a delete."""
        spec = self.tables[table]
        assert spec.account is not None
        link = None if columns is None else "\x1f".join(columns.get(c, "\0") for c in spec.account.columns)
        return (spec.index, "d" if columns is None else "u", key, 1, 1, 1, link, 0, 0, b"frame", "", 0)

    def put(self, *rows: tuple[str, str, dict[str, str] | None]) -> Resolved:
        """One transaction, and the rows that it moves."""
        self._position += 1
        found = self.identity.resolve([self.row(*one) for one in rows], "desk", self._position, 0)
        place = Place("desk", self._position, 0)
        arriving, _ = self._moves.bring(found, self.identity, lambda table: self.model.tables[table].source, place, 0)
        found.changes += [change for transaction in arriving for change in transaction.changes]
        self._moves.add(Transaction("desk", self._position, 0, found.changes))
        self._moves.add(Transaction("desk", self._position, 0, [change for _, change in found.let_go]))
        return found

    def field(self, key: str, kind: str, of: str, field: str, content: str, disabled: str = "0") -> Resolved:
        """A custom field row."""
        return self.put(
            ("fields", key, {"type": kind, "objectid": of, "field": field, "content": content, "disabled": disabled})
        )

    def account(self, table: str, key: str) -> str | None:
        """Account of a row."""
        return self.identity.account_of(self.tables[table].index, key)


def said(found: Resolved) -> list[tuple[str, str, str]]:
    """(account, operation, key) of each change."""
    return [(change.account, change.op, change.key) for change in found.changes]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Two accounts, nothing in the desk."""
    return Desk(tmp_path)


def requestor(desk: Desk) -> None:
    """Ticket 3 of user 50 of organisation 49, which is account A-1: four tables away, and groups that everybody is in."""
    desk.put(("tickets", "3", {}))
    desk.put(("roles", "55", {"id": "55", "name": "Requestor", "instance": "3"}))
    desk.put(
        ("members", "30", {"groupid": "49", "memberid": "50"}), ("members", "28", {"groupid": "3", "memberid": "50"})
    )
    desk.put(
        ("members", "29", {"groupid": "3", "memberid": "60"}), ("members", "31", {"groupid": "77", "memberid": "60"})
    )
    desk.field("77", "Group", "77", "8", "A-2")
    desk.put(("members", "32", {"groupid": "55", "memberid": "50"}))


def test_a_ticket_waits_until_the_last_link_of_a_long_chain_is_there(desk: Desk) -> None:
    """Ticket <- requestor role <- member -> organisation -> its custom field -> account; links are no waiting rows."""
    requestor(desk)
    assert (desk.account("tickets", "3"), desk.identity.waiting) == (None, 1)
    found = desk.field("52", "Group", "49", "8", "A-1")
    assert [(change.account, change.key) for _, change in found.let_go] == [("A-1", "3")]
    assert desk.identity.waiting == 0


def test_the_tickets_own_field_comes_before_its_requestor(desk: Desk) -> None:
    """Ranks decide, not the order of arrival; the ticket moves in the transaction of the field, frame and all."""
    requestor(desk)
    desk.field("52", "Group", "49", "8", "A-1")
    found = desk.field("58", "Ticket", "3", "2", "A-2")
    assert sorted(said(found)) == [("A-1", "d", "3"), ("A-2", "m", "3"), ("A-2", "u", "58")]
    assert [bare(change.frame) for change in found.changes if change.op != "d"] == [b"frame", b"frame"]
    back = desk.field("58", "Ticket", "3", "2", "A-2", disabled="1")
    assert ("A-1", "m", "3") in said(back) and ("A-2", "d", "3") in said(back)


def test_a_value_that_replaces_a_disabled_one_moves_nothing(desk: Desk) -> None:
    """Request Tracker disables one row and adds another; both in one transaction are no move."""
    desk.put(("tickets", "3", {}))
    desk.field("58", "Ticket", "3", "2", "A-1")
    old = {"type": "Ticket", "objectid": "3", "field": "2", "content": "A-1"}
    found = desk.put(("fields", "58", {**old, "disabled": "1"}), ("fields", "59", {**old, "disabled": "0"}))
    assert sorted(said(found)) == [("A-1", "u", "58"), ("A-1", "u", "59")]


def test_of_two_carriers_the_older_row_counts(desk: Desk) -> None:
    """A race left two values in a single-value field: the answer is the same in every order."""
    desk.put(("tickets", "3", {}))
    desk.field("100", "Ticket", "3", "2", "A-2")
    desk.field("58", "Ticket", "3", "2", "A-1")
    assert desk.account("tickets", "3") == "A-1"


def test_a_lost_link_sets_its_rows_aside_again(desk: Desk) -> None:
    """Without any way the row is under no account, and waits with its frame until there is one."""
    desk.put(("tickets", "3", {}))
    desk.field("58", "Ticket", "3", "2", "A-1")
    lost = desk.put(("fields", "58", None))
    assert sorted(said(lost)) == [("A-1", "d", "3"), ("A-1", "d", "58")]
    assert [mark.row[2] for mark in lost.waiting] == ["3"]
    found = desk.field("60", "Ticket", "3", "2", "A-2")
    assert [(change.account, change.key, bare(change.frame)) for _, change in found.let_go] == [("A-2", "3", b"frame")]


def test_rows_that_the_mapping_does_not_mean_are_ignored(desk: Desk) -> None:
    """Another field, another role, another model: counted as ignored by rule, never waiting; retired if they were live."""
    assert desk.field("1", "Ticket", "3", "99", "x").ignored == 1
    assert desk.put(("roles", "56", {"name": "Cc", "instance": "3"})).ignored == 1
    assert desk.put(("notes", "1", {"origin": "other.model,3"}), ("notes", "2", {})).ignored == 2
    assert desk.identity.waiting == 0
    desk.put(("tickets", "3", {}))
    desk.field("58", "Ticket", "3", "2", "A-1")
    desk.put(("notes", "7", {"origin": "desk.ticket,3"}))
    assert said(desk.put(("notes", "7", {"origin": "other.model,3"}))) == [("A-1", "d", "7")]


def test_model_and_id_in_one_text_lead_through_any_number_of_rows(desk: Desk) -> None:
    """'desk.note,7' -> 'desk.ticket,3' -> account, in any order of arrival; a loop leads nowhere and waits."""
    desk.put(("notes", "9", {"origin": "desk.note,8"}), ("notes", "8", {"origin": "desk.note,7"}))
    desk.put(("notes", "7", {"origin": "desk.ticket,3"}), ("tickets", "3", {}))
    assert desk.identity.waiting == 4
    found = desk.field("58", "Ticket", "3", "2", "A-1")
    assert {change.key for _, change in found.let_go} == {"3", "7", "8", "9"}
    desk.put(("notes", "20", {"origin": "desk.note,21"}), ("notes", "21", {"origin": "desk.note,20"}))
    assert desk.identity.waiting == 2


def test_a_join_by_another_unique_column(desk: Desk) -> None:
    """The key is record_id, the join uses the uuid: `by` names it, and it may come late."""
    found = desk.put(("credits", "5", {"account_id": "u1"}), ("credits", "6", {"account_id": "u2"}))
    assert said(found) == [("A-1", "u", "5")]
    late = desk.put(("accounts", "2", {"external_key": "A-2", "id": "u2"}))
    assert [(change.account, change.key) for _, change in late.let_go] == [("A-2", "6")]


def test_an_account_that_becomes_known_later_lets_rows_go(desk: Desk) -> None:
    """The custom field names an account that billing has not sent yet."""
    desk.put(("tickets", "3", {}))
    desk.field("58", "Ticket", "3", "2", "A-9")
    assert desk.identity.waiting == 2
    found = desk.put(("accounts", "9", {"external_key": "A-9"}))
    assert {change.key for _, change in found.let_go} == {"3", "58"}


def test_links_are_stored_and_restored(desk: Desk) -> None:
    """Rows that only carry links belong to nobody: they are handed out to be stored, and a delete ends them."""
    found = desk.put(("members", "30", {"groupid": "49", "memberid": "50"}))
    assert [(place[1], mark is not None) for place, mark in found.links] == [("30", True)]
    assert (found.changes, found.waiting, found.applied) == ([], [], 1)
    gone = desk.put(("members", "30", None))
    assert [(place[1], mark) for place, mark in gone.links] == [("30", None)]
    assert gone.applied == 1
