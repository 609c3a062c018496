"""One run of the three recordings together, in the order of their commits."""

from __future__ import annotations

import pytest

from tests.scenarios.real.replay import Replay, by_time


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Replay:
    """All three, read only."""
    return Replay(tmp_path_factory.mktemp("real")).run(by_time())
