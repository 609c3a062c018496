"""The same seed gives the same acts; drift changes what the integration does, never what the company does."""

from __future__ import annotations

from datetime import date

from demo.acts.words import Act
from demo.planner import WEIGHTS, Planner

TODAY = date(2026, 7, 1)


def acts(seed: int, count: int = 2000, drift_share: float = 0.0) -> list[Act]:
    """The first acts of a planner, meddling included."""
    planner = Planner(seed, TODAY, drift_share)
    found = []
    for _ in range(count):
        found.append(planner.next())
        meddling = planner.meddling()
        if meddling:
            found.append(meddling)
    return found


def test_same_seed_gives_the_same_acts() -> None:
    """Two planners of one seed agree on every statement, carry and fault."""
    assert acts(7, drift_share=0.05) == acts(7, drift_share=0.05)


def test_another_seed_gives_other_acts() -> None:
    """The seed matters."""
    assert acts(7) != acts(8)


def test_every_kind_of_act_occurs() -> None:
    """No act is dead: each function of the planner yields one within a few thousand."""
    assert {act.kind for act in acts(1, 3000)} >= {act.__name__ for act in WEIGHTS}


def test_drift_is_planted_at_about_the_given_share() -> None:
    """A share of 0.1 plants between 7 and 13 percent of the compared carries, and of each kind some."""
    carries = [
        c for act in acts(3, 6000, 0.1) if act.kind != "meddle" for t in act.transactions for c in t.carries if c.rule
    ]
    wrong = [carry.fault for carry in carries if carry.fault]
    assert 0.07 < len(wrong) / len(carries) < 0.13
    assert set(wrong) == {"drop", "falsify", "delay", "late"}


def test_a_carry_that_went_wrong_is_never_voided() -> None:
    """What the ERP should show of a void invoice that it never had would be arguable, so it is not planned."""
    faulted: set[str] = set()
    for act in acts(5, 6000, 0.3):
        for transaction in act.transactions:
            for carry in transaction.carries:
                assert act.kind != "void" or carry.object_id not in faulted
                if carry.fault:
                    faulted.add(carry.object_id)
