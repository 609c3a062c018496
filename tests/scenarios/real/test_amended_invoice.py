"""An invoice that Tryton amended by credit note and new invoice is one invoice, at every cut of the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from state.rules import Rules
from tests.scenarios.cases.capture import Event
from tests.scenarios.real.replay import ACCOUNT, TIERS, Replay
from tests.scenarios.real.test_what_the_recordings_lack import UUID, micros, row

REFERENCE = "INV-1"


@pytest.fixture
def books(tmp_path: Path) -> Replay:
    """Kill Bill knows the account, Tryton its party."""
    replay = Replay(tmp_path, Rules(1, TIERS, "finance", ()))
    account = {"id": UUID, "external_key": ACCOUNT, "currency": "USD", "created_date": micros("2026-01-01T00:00:00")}
    replay.commit(row(replay, "killbill.public.accounts", record_id=4, **account), source="killbill")
    party = row(replay, "tryton.public.party_party", id=1, code=ACCOUNT, name="Ada", active=True)
    replay.commit(party, source="tryton")
    return replay


def document(books: Replay, number: int, state: str, total: str, **columns: Any) -> Event:
    """A row of account_invoice."""
    base = {"party": 1, "type": "out", "currency": 1, "reference": REFERENCE, "total_amount_cache": total}
    return row(books, "tryton.public.account_invoice", id=number, state=state, **(base | columns))


def shown(books: Replay) -> dict[str, tuple[str, int]]:
    """Every invoice with its state and total in the ERP; none is flagged."""
    live = books.live("invoice")
    assert all(body["flags"] == [] for body in live.values())
    return {key: (body["erp"]["state"], body["erp"]["total_minor"]) for key, body in live.items()}


def test_the_reference_is_the_invoice_that_counts(books: Replay) -> None:
    """Draft beside posted, cancelled beside draft, cancelled beside posted: the reference never has two, never none.

    Planted break, seen to fail: every row with a reference has its id (AMBIGUOUS, and nothing is corrected any more).
    """
    books.commit(document(books, 1, "posted", "119.00"), source="tryton")
    assert shown(books) == {REFERENCE: ("posted", 11_900)}
    books.commit(document(books, 2, "draft", "129.00"), source="tryton")
    assert shown(books) == {REFERENCE: ("posted", 11_900), "ERP-2": ("draft", 12_900)}
    credit = document(books, 3, "paid", "-119.00", reference=None, sequence_type_cache="credit_note")
    books.commit(document(books, 1, "cancelled", "119.00"), credit, source="tryton")
    assert shown(books) == {REFERENCE: ("draft", 12_900), "ERP-1": ("cancelled", 11_900)}
    books.commit(document(books, 2, "posted", "129.00"), source="tryton")
    assert shown(books) == {REFERENCE: ("posted", 12_900), "ERP-1": ("cancelled", 11_900)}


def test_of_two_drafts_the_oldest_has_the_reference(books: Replay) -> None:
    """A request that was given up arrives late and makes a second draft: no ambiguity, so no want is withdrawn over it.

    Planted break, seen to fail: drafts of one reference have it both.
    """
    books.commit(document(books, 9, "draft", "119.00"), source="tryton")
    books.commit(document(books, 10, "draft", "119.00"), source="tryton")
    assert shown(books) == {REFERENCE: ("draft", 11_900), "ERP-10": ("draft", 11_900)}
    books.commit(document(books, 10, "posted", "119.00"), source="tryton")
    assert shown(books) == {REFERENCE: ("posted", 11_900), "ERP-9": ("draft", 11_900)}


def test_of_cancelled_invoices_the_newest_has_the_reference(books: Replay) -> None:
    """An amended invoice that is cancelled in the end is cancelled, not gone."""
    books.commit(document(books, 1, "cancelled", "119.00"), source="tryton")
    books.commit(document(books, 2, "cancelled", "129.00"), source="tryton")
    assert shown(books) == {REFERENCE: ("cancelled", 12_900), "ERP-1": ("cancelled", 11_900)}


def test_two_booked_invoices_of_one_reference_are_ambiguous(books: Replay) -> None:
    """Somebody booked it twice: no guess which is right."""
    books.commit(document(books, 1, "posted", "119.00"), document(books, 2, "posted", "119.00"), source="tryton")
    assert books.live("invoice")[REFERENCE]["flags"] == ["AMBIGUOUS"]
