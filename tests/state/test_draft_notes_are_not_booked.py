"""A credit note that the ERP has only drafted is no booking: the credit stays wanted until it is posted, then it is seen."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

from connectors.mappings.loading import load_model
from tests.state.company import SETTLE_MS, SOURCES, at, put, shard


def test_a_drafted_note_ends_nothing(tmp_path: Path) -> None:
    """One correction from the missing note over its draft to its posting: the same id, and `seen` only at the end.

    Planted break, seen to fail: comparing amounts alone takes the draft for booked and ends the want.
    """
    copytree(SOURCES, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "erp" / "mapping.yaml"
    text = path.read_text()
    field = "      amount: {money: amount, units: major}\n      posted_on: {date: posted_on}\n      version: {integer: version}\n"
    assert text.count(field) == 1
    state = "      state: {label: state, values: {draft: draft, posted: posted}}\n"
    path.write_text(text.replace(field, field + state))
    target = shard(of=load_model(tmp_path, ("billing", "erp", "support")))
    at(target, 1000, put("billing.accounts", 1), put("billing.credits", 1), put("erp.customers", 1))
    (wanted,) = [i for _, i in at(target, 2000 + SETTLE_MS).intents if i and i["object"] == "credit"]
    assert (wanted["state"], wanted["current"]) == ("wanted", None)
    assert not at(target, 3000 + SETTLE_MS, put("erp.credit_notes", 1, state="draft")).intents
    (seen,) = [i for _, i in at(target, 4000 + SETTLE_MS, put("erp.credit_notes", 1, state="posted")).intents if i]
    assert (seen["state"], seen["id"]) == ("seen", wanted["id"])
