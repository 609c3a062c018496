"""The example database of docs/onboarding-walk.md, and nothing of it left behind."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from connectors.sources.capture import DEFAULT_ROLE, Capture
from connectors.sources.database import drop_slots, source_dsn
from dataflows.settings import load_settings
from tests.chaos.bank import delete_topics
from tests.running_stack import RunningStack

NAME = "fibrenet"


@pytest.fixture
def no_fibrenet(stack: RunningStack) -> Iterator[RunningStack]:
    """Neither database, connector, slot nor topics of that name, before and after."""
    _forget(stack)
    yield stack
    _forget(stack)


def _forget(stack: RunningStack) -> None:
    settings = load_settings()
    capture = Capture(settings.sources_dir, settings.postgres, settings.connect, settings.registry, DEFAULT_ROLE, "x")
    capture.unregister(NAME)
    with psycopg.connect(source_dsn(settings.postgres, "postgres"), autocommit=True) as conn:
        drop_slots(conn, NAME, end_readers=True)
        conn.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
    for prefix in (f"{NAME}.", "walk-"):
        delete_topics(settings.kafka, prefix)
