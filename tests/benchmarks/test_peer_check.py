"""A peer's records are judged kindly, but what no commit ever made is counted, and so is what stays wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks.dataset import Dataset, prepare
from benchmarks.oracle import Expected, Oracle
from benchmarks.peers.check import Findings, ViewCheck
from benchmarks.shape import Shape

LAST = 1 << 62
ACCOUNT = 1
KEY = b'{"id":1}'


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """A small workload."""
    return prepare(tmp_path_factory.mktemp("bench"), Shape(3000, 5))


def record(state: Expected, **tampered: Any) -> bytes:
    """The record of an account in this state."""
    return json.dumps({"id": ACCOUNT, **state._asdict(), **tampered}).encode()


def after(dataset: Dataset, *records: bytes) -> Findings:
    """What is found in these records of account 1."""
    check = ViewCheck(Oracle(dataset))
    for value in records:
        check.add(value, KEY)
    return check.findings


def states(dataset: Dataset) -> tuple[Expected, Expected]:
    """The account's first state and its last one."""
    oracle = Oracle(dataset)
    last = oracle.at(ACCOUNT, LAST, LAST)
    assert last is not None
    billing, _ = oracle.history(ACCOUNT)
    return Expected._make((*billing[0], 0, 0)), last


def test_committed_states_are_right_however_old(dataset: Dataset) -> None:
    """The first state with the last cases, and the last state: each side was committed, so nothing is found."""
    first, last = states(dataset)
    mixed = first._replace(cases=last.cases, cases_open=last.cases_open)
    found = after(dataset, record(first), record(mixed), record(last))
    assert found.as_json() == {**Findings().as_json(), "records": 3}


def test_a_state_in_between_is_found(dataset: Dataset) -> None:
    """The account row has moved on, its payments have not: the invariant is broken, and no commit made it."""
    _, last = states(dataset)
    found = after(dataset, record(last, paid=last.paid - 1))
    assert (found.invariant_broken, found.never_committed) == (1, 1)
    found = after(dataset, record(last, cases=last.cases + 1))
    assert (found.invariant_broken, found.never_committed) == (0, 1)


def test_steps_back_and_repeats_are_counted(dataset: Dataset) -> None:
    """An older state after a newer one, and the same record again."""
    first, last = states(dataset)
    found = after(dataset, record(last), record(first), record(first))
    assert (found.went_back, found.repeated) == (2, 1)


def test_the_end_counts_what_is_lost_and_what_is_wrong(dataset: Dataset) -> None:
    """Of five accounts one was published, at an old state."""
    first, _ = states(dataset)
    check = ViewCheck(Oracle(dataset))
    check.add(record(first), KEY)
    found = check.end()
    assert (found.lost, found.wrong_at_end) == (4, 1)
