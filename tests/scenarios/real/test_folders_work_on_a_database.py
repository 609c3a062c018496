"""Kill Bill's, Tryton's and Request Tracker's folders on a real server: prepared, checked, captured by a real connector."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from connectors.mappings.checking.check import Truth, check
from connectors.sources.capture import DEFAULT_ROLE, Capture
from connectors.sources.catalogue import open_catalogue
from connectors.sources.preflight import preflight
from dataflows.settings import ROOT
from tests.running_stack import RunningStack
from tests.scenarios.real.database import made, shape
from tests.scenarios.real.recordings import FILES

pytestmark = pytest.mark.stack


@pytest.fixture(params=FILES)
def source(request: pytest.FixtureRequest, stack: RunningStack) -> Iterator[tuple[str, Capture]]:
    """A source with the recorded tables in a database of its name."""
    with made(stack, request.param) as (capture, _):
        yield request.param, capture


def test_prepared_checked_and_captured(source: tuple[str, Capture], stack: RunningStack) -> None:
    """prepare.sql runs, twice; the pre-flight finds nothing; the mapping fits the catalogue; the connector runs."""
    name, capture = source
    capture.prepare(name)
    capture.prepare(name)
    report = preflight(capture, [name], stack.addresses.kafka)
    assert report.well, report.findings
    checked = check(
        ROOT / "debezium" / name, ROOT / "avro", Truth("database", catalogue=open_catalogue(capture.dsn(name)))
    )
    assert checked.well, [str(finding) for finding in checked.findings]
    assert capture.register(name).running


def test_the_role_may_read_only_what_is_captured(source: tuple[str, Capture]) -> None:
    """The grants name each table, also those whose names SQL does not take; a table beside them stays closed."""
    name, capture = source
    with psycopg.connect(capture.dsn(name), autocommit=True) as conn:
        conn.execute("CREATE TABLE public.secrets (id int PRIMARY KEY)")
    capture.prepare(name)
    with psycopg.connect(psycopg.conninfo.make_conninfo(capture.dsn(name), user=DEFAULT_ROLE), autocommit=True) as conn:
        for table in shape(name).tables:
            conn.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*table.split(".", 1))))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("SELECT * FROM public.secrets")
