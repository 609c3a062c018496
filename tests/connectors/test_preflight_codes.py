"""Every pre-flight failure, planted once on a prepared source, is found by its code, names its thing and gives a fix."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql

from connectors.sources.capture import Capture
from connectors.sources.database import connect_source
from connectors.sources.preflight import POSTGRES_CONNECTOR, check_connect, preflight
from connectors.sources.preflight_database import check_wal_level, ground
from tests.running_stack import RunningStack

DATABASE = "preflight_source"
TABLES = "public.orders,public.debezium_signal"
PREPARE = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'preflight_role') THEN CREATE ROLE preflight_role; END IF;
END $$;
ALTER ROLE :"capture_role" LOGIN REPLICATION PASSWORD :'capture_password';
CREATE TABLE public.orders (id bigint PRIMARY KEY, note text);
CREATE TABLE public.other (id bigint PRIMARY KEY);
CREATE TABLE public.debezium_signal (id varchar(64) PRIMARY KEY, type varchar(32) NOT NULL, data text);
GRANT SELECT ON public.orders, public.debezium_signal TO :"capture_role";
CREATE PUBLICATION preflight FOR TABLE public.orders, public.debezium_signal;
"""


@pytest.fixture
def capture(stack: RunningStack, tmp_path: Path) -> Iterator[Capture]:
    """A prepared source 'orders' in a folder and database of its own; everything is well."""
    folder = tmp_path / "orders"
    folder.mkdir()
    template = json.loads((Path(__file__).parents[2] / "debezium" / "billing" / "connector.json").read_text())
    template |= {"topic.prefix": "preflight", "table.include.list": TABLES, "publication.name": "preflight"}
    template |= {"slot.name": "preflight", "topic.creation.single.include": r"preflight\.transaction"}
    (folder / "connector.json").write_text(json.dumps(template))
    (folder / "prepare.sql").write_text(PREPARE)
    at = stack.addresses
    with psycopg.connect(f"{at.postgres} dbname=postgres", autocommit=True) as admin:
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(DATABASE))
        admin.execute(drop)
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        made = Capture(tmp_path, at.postgres, at.connect, at.registry, "preflight_role", "it's", {"orders": DATABASE})
        made.prepare("orders")
        yield made
        admin.execute(drop)


def codes(capture: Capture, bootstrap: str) -> dict[str, str]:
    """Code to thing of what the pre-flight finds."""
    report = preflight(capture, ["orders"], bootstrap)
    assert all(finding.fix and finding.problem for finding in report.findings)
    return {finding.code: finding.thing for finding in report.findings}


def change_template(capture: Capture, **settings: str | None) -> None:
    """Set (or with None remove) settings of the template; two underscores stand for a dot."""
    path = capture.folder("orders") / "connector.json"
    template: dict[str, Any] = json.loads(path.read_text())
    for name, value in settings.items():
        template.pop(name.replace("__", "."), None)
        if value is not None:
            template[name.replace("__", ".")] = value
    path.write_text(json.dumps(template))


def test_a_prepared_source_is_well(capture: Capture, stack: RunningStack) -> None:
    """Nothing is found, and nothing was left unchecked."""
    report = preflight(capture, ["orders"], stack.addresses.kafka)
    assert report.well
    assert ("orders", "publication") in report.passed


DATABASE_FAULTS = [
    ("PUBLICATION_MISSING", "publication preflight", "DROP PUBLICATION preflight"),
    ("PUBLICATION_DIFFERS", "publication preflight", "ALTER PUBLICATION preflight ADD TABLE public.other"),
    ("PUBLICATION_DIFFERS", "publication preflight", "ALTER PUBLICATION preflight DROP TABLE public.orders"),
    ("TABLE_MISSING", "public.orders", "DROP TABLE public.orders"),
    ("KEYLESS_SOURCE", "public.orders", "ALTER TABLE public.orders DROP CONSTRAINT orders_pkey"),
    ("REPLICA_IDENTITY", "public.orders", "ALTER TABLE public.orders REPLICA IDENTITY NOTHING"),
    ("NULL_REPLACED_BY_DEFAULT", "public.orders.note", "ALTER TABLE public.orders ALTER COLUMN note SET DEFAULT 'x'"),
    ("CAPTURE_ROLE", "role preflight_role", "REVOKE SELECT ON public.orders FROM preflight_role"),
    ("CAPTURE_ROLE", "role preflight_role", "ALTER ROLE preflight_role NOREPLICATION"),
]


@pytest.mark.parametrize(("code", "thing", "statement"), DATABASE_FAULTS)
def test_a_fault_in_the_database(capture: Capture, stack: RunningStack, code: str, thing: str, statement: str) -> None:
    """Each statement breaks one thing."""
    with connect_source(capture.dsn("orders")) as conn:
        conn.execute(statement.encode())
    assert codes(capture, stack.addresses.kafka)[code] == thing


def test_declared_identity_columns_stand_for_a_key(capture: Capture, stack: RunningStack) -> None:
    """A keyless table passes once message.key.columns names its columns and its replica identity is FULL."""
    with connect_source(capture.dsn("orders")) as conn:
        conn.execute("ALTER TABLE public.orders DROP CONSTRAINT orders_pkey")
        conn.execute("ALTER TABLE public.orders REPLICA IDENTITY FULL")
    change_template(capture, message__key__columns="public.orders:id")
    assert codes(capture, stack.addresses.kafka) == {}


