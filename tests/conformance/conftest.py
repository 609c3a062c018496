"""The subjects of the suite: their real servers are started once, both target systems at the same time, and stopped behind it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from connectors.targets.protocol import Target
from connectors.targets.tryton import TrytonTarget
from stack import supervisor
from stack.fault_proxy import fault_proxy
from stack.layout import Layout
from stack.real import request_tracker, tryton
from stack.roster import TARGET_SYSTEMS
from tests.conformance.request_tracker_subject import RequestTrackerSubject
from tests.conformance.rest_subject import RestSubject
from tests.conformance.subject import Subject
from tests.conformance.tryton_subject import TrytonSubject
from tests.conformance.waivers import WAIVERS
from tests.demo.services.company import founded
from tests.running_stack import RunningStack
from tests.target_systems import TargetSystems

FIRST_START_S_MAX = 900
SUBJECTS = ("rest", "tryton", "request_tracker")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whichever test comes first waits for two systems to be installed and filled."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(FIRST_START_S_MAX))


@pytest.fixture(scope="package")
def target_systems(prepared_systems: TargetSystems) -> Iterator[Layout]:
    """Tryton and, where it can be installed, Request Tracker on the stack's PostgreSQL."""
    here, wanted = prepared_systems.layout, prepared_systems.names
    prepared_systems.wait()
    ran = {name for name in wanted if here.pid_file(name).exists()}
    supervisor.up(here, wanted)
    yield here
    for name in set(wanted) - ran:
        supervisor.stop_component(TARGET_SYSTEMS[name], here)


def rest(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """The demo ERP."""
    running: RunningStack = request.getfixturevalue("stack")
    with founded(running.addresses.postgres) as company, fault_proxy(company.erp.url) as proxy:
        yield RestSubject(company, proxy)


def of_tryton(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """Tryton 8.2."""
    here: Layout = request.getfixturevalue("target_systems")
    addresses = here.addresses()
    login = (tryton.USER, tryton.password(here))
    database = make_conninfo(addresses.postgres, dbname=tryton.DATABASE)
    with fault_proxy(addresses.tryton_url) as proxy:
        yield TrytonSubject(proxy, addresses.tryton_url, login, database)


def of_request_tracker(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """Request Tracker 5; skipped only where it cannot be installed."""
    if reason := request_tracker.obstacle():
        pytest.skip(reason)
    here: Layout = request.getfixturevalue("target_systems")
    addresses = here.addresses()
    login = (request_tracker.USER, request_tracker.password(here))
    database = make_conninfo(addresses.postgres, dbname=request_tracker.DATABASE)
    with fault_proxy(addresses.request_tracker_url) as proxy:
        yield RequestTrackerSubject(proxy, addresses.request_tracker_url, login, database)


@pytest.fixture(scope="module", params=SUBJECTS)
def open_subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """One after the other."""
    ways = {"rest": rest, "tryton": of_tryton, "request_tracker": of_request_tracker}
    for subject in ways[request.param](request):
        yield subject
        subject.close()


@pytest.fixture
def subject(request: pytest.FixtureRequest, open_subject: Subject) -> Subject:
    """The subject without faults; a behaviour that is waived for it is skipped with the reason."""
    which = request.node.callspec.params["open_subject"]
    if reason := WAIVERS.get((request.node.originalname, which)):
        pytest.skip(reason)
    open_subject.proxy.clear()
    return open_subject


@pytest.fixture
def target(subject: Subject) -> Iterator[Target]:
    """A new adapter for each test: no session, no open breaker of another."""
    opened = subject.target()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def books(request: pytest.FixtureRequest) -> Iterator[TrytonSubject]:
    """Tryton behind its proxy."""
    for subject in of_tryton(request):
        assert isinstance(subject, TrytonSubject)
        yield subject
        subject.close()


@pytest.fixture(name="tryton")
def shipped_tryton(books: TrytonSubject) -> Iterator[TrytonTarget]:
    """The adapter as shipped."""
    books.proxy.clear()
    opened = books.target()
    yield opened
    opened.close()
