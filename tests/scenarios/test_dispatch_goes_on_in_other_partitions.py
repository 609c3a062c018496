"""Dispatch goes on in topics with another number of partitions: what it had read is not done again, what not, is done."""

from __future__ import annotations

import signal
import uuid
from pathlib import Path
from typing import Any

import pytest

from connectors.audit_log import entries
from connectors.contracts import Contracts
from connectors.registry import Registry
from console.cli import main
from dataflows.repartition import repartition
from state.correcting.audit import Check
from tests.demo.services.company import Company
from tests.running_stack import RunningStack
from tests.scenarios.dispatch_lab import DispatchLab, dispatching, invoice
from tests.scenarios.input_lab import input_lab

PARTITIONS = 7


def audited(lab: DispatchLab) -> tuple[Check, list[str]]:
    """The chain, checked, and what each entry is."""
    check, kinds = Check(), []
    for entry in entries(lab.settings.kafka, lab.contracts):
        check.add(entry)
        kinds.append(entry.kind)
    return check, kinds


def move(lab: DispatchLab, settings: Any) -> None:
    """The topics anew; the lab goes on in these."""
    prefix = f"test{uuid.uuid4().hex[:10]}."
    done = repartition(settings, prefix, PARTITIONS)
    assert done.records["intents"] == len(lab.history()) + 1
    lab.environment |= {"CONCORD_PREFIX": prefix, "CONCORD_PARTITIONS": str(PARTITIONS)}
    lab.settings = settings.model_copy(update={"prefix": prefix, "partitions": PARTITIONS})
    lab.contracts = Contracts(Registry(settings.registry_api), settings.contracts_dir, prefix)


def test_read_once_and_nothing_left_out(
    stack: RunningStack, running_company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two written and verified, one proposed, one withdrawn and one wanted while nothing ran; people's words stay obeyed."""
    running_company.reset()
    (tmp_path / "sources").mkdir()
    with (
        input_lab(stack, tmp_path / "sources") as source,
        dispatching(stack, running_company, tmp_path / "dispatch.log") as lab,
    ):
        source.publish_under(lab.settings.prefix)
        source.flow.start()
        source.beat(10)
        source.caught_up()
        assert source.flow.stop() == 0
        done = [invoice(f"INV-{number}", account_id=f"A-00000{number}") for number in (1, 2)]
        proposed, gone = (invoice(f"INV-{number}", mode="propose") for number in (3, 4))
        lab.publish(*done, proposed, gone)
        lab.wait_state("VERIFIED", *done)
        lab.wait_state("PROPOSED", proposed, gone)
        for name, value in lab.environment.items():
            if name.startswith("CONCORD_"):
                monkeypatch.setenv(name, value)
        for word in ("stop", "resume"):
            assert main(["corrections", word, "--as", "ada", "--wait-s", "60"]) == 0
        assert lab.end(signal.SIGTERM) == 0
        lab.publish(unread := invoice("INV-5", account_id="A-000005"))
        lab.withdraw(gone)
        _, before = audited(lab)
        move(lab, source.settings)
        assert audited(lab)[1] == before
        lab.start()
        lab.wait_state("VERIFIED", unread, *done)
        lab.wait_state("SUPERSEDED", gone)
        lab.wait_state("PROPOSED", proposed)
        check, kinds = audited(lab)
        assert (check.broken_at, kinds[: len(before)]) == (None, before)
        assert not [kind for kind in kinds[len(before) :] if kind.startswith("decision")]
        assert running_company.erp.effects() == {one["id"]: 1 for one in (*done, unread)}
