"""What all tests share: the running stack, and which codec runs: the pure one unless CONCORD_COMPILED or a test says else."""

from __future__ import annotations

import os
from collections.abc import Iterator

import hypothesis
import pytest
import structlog

from tests import side_by_side
from tests.native_codec import codec, native_codec
from tests.rooms import Rooms
from tests.running_stack import RunningStack, chosen_stack
from tests.target_systems import SUITE, TargetSystems

__all__ = ["codec", "native_codec", "prepared_systems", "stack"]
TARGET_SYSTEMS = pytest.StashKey[TargetSystems]()
os.environ.setdefault("CONCORD_COMPILED", "0")
#: an example that a busy machine holds up is no failure: no test asserts a time
hypothesis.settings.register_profile("concord", deadline=None)
hypothesis.settings.load_profile("concord")


def pytest_addoption(parser: pytest.Parser) -> None:
    """See `side_by_side`."""
    side_by_side.add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Minutes of each room, and, if asked for, a second process beside this one."""
    for plugin in (Rooms(), *side_by_side.plugins(config)):
        config.pluginmanager.register(plugin)


@pytest.fixture(autouse=True)
def _logs_of_one_test() -> Iterator[None]:
    """A test that sets logging up writes to a stream that ends with it; the next test must not inherit that."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Iterator[RunningStack]:
    """The real components, up for the whole session; settings read in this process or a child find them.

    CONCORD_TEST_STACK chooses: process (default: fresh plain processes of this run alone), docker (the compose file),
    running (the stack of this work tree, left as it is). A test that kills a component starts it again.
    """
    with chosen_stack() as running, pytest.MonkeyPatch.context() as environment:
        environment.setenv("CONCORD_STACK_DIR", str(running.layout.directory))
        environment.setenv("CONCORD_PORT_BASE", str(running.layout.port_base))
        systems = request.session.stash[TARGET_SYSTEMS] = TargetSystems(running)
        with systems.preparing(any(SUITE in item.path.parents for item in request.session.items)):
            yield running


@pytest.fixture(scope="session")
def prepared_systems(request: pytest.FixtureRequest, stack: RunningStack) -> TargetSystems:
    """The target systems of the conformance suite, in preparation since the stack is up."""
    return request.session.stash[TARGET_SYSTEMS]
