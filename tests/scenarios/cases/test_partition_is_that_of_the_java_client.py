"""Output records lie where the Java client's default rule for keyed records would put them, so Java services can join."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest

from connectors.log import configure
from connectors.sources.partitioner import check_partitioner
from dataflows.settings import load_settings
from dataflows.start import warn_of_partitioners
from tests.scenarios.cases.company import company, row, topic
from tests.scenarios.cases.wire import ROOT

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


ROUTING = {"transforms": "other, route", "transforms.route.type": "io.debezium.transforms.partitions.PartitionRouting"}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, []),
        ({"producer.override.partitioner.ignore.keys": "false"}, []),
        ({"producer.override.partitioner.ignore.keys": "true"}, ["producer.override.partitioner.ignore.keys"]),
        ({"producer.override.partitioner.class": "com.acme.Mine"}, ["producer.override.partitioner.class"]),
        (ROUTING, ["transforms.route.type"]),
        (
            {**ROUTING, "producer.override.partitioner.class": "x"},
            ["producer.override.partitioner.class", "transforms.route.type"],
        ),
    ],
)
@pytest.mark.parametrize("source", ["billing", "killbill"])
def test_another_rule_is_warned_of_by_name(source: str, settings: dict[str, str], named: list[str]) -> None:
    """G17: whoever forces another partitioner is told which setting does it and what is lost; the usual ones are silent."""
    config = json.loads((ROOT / "debezium" / source / "connector.json").read_text()) | settings
    found = list(check_partitioner(source, config))
    assert [finding.thing for finding in found] == named
    assert all("co-partitioning with Java is lost" in finding.problem for finding in found)
    assert {finding.severity for finding in found} <= {"warning"}


def test_every_start_of_the_flow_warns(tmp_path: Path) -> None:
    """G17: the log of a start names source and setting; a source without connector.json, or without such a setting, is silent."""
    for source, settings in (("forced", {"producer.override.partitioner.class": "com.acme.Mine"}), ("usual", {})):
        (tmp_path / source).mkdir()
        (tmp_path / source / "connector.json").write_text(json.dumps({"topic.prefix": source, **settings}))
    out = StringIO()
    configure("warning", out)
    warn_of_partitioners(load_settings(sources_dir=tmp_path, sources=("forced", "usual", "without")))
    (line,) = out.getvalue().splitlines()
    said = json.loads(line)
    assert (said["level"], said["source"], said["setting"]) == (
        "warning",
        "forced",
        "producer.override.partitioner.class",
    )
    assert "co-partitioning with Java is lost" in said["problem"]
