"""The verifier convicts: each kind of wrong record is found and counted, and a right run is acquitted."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.dataset import Dataset, prepare
from benchmarks.oracle import Expected, Oracle
from benchmarks.shape import Shape
from benchmarks.tables import SOURCES
from benchmarks.verify import Verdict, Verifier
from connectors.registry import Registry
from demo.cuts import Cut, CutRecord
from demo.frames import FrameDecoder

ACCOUNT = 1


class Plain(FrameDecoder):
    """Frames are place names of bodies that the test keeps."""

    def __init__(self) -> None:
        super().__init__(Registry("http://127.0.0.1:1"))
        self.bodies: dict[bytes, dict[str, Any]] = {}

    def decode(self, frame: bytes) -> dict[str, Any]:
        """The body that the test put there."""
        return self.bodies[frame]


class Run:
    """Publishes the account as the oracle has it, commit by commit, with room for tampering."""

    def __init__(self, dataset: Dataset) -> None:
        self.oracle = Oracle(dataset)
        self.decoder = Plain()
        self.verifier = Verifier(self.oracle, self.decoder, SOURCES)
        self.commit = 0

    def publish(self, billing: int, support: int, **tampered: Any) -> None:
        """One cut at this frontier with the account's record and one invoice and payment that make its sums."""
        expected = self.oracle.at(ACCOUNT, billing, support)
        assert expected is not None
        body = _body(expected, billing, support) | tampered
        invoice = {"account": str(ACCOUNT), "total_minor": expected.billed}
        payment = {"account": str(ACCOUNT), "amount_minor": expected.paid}
        self.cut(billing, support, {"account": body, "invoice": invoice, "payment": payment})

    def cut(self, billing: int, support: int, bodies: dict[str, dict[str, Any]]) -> None:
        """One cut of these records, each with content of its own."""
        self.commit += 1
        records = []
        for name, body in bodies.items():
            frame = f"{name}{sorted(body.items())}".encode()
            self.decoder.bodies[frame] = body
            key = str(ACCOUNT) if name == "account" else "X-1"
            records.append(CutRecord(name, 0, self.commit, key, frame, 0.0))
        progress = {"frontier": dict(zip(SOURCES, (billing, support), strict=True)), "live": True}
        self.verifier.add(Cut(self.commit, progress, 0.0, records))

    def verdict(self) -> Verdict:
        """What was found, the end left out."""
        return self.verifier.verdict


def _body(expected: Expected, billing: int, support: int) -> dict[str, Any]:
    """An account record that says this."""
    totals = {"paid_minor": expected.paid, "billed_minor": expected.billed, "mrr_minor": expected.mrr}
    return {
        "currency": "EUR",
        "totals": {"EUR": totals},
        "reported_balance_minor": expected.reported,
        "positions": {SOURCES[0]: billing, SOURCES[1]: support},
        **{name: getattr(expected, name) for name in ("payments", "invoices", "subscriptions", "cases", "cases_open")},
    }


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """A small workload."""
    return prepare(tmp_path_factory.mktemp("bench"), Shape(3000, 5))


@pytest.fixture
def frontiers(dataset: Dataset) -> list[tuple[int, int]]:
    """Frontiers at which the account's billing side changed, with the support side at the end."""
    oracle, rows = Oracle(dataset), dataset.truth()
    width = len(rows) // dataset.transactions
    found = [rows[at + 1] for at in range(0, len(rows), width) if rows[at] == 0 and rows[at + 3] == ACCOUNT]
    assert oracle.at(ACCOUNT, found[0] - 1, 0) is None
    return [(position, rows[-width + 1]) for position in found]


def test_a_right_run_is_acquitted(dataset: Dataset, frontiers: list[tuple[int, int]]) -> None:
    """The account as the oracle has it at every frontier gives no finding."""
    run = Run(dataset)
    for billing, support in frontiers[:1]:
        run.publish(billing, support)
    changed = [pair for pair in frontiers[1:] if run.oracle.at(ACCOUNT, *pair)]
    for billing, support in changed[-3:]:
        run.publish(billing, support)
    verdict = run.verdict()
    assert (verdict.wrong_records, verdict.partial_states, verdict.regressions) == (0, 0, 0)
    assert verdict.account_records == 4


def test_a_state_that_no_commit_made_is_wrong(dataset: Dataset, frontiers: list[tuple[int, int]]) -> None:
    """One field off, or the state of another frontier, is a wrong record."""
    run = Run(dataset)
    run.publish(*frontiers[-1], invoices=99_999)
    assert run.verdict().wrong_records == 1
    late = run.oracle.at(ACCOUNT, *frontiers[-1])
    assert late is not None
    run.cut(*frontiers[0], {"account": _body(late, *frontiers[0])})
    assert run.verdict().wrong_records == 2


def test_a_broken_invariant_is_a_partial_state(dataset: Dataset, frontiers: list[tuple[int, int]]) -> None:
    """What the account reports and its payments disagree, or the payment objects do not add up to it."""
    run = Run(dataset)
    run.publish(*frontiers[-1], reported_balance_minor=-1)
    assert run.verdict().partial_states == 1
    run = Run(dataset)
    expected = run.oracle.at(ACCOUNT, *frontiers[-1])
    assert expected is not None
    run.cut(*frontiers[-1], {"account": _body(expected, *frontiers[-1])})
    assert run.verdict().partial_states == 1


def test_repeats_and_steps_back_are_counted(dataset: Dataset, frontiers: list[tuple[int, int]]) -> None:
    """The same content again is a duplicate, an older position a regression."""
    run = Run(dataset)
    run.publish(*frontiers[-1])
    run.publish(*frontiers[-1])
    assert run.verdict().duplicates == 3
    run.publish(*frontiers[-1], positions={SOURCES[0]: 1, SOURCES[1]: 1})
    assert run.verdict().regressions == 1


def test_losses_show_at_the_end(dataset: Dataset, frontiers: list[tuple[int, int]]) -> None:
    """Accounts that were never published are lost; one that stands at an older state is wrong at the end."""
    run = Run(dataset)
    run.publish(*frontiers[0])
    run.verifier.end()
    assert run.verdict().lost == len(run.oracle.accounts()) - 1
    assert run.verdict().wrong_at_end == 1
    assert not run.verdict().right
