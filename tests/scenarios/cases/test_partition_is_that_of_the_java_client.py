"""Output records lie where the Java client's default rule for keyed records would put them, so Java services can join."""

from __future__ import annotations

from pathlib import Path

from tests.scenarios.cases.company import company, row, topic

EXPECTED = {"acct-1042": 9, "acct-7": 4, "ACME-GMBH": 3, "A-000001": 4, "kunde-ä": 7}


def test_twelve_partitions(tmp_path: Path) -> None:
    """G17: partitions 9, 4, 3, 4, 7 for five accounts; every object of an account lies in the account's partition."""
    wire = company(tmp_path, shards=12)
    for number, name in enumerate(EXPECTED, 1):
        wire.commit(
            wire.put(topic("billing.accounts"), **row("billing.accounts", number, number=name)),
            wire.put(topic("billing.credits"), **row("billing.credits", number, account_id=number)),
        )
    assert {one.key: one.partition for one in wire.log if one.kind == "account"} == EXPECTED
    placed = {one.body["account"]: one.partition for one in wire.log if one.kind == "credit"}
    assert placed == EXPECTED
