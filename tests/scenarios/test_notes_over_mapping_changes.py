"""What is noted while the view is derived anew counts at the next start: through the real Kafka, with one start after another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.running_stack import RunningStack
from tests.scenarios.hand_made import account, subscription
from tests.scenarios.input_lab import input_lab
from tests.scenarios.mapping_lab import MappingLab

pytestmark = pytest.mark.stack


@pytest.fixture
def lab(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MappingLab]:
    """Billing and the ERP, nothing in them, and a mapping that does not know the status active."""
    with input_lab(stack, tmp_path_factory.mktemp("notes")) as found:
        lab = MappingLab(found)
        lab.edit(found.settings.sources[0], ("active: active, ", ""))
        yield lab


def movements(lab: MappingLab) -> list[Any]:
    """Movements of recurring revenue that were published since the last call: (old, new)."""
    found = [one.value["movement"] for one in lab.news() if one.kind == "change"]
    return [(one["old_minor"], one["new_minor"]) for one in found if one is not None]


def run(lab: MappingLab, name: str | None = None) -> None:
    """A start, perhaps one that sees the account with another name, and a stop."""
    lab.lab.flow.start()
    if name is not None:
        lab.lab.billing.commit(account(1, name=name)._replace(op="u"))
    lab.lab.beat(10)
    lab.lab.caught_up()
    assert lab.lab.flow.stop() == 0


def test_a_note_that_ends_as_the_view_is_derived_anew_is_gone_for_good(lab: MappingLab) -> None:
    """Revenue of an unknown status is not told, and a note says what was told last. A mapping that knows it tells it as
    the view is derived anew, although nothing touches the account, and no start after that tells it again.

    Planted breaks, seen to fail: notes of a derivation that are not stored (dataflows/rederive.py), so that the old one says
    at the next start that nothing was told; events of a derivation that are not published (dataflows/published.py).
    """
    lab.lab.billing.commit(account(1), subscription(1, 1))
    run(lab, "first")
    assert movements(lab) == []
    lab.edit(lab.billing, ("version: 1", "version: 2"), ("trial: trial, ", "trial: trial, active: active, "))
    run(lab)
    assert lab.count("deriving anew") == 1
    assert movements(lab) == [(0, 9900)]
    run(lab, "later")
    assert movements(lab) == []
