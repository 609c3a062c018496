"""Every write leaves its trace at the target: correction, frontier, approver; and the trace leads back to the correction."""

from __future__ import annotations

from dataclasses import replace

from connectors.targets.protocol import Target
from connectors.targets.trace import trace_of, traced
from state.correcting.correction import State
from tests.conformance.story import Story
from tests.conformance.subject import Subject


def found_at(story: Story, billing: int, approver: str | None) -> Story:
    """The same correction with positions, let go by a person or by its rule."""
    intent = replace(story.correction.intent, positions={"billing": billing, "erp": 0}, rule="its-rule", rule_version=3)
    story.correction = replace(story.correction, intent=intent, approved_by=approver)
    return story


def test_trace_is_at_the_target_and_leads_back(subject: Subject, target: Target) -> None:
    """Made by a rule, changed with an approval: both traces are in the server's own tables, and name their corrections.

    Planted break, seen to fail for each adapter: the trace is not sent.
    """
    case = subject.case()
    made = found_at(subject.story(case, 0), 4711, None).settle(target)
    changed = found_at(subject.story(case, 1, seen=0), 4712, "ada").settle(target)
    assert (made.state, changed.state) == (State.VERIFIED, State.VERIFIED), changed.correction.reason
    first, last = trace_of(made.correction).text, trace_of(changed.correction).text
    assert "as of billing 4711, erp 0; approved by rule its-rule version 3" in first
    assert "as of billing 4712, erp 0; approved by ada" in last
    traces = subject.traces(case)
    assert (traces[0], traces[-1], set(traces)) == (first, last, {first, last})
    assert [traced(text) for text in (first, last)] == [made.correction.id, changed.correction.id]
    assert subject.holds(case, 1), subject.truth(case)
