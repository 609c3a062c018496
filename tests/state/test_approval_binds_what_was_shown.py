"""An approval holds for the before, after and frontier that were shown, by somebody else than who asked, in time.

Planted breaks that were seen to fail here: `answer` without the comparison of bindings; without the comparison of
`proposed_by`; `_still_approved` that keeps the approval; `Desk.ended` that never expires.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from state.correcting import correction as c
from state.correcting.correction import Correction, State
from state.correcting.decision import APPROVE, PROPOSE, REJECT, Decision, binding, key_of
from state.correcting.dispatcher import Dispatcher
from tests.state.dispatch_world import PROMISES, policy, wanted

EXPIRES_MS = 60_000
BEFORE = {"total": "5.00"}


class Office:
    """A planner whose only rule proposes, written by rita; and the newest record of each correction."""

    def __init__(self) -> None:
        self.planner = Dispatcher({"erp": PROMISES["A"]}, policy(author="rita", proposal_ms=EXPIRES_MS))
        self.records: dict[str, Correction] = {}
        self.sent: list[Correction] = []

    def tick(self, now_ms: int) -> None:
        """Time passes."""
        self.planner.start(now_ms)
        changed, jobs = self.planner.drain()
        self.records |= {one.id: one for one in changed}
        self.sent += [job.correction for job in jobs if job.kind == "write"]

    def proposed(self, number: int = 1) -> Correction:
        """A proposal, as its record shows it."""
        self.planner.intent(wanted(number, mode="propose", current=BEFORE), 0)
        self.tick(0)
        return self.records[f"id-{number}"]

    def decide(self, shown: Correction, verb: str = APPROVE, by: str = "ada", now_ms: int = 1) -> Correction:
        """Decide about what was shown; the record afterwards."""
        self.planner.decide(Decision("d", shown.id, verb, by, now_ms, frozenset({binding(shown)})), now_ms)
        self.tick(now_ms)
        return self.records[shown.id]


def test_nothing_is_sent_before_an_approval() -> None:
    """Mode propose waits; the approval sends it once, and its name is kept with it."""
    office = Office()
    shown = office.proposed()
    office.tick(1000)
    assert (shown.state, shown.proposed_by, shown.expires_ms, office.sent) == (State.PROPOSED, "rita", EXPIRES_MS, [])
    office.decide(shown)
    assert [(one.id, one.approved_by) for one in office.sent] == [("id-1", "ada")]


def test_rejected_is_never_sent_by_itself() -> None:
    """A no ends it, with who and why."""
    office = Office()
    after = office.decide(office.proposed(), REJECT)
    assert (after.state, after.code) == (State.REJECTED, "REJECTED")
    office.tick(10**9)
    assert office.sent == []


def test_an_approval_of_another_state_is_void() -> None:
    """What the person saw is no longer so: nothing is sent, the proposal waits on and says why."""
    office = Office()
    shown = office.proposed()
    moved = replace(shown, intent=replace(shown.intent, current={"total": "4.00"}))
    after = office.decide(moved)
    assert (after.state, after.code, office.sent) == (State.PROPOSED, "STATE_MOVED", [])
    assert "state moved since ada looked" in (after.reason or "")


def test_an_approval_falls_when_the_state_moves_before_sending() -> None:
    """Approved while the target was full; then either side moves: it must be approved again."""
    office = Office()
    shown = office.proposed()
    office.planner.decide(Decision("d", shown.id, APPROVE, "ada", 1, frozenset({binding(shown)})), 1)
    office.planner.intent(wanted(1, mode="propose", current={"total": "4.00"}), 2)
    office.tick(3)
    after = office.records["id-1"]
    assert (after.state, after.approved_by, after.code, office.sent) == (State.PROPOSED, None, "STATE_MOVED", [])


def test_nobody_approves_what_they_asked_for() -> None:
    """The author of the rule cannot; somebody else can."""
    office = Office()
    shown = office.proposed()
    refused = office.decide(shown, by="rita")
    assert (refused.state, refused.code, office.sent) == (State.PROPOSED, "SAME_PERSON", [])
    assert office.decide(refused, by="ada").state is State.SENDING


def test_a_proposal_that_nobody_decides_ends_by_name() -> None:
    """After the rule's time it is over, says so, and a late approval changes nothing."""
    office = Office()
    shown = office.proposed()
    office.tick(EXPIRES_MS)
    after = office.records["id-1"]
    assert (after.state, after.code) == (State.REJECTED, "PROPOSAL_EXPIRED")
    assert office.decide(shown, now_ms=EXPIRES_MS + 1) is after
    assert office.sent == []


def test_expiry_survives_a_restart() -> None:
    """The end of a proposal is part of its record, not of the process."""
    first = Office()
    shown = first.proposed()
    second = Office()
    second.planner.restore([shown], 10)
    second.tick(EXPIRES_MS)
    assert second.records["id-1"].code == "PROPOSAL_EXPIRED"


def test_asked_for_again_needs_somebody_else() -> None:
    """A rejected correction may be proposed again by a person, who then cannot approve it."""
    office = Office()
    rejected = office.decide(office.proposed(), REJECT, by="ada")
    again = office.decide(rejected, PROPOSE, by="ada")
    assert (again.state, again.proposed_by) == (State.PROPOSED, "ada")
    assert office.decide(again, by="ada").code == "SAME_PERSON"
    assert office.decide(office.records["id-1"], by="bob").approved_by == "bob"


def test_closed_period_is_proposed_with_the_first_open_day() -> None:
    """G29: refused once, then it waits for a person with another booking day, under a key of its own."""
    office = Office()
    office.planner.intent(wanted(1), 0)
    office.tick(0)
    office.planner.result("id-1", [c.Refused("PERIOD_CLOSED", "closed", {"first_open_day": "2026-03-01"})], 1)
    office.tick(2)
    asked = office.records["id-1"]
    assert (asked.state, asked.code, asked.amendment) == (
        State.PROPOSED,
        "PERIOD_CLOSED",
        {"posted_on": "2026-03-01"},
    )
    office.decide(asked)
    assert [one.amendment for one in office.sent] == [{}, {"posted_on": "2026-03-01"}]
    assert key_of(office.sent[0]) == "id-1" != key_of(office.sent[1])


def test_the_binding_of_the_refused_does_not_approve_the_amended() -> None:
    """Another booking day is another thing to approve."""
    office = Office()
    office.planner.intent(wanted(1), 0)
    office.tick(0)
    seen = office.records["id-1"]
    office.planner.result("id-1", [c.Refused("PERIOD_CLOSED", "closed", {"first_open_day": "2026-03-01"})], 1)
    office.tick(2)
    assert office.decide(seen).code == "STATE_MOVED"


VALUES = st.dictionaries(st.sampled_from(["total", "state"]), st.sampled_from(["1", "2"]), max_size=2)


@given(
    st.tuples(VALUES, st.none() | VALUES, st.dictionaries(st.just("erp"), st.integers(0, 2))),
    st.tuples(VALUES, st.none() | VALUES, st.dictionaries(st.just("erp"), st.integers(0, 2))),
)
def test_binding_differs_where_before_after_or_frontier_differ(
    one: tuple[dict[str, str], dict[str, str] | None, dict[str, int]],
    other: tuple[dict[str, str], dict[str, str] | None, dict[str, int]],
) -> None:
    """Two corrections have the same binding exactly if desired, current and positions are the same."""
    first, second = (
        Correction(wanted(1, desired=desired, current=current, positions=positions))
        for desired, current, positions in (one, other)
    )
    assert (binding(first) == binding(second)) == (one == other)
