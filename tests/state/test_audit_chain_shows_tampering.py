"""The audit chain: whatever is changed, left out, repeated or put elsewhere afterwards breaks it at that place.

Planted breaks that were seen to fail here: a hash without the body; `sound` without the link to the one before; a chain that a restart
begins anew.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from state.correcting import correction as c
from state.correcting.audit import Chain, Check, Entry, entry_from, entry_record
from state.correcting.correction import Correction
from state.correcting.decision import APPROVE, Decision
from state.correcting.hold import stopped
from state.correcting.lifecycle import advance
from tests.state.dispatch_world import wanted


def chain(length: int, onto: Entry | None = None) -> list[Entry]:
    """Entries of every kind in turn."""
    made, entries = Chain(onto), []
    for number in range(length):
        match number % 3:
            case 0:
                entry = made.decision(Decision("d", f"id-{number}", APPROVE, "ada", 5, frozenset({"b"}), "ok"), number)
            case 1:
                entry = made.hold("switch", stopped("ada", "audit", 1) if number % 2 else None, number)
            case _:
                told = made.correction(advance(Correction(wanted(number)), c.Send("A"), number))
                assert told is not None
                entry = told
        entries.append(entry)
    return entries


def broken_at(entries: list[Entry]) -> int | None:
    """Where a check finds the chain broken."""
    check = Check()
    for entry in entries:
        check.add(entry)
    return check.broken_at


@given(st.integers(0, 9))
def test_an_untouched_chain_is_whole(length: int) -> None:
    """Also after each entry was a record, and over a restart that goes on from the newest."""
    first = chain(length)
    both = first + chain(3, first[-1] if first else None)
    assert broken_at([entry_from(entry_record(entry)) for entry in both]) is None


CHANGES: dict[str, Any] = {
    "at_ms": 999,
    "kind": "decision:reject",
    "subject": "other",
    "account_id": "A-9",
    "by": "eve",
    "body": {"reason": "changed"},
    "hash": "f" * 64,
    "previous": "e" * 64,
    "number": 77,
}


@given(st.integers(0, 8), st.sampled_from(sorted(CHANGES)))
def test_a_changed_entry_is_found_where_it_is(place: int, name: str) -> None:
    """Every field is under the hash."""
    entries = chain(9)
    entries[place] = replace(entries[place], **{name: CHANGES[name]})
    assert broken_at(entries) == place + 1


@given(st.integers(0, 7))
def test_what_is_left_out_repeated_or_moved_is_found(place: int) -> None:
    """An entry less, one twice, two in the other order."""
    entries = chain(9)
    assert broken_at(entries[:place] + entries[place + 1 :]) == place + 1
    assert broken_at(entries[: place + 1] + entries[place:]) == place + 2
    entries[place], entries[place + 1] = entries[place + 1], entries[place]
    assert broken_at(entries) == place + 1


def test_an_entry_forged_with_a_hash_of_its_own_breaks_what_follows() -> None:
    """Whoever rewrites one entry must rewrite all after it, and the newest hash then differs."""
    entries = chain(6)
    forged = Chain(entries[1]).decision(Decision("d", "id-2", APPROVE, "eve", 5), 2)
    assert broken_at([*entries[:2], forged, *entries[3:]]) == 4


def test_a_write_is_told_with_what_it_was_bound_to() -> None:
    """Who approved it, its frontier, rule, key and binding; no value of a person's data."""
    approved = replace(Correction(wanted(1, positions={"billing": 7}, rule_version=3)), approved_by="ada")
    entry = Chain().correction(advance(approved, c.Refused("PERIOD_CLOSED", "closed"), 5))
    assert entry is not None
    assert (entry.kind, entry.by, entry.account_id) == ("correction:refused", "ada", "A-1")
    assert (entry.body["frontier"], entry.body["rule"], entry.body["code"]) == ("billing=7", "rule@3", "PERIOD_CLOSED")
    assert "1.00" not in entry.body.values()