@pytest.mark.parametrize(
    ("code", "thing", "settings"),
    [
        ("CONNECTOR_SETTING", "skipped.operations", {"skipped__operations": None}),
        ("CONNECTOR_SETTING", "decimal.handling.mode", {"decimal__handling__mode": "double"}),
        ("PUBLICATION_AUTOCREATE", "publication.autocreate.mode", {"publication__autocreate__mode": "filtered"}),
        ("TRANSACTION_TOPIC_PARTITIONS", "preflight.transaction", {"topic__creation__groups": None}),
        ("TEMPLATE_INVALID", "connector.json", {"database__hostname": "${database.somewhere}"}),
    ],
)
def test_a_fault_in_the_template(
    capture: Capture, stack: RunningStack, code: str, thing: str, settings: dict[str, str | None]
) -> None:
    """Each change makes connector.json wrong in one way."""
    change_template(capture, **settings)
    assert codes(capture, stack.addresses.kafka)[code] == thing


def test_tables_whose_names_sql_does_not_take(capture: Capture, stack: RunningStack) -> None:
    """CamelCase and hyphens: checked like others, and the fix can be pasted."""
    with connect_source(capture.dsn("orders")) as conn:
        conn.execute('CREATE TABLE public."Order-Lines" (id bigint PRIMARY KEY, "Note" text DEFAULT 1)')
    change_template(capture, table__include__list=f"{TABLES},public.Order-Lines")
    report = preflight(capture, ["orders"], stack.addresses.kafka)
    assert {finding.code for finding in report.findings} == {
        "PUBLICATION_DIFFERS",
        "CAPTURE_ROLE",
        "NULL_REPLACED_BY_DEFAULT",
    }
    fixes = {finding.code: finding.fix for finding in report.findings}
    with connect_source(capture.dsn("orders")) as conn:
        conn.execute(fixes["PUBLICATION_DIFFERS"].encode())
        conn.execute(fixes["NULL_REPLACED_BY_DEFAULT"].partition(" (or")[0].encode())
        conn.execute('GRANT SELECT ON public."Order-Lines" TO preflight_role')
    assert codes(capture, stack.addresses.kafka) == {}


def test_a_forced_partitioner_is_a_warning(capture: Capture, stack: RunningStack) -> None:
    """G17: the finding names the setting; capture may begin all the same."""
    change_template(
        capture, producer__override__partitioner__class="org.apache.kafka.clients.producer.RoundRobinPartitioner"
    )
    report = preflight(capture, ["orders"], stack.addresses.kafka)
    (finding,) = report.findings
    assert (finding.code, finding.severity) == ("PARTITIONER_FORCED", "warning")
    assert finding.thing == "producer.override.partitioner.class"
    assert report.well


@pytest.mark.parametrize(
    ("code", "broken"),
    [
        ("REGISTRY_UNREACHABLE", lambda good: replace(good, registry_url="http://127.0.0.1:1")),
        ("CONNECT_UNREACHABLE", lambda good: replace(good, connect_url="http://127.0.0.1:1")),
        ("SOURCE_UNREACHABLE", lambda good: replace(good, postgres="host=127.0.0.1 port=1 user=postgres")),
    ],
)
def test_a_component_that_does_not_answer(
    capture: Capture, stack: RunningStack, code: str, broken: Callable[[Capture], Capture]
) -> None:
    """The address is named; what could not be checked is not called well."""
    report = preflight(broken(capture), ["orders"], stack.addresses.kafka)
    assert [finding.code for finding in report.findings] == [code]
    assert not report.well


def test_a_broker_that_does_not_answer(capture: Capture) -> None:
    """Kafka is named."""
    assert set(codes(capture, "127.0.0.1:1")) == {"KAFKA_UNREACHABLE"}


@pytest.mark.parametrize(
    ("version", "code"),
    [("3.6.3.Final", "CONNECTOR_TOO_OLD"), ("2.7.0.Final", "CONNECTOR_TOO_OLD"), ("odd", "CONNECTOR_TOO_OLD")],
)
def test_an_old_connector(version: str, code: str) -> None:
    """Below 3.7.0 a restart may lose committed rows."""
    assert [finding.code for finding in check_connect("http://connect", answering(version))] == [code]


def test_a_new_connector_and_a_missing_one() -> None:
    """3.7.0 and later pass; a worker without the plug-in is named."""
    assert list(check_connect("http://connect", answering("3.7.0.Final"))) == []
    assert list(check_connect("http://connect", answering("3.10.1.Final"))) == []
    assert [finding.code for finding in check_connect("http://connect", answering(None))] == ["CONNECTOR_NOT_INSTALLED"]


def answering(version: str | None) -> httpx.Client:
    """A worker with the connector in this version."""
    plugins = [] if version is None else [{"class": POSTGRES_CONNECTOR, "type": "source", "version": version}]
    return httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200, json=plugins)))


def test_a_server_without_logical_decoding(capture: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """wal_level needs a restart to change, so the one query is answered here."""
    monkeypatch.setattr("connectors.sources.preflight_database.wal_level", lambda conn: "replica")
    with connect_source(capture.dsn("orders")) as conn:
        found = list(check_wal_level(ground("orders", capture.config("orders"), conn)))
    assert [finding.code for finding in found] == ["WAL_LEVEL"]
