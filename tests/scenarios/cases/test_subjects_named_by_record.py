"""Output subjects can be named after topic and record: one value subject a contract, without a -value ending."""

from __future__ import annotations

from typing import cast

import pytest

from connectors.contracts import TOPICS, Contracts, SubjectNaming
from connectors.registry import Registry
from tests.scenarios.cases.capture import Subjects
from tests.scenarios.cases.wire import ROOT


@pytest.mark.parametrize(
    ("naming", "subject"),
    [
        ("topic", "canon.canonical.account-value"),
        ("record", "concord.Account"),
        ("topic_record", "canon.canonical.account-concord.Account"),
    ],
)
def test_one_subject_a_contract(naming: SubjectNaming, subject: str) -> None:
    """G16 (output): exactly one value subject is registered for the account, named as configured; records decode by id alone."""
    registry = Subjects()
    contracts = Contracts(cast("Registry", registry), ROOT / "avro", "canon.", naming)
    ids = contracts.register()
    assert [name for name in registry.registered if name.endswith(".Account") or ".account-" in name] == [subject]
    assert len(registry.registered) == len(TOPICS) == len(set(ids.values()))
    body = {"source": "billing", "topic": "t", "partition": 1, "offset": 2, "code": "X", "reason": "", "time_ms": 0}
    optional = dict.fromkeys(("key", "account", "row", "position", "frame"))
    frame = contracts.writer("parked")({**body, **optional})
    assert frame[1:5] == ids["parked"].to_bytes(4, "big") and contracts.read(frame)["code"] == "X"
