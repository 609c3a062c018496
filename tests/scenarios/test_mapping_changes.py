"""A changed mapping derives the whole view anew at the next start and publishes what differs: once, in one cut, no fact twice."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.kafka.offsets import fence
from dataflows.start import transactional_id
from tests.running_stack import RunningStack
from tests.scenarios.hand_made import account
from tests.scenarios.input_lab import input_lab
from tests.scenarios.mapping_lab import ACCOUNTS, MappingLab, Written

pytestmark = pytest.mark.stack
#: a value map that says something else, and a column that was captured but not mapped
SECOND = (
    ("version: 1", "version: 2"),
    ("pro: premium", "pro: enterprise"),
    ("      issued_on: {date: issued_on}\n", "      issued_on: {date: issued_on}\n      due_on: {date: due_on}\n"),
)


#: a line of the log, and how long after it the flow is killed
KILLS = (
    ("deriving anew", 0.0),
    ("partition derived", 0.0),
    ("publishing what differs", 0.0),
    ("publishing what differs", 0.02),
    ("publishing what differs", 0.5),
)


@pytest.fixture
def lab(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MappingLab]:
    """A view that was published with the first mapping; nothing runs."""
    with input_lab(stack, tmp_path_factory.mktemp("mapping")) as found:
        lab = MappingLab(found)
        lab.fill()
        lab.publish()
        yield lab


def names(written: list[Written]) -> Counter[tuple[str, str]]:
    """How often each key of each topic was written, intents apart, whose keys are hashes."""
    return Counter((one.kind, one.key) for one in written if one.kind not in ("intent", "progress"))


def expected() -> Counter[tuple[str, str]]:
    """What the second mapping changes: every invoice, and all that shows the tier of a subscription."""
    subscribed = [n for n in range(1, ACCOUNTS + 1) if n % 4 == 0]
    places = [("invoice", f"INV-{n}") for n in range(1, ACCOUNTS + 1)]
    for n in subscribed:
        places += [("subscription", f"SUB-{n}"), ("account", f"A-{n}"), ("entitlement", f"A-{n}")]
    return Counter(places)


def check(lab: MappingLab, written: list[Written]) -> None:
    """Exactly what differs, once, in one cut that says which mapping it is of."""
    assert names(written) == expected()
    assert not [one for one in written if one.kind == "intent"], "what the ERP lacks is wanted as before"
    progress = [one for one in written if one.kind == "progress"]
    mapping = {lab.billing: 2, lab.erp: 1, "ownership.yaml": 1}
    cuts = {one.headers["concord.commit"] for one in written if one.kind != "progress"}
    assert cuts == {progress[0].headers["concord.commit"]}
    for one in progress:
        assert {name: version["version"] for name, version in one.value["mappings"].items()} == mapping
    assert all(json.loads(one.headers["concord.mapping"]) == mapping for one in written)


def test_only_what_differs_is_published_for_untouched_accounts(lab: MappingLab, tmp_path: Path) -> None:
    """The preview has said it before. Seen to fail where an entitlement's positions alone count as news."""
    before = lab.view()
    shutil.copytree(lab.lab.settings.sources_dir / lab.billing, tmp_path / "before")
    lab.edit(lab.billing, *SECOND)
    previewed = lab.preview(lab.billing, tmp_path / "before")
    assert {kind: one["changed"] for kind, one in previewed["objects"].items() if one["changed"]} == Counter(
        kind for kind, _ in expected()
    )
    lab.run_until("derived anew")
    lab.lab.beat(10)
    lab.lab.caught_up()
    lab.lab.flow.stop()
    check(lab, lab.news())
    after = lab.view()
    assert after.keys() == before.keys()
    assert after["invoice", "INV-3"] == before["invoice", "INV-3"] | {"due_on": "2024-10-18"}
    lab.run_until("restored")
    lab.lab.beat(10)
    lab.lab.caught_up()
    lab.lab.flow.stop()
    assert {one.kind for one in lab.news()} == {"progress"}
    assert lab.count("deriving anew") == 1
    assert after == lab.fresh()


def test_an_edit_without_a_new_version_is_refused(lab: MappingLab) -> None:
    """Exit code 2 and the file's name, before anything is fenced: the flow that runs goes on. Comments are no edit."""
    lab.run_until('"starting"')
    lab.edit(lab.billing, ("pro: premium", "pro: enterprise"))
    refused = lab.second_start()
    assert refused.returncode == 2
    assert f"{lab.billing}/mapping.yaml says version 1, but not what it said" in refused.stdout + refused.stderr
    lab.lab.billing.commit(account(1, name="later")._replace(op="u"))
    lab.lab.caught_up()
    assert lab.lab.newest("account")["A-1"]["tier"] == "none"
    lab.edit(lab.billing, ("pro: enterprise", "pro: premium"), ("version: 1", "# the same\nversion: 1"))
    assert lab.lab.flow.stop() == 0
    lab.run_until('"starting"')
    assert lab.count("deriving anew") == 0


def test_killed_in_the_middle_it_is_published_once(lab: MappingLab) -> None:
    """kill -9 while it derives, between partitions and as it publishes: nothing is visible, or all of it. Seen to fail
    where the records are committed before the progress record."""
    lab.edit(lab.billing, *SECOND)
    written: list[Written] = []
    for line, delay_s in KILLS:
        lab.run_until(line, '"starting"')  # which it logs when there is nothing left to derive
        lab.kill_after(delay_s)
        fence(lab.lab.settings.kafka, transactional_id(lab.lab.settings), 60_000)
        written += lab.news()
        assert not written or any(one.kind == "progress" for one in written)
    lab.lab.flow.start()
    lab.lab.beat(10)
    lab.lab.caught_up()
    check(lab, written + lab.news())
