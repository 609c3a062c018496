"""The ledger's verdicts follow from how long a difference stood: settle time 4 s, margin 2 s in these tests."""

from __future__ import annotations

from demo.ledger import MAY, MUST, NEVER, Ledger, compare

RULE = "entitlement-support"
ACCOUNT = "A-000001"


def ledger() -> Ledger:
    """A ledger in which basic became pro between 100.0 and 100.1."""
    found = Ledger(settle_s=4.0, margin_s=2.0)
    found.desire(RULE, ACCOUNT, "standard", "premium", 100.0, 100.1)
    return found


def verdicts(found: Ledger, until: float) -> list[str]:
    """Verdicts of all entries."""
    return [entry.verdict for entry in found.entries(until)]


def test_an_honest_carry_in_time_leaves_no_entry() -> None:
    """Carried within half the settle time: nothing to find, nothing kept."""
    found = ledger()
    found.carried(RULE, ACCOUNT, "premium", 100.5, 100.6)
    assert found.entries(200.0) == []
    assert found.differing() == set()


def test_a_slow_carry_may_be_found() -> None:
    """Longer than half the settle time: the machine was slow, neither outcome is held against Concord."""
    found = ledger()
    found.carried(RULE, ACCOUNT, "premium", 102.5, 102.6)
    assert verdicts(found, 200.0) == [MAY]


def test_what_is_never_carried_must_be_found() -> None:
    """A dropped carry stands for good."""
    found = ledger()
    found.planted(RULE, ACCOUNT, "premium", "drop", 100.2)
    assert verdicts(found, 105.0) == [MAY]
    assert verdicts(found, 106.2) == [MUST]


def test_a_later_act_that_heals_ends_the_difference() -> None:
    """The dropped upgrade is taken back after a second: support was right all along."""
    found = ledger()
    found.planted(RULE, ACCOUNT, "premium", "drop", 100.2)
    found.desire(RULE, ACCOUNT, "premium", "standard", 101.1, 101.2)
    assert verdicts(found, 200.0) == [NEVER]


def test_a_changed_wish_starts_the_sure_length_anew() -> None:
    """Two upgrades, both not carried, 5 s apart: sure only once the second has stood long enough."""
    found = ledger()
    found.planted(RULE, ACCOUNT, "premium", "drop", 100.2)
    found.desire(RULE, ACCOUNT, "premium", "enterprise", 105.0, 105.1)
    assert verdicts(found, 110.0) == [MAY]
    assert verdicts(found, 111.2) == [MUST]


def test_a_correction_that_the_integration_reads_ends_the_difference() -> None:
    """Found long ago, then read at the target: still must, and no longer differing."""
    found = ledger()
    found.planted(RULE, ACCOUNT, "premium", "drop", 100.2)
    found.carried(RULE, ACCOUNT, "premium", 120.0, 120.0)
    assert verdicts(found, 121.0) == [MUST]
    assert found.differing() == set()


def test_comparison_names_what_is_missed_and_what_is_unexplained() -> None:
    """Found exactly those, none else."""
    found = ledger()
    found.planted(RULE, ACCOUNT, "premium", "drop", 100.2)
    entries = found.entries(200.0)
    assert compare(entries, {(RULE, ACCOUNT)})[3:] == ((), ())
    assert compare(entries, set()).missed == ((RULE, ACCOUNT),)
    assert compare(entries, {(RULE, ACCOUNT), (RULE, "A-2")}).unexplained == ((RULE, "A-2"),)
