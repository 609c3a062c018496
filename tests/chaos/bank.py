"""The bank: a real database of its own under real capture, where money only moves, so the total over all holders is 0."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Event, Thread

import psycopg
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from connectors.sources.capture import DEFAULT_ROLE, Capture
from connectors.sources.database import drop_slots, source_dsn

SOURCES = Path(__file__).parent / "sources"
SOURCE = "bank"
HOLDERS = 400
#: the share of transfers that `transfer_many` commits: every tenth is rolled back
COMMITTED_SHARE = 0.9

Amounts = dict[str, int]


class Bank:
    """The database `bank` on the stack's PostgreSQL, captured by a connector of the same name."""

    def __init__(self, kafka: str, postgres: str, connect: str, registry: str) -> None:
        """Addresses as in the settings: bootstrap, libpq string without a database, Connect's and the registry's URL."""
        self._kafka = kafka
        self._postgres = postgres
        self.dsn = source_dsn(postgres, SOURCE)
        self._capture = Capture(SOURCES, postgres, connect, registry, DEFAULT_ROLE, "concord-capture", {})

    def create(self) -> None:
        """A fresh database with holders that own nothing, under capture; one that a former run left is dropped first."""
        self.remove()
        with psycopg.connect(self._postgres, dbname="postgres", autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {SOURCE}")
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute((SOURCES / SOURCE / "schema.sql").read_bytes())
            connection.execute(
                "INSERT INTO debits (holder, amount_minor) SELECT 'H' || n, 0 FROM generate_series(1, %s) AS n",
                (HOLDERS,),
            )
            connection.execute("INSERT INTO credits SELECT n, 'H' || n, 0 FROM generate_series(1, %s) AS n", (HOLDERS,))
        self._capture.prepare(SOURCE)
        self._capture.register(SOURCE)

    def remove(self) -> None:
        """Take away connector, topics, slot and database, as far as they are there."""
        self._capture.unregister(SOURCE)
        delete_topics(self._kafka, f"{SOURCE}.")
        with psycopg.connect(self._postgres, dbname="postgres", autocommit=True) as admin:
            drop_slots(admin, SOURCE, end_readers=True)
            admin.execute(f"DROP DATABASE IF EXISTS {SOURCE} WITH (FORCE)")

    def transfer(self, transfers: int, sessions: int = 2) -> None:
        """Make about `transfers` committed transfers, from several sessions at once; returns when they are committed."""
        share = int(transfers / COMMITTED_SHARE / sessions) + 1
        threads = [Thread(target=self._session, args=(share,), name=f"bank-{number}") for number in range(sessions)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def transfer_at_once(self, rounds: int) -> int:
        """One transaction over all holders: in each round every second one pays and the others receive; how many rows."""
        with psycopg.connect(self.dsn) as connection:
            statements = (
                b"UPDATE debits SET amount_minor = amount_minor + 100 WHERE right(holder, -1)::int % 2 = 0",
                b"UPDATE credits SET amount_minor = amount_minor + 100 WHERE id % 2 = 1",
            )
            return sum(connection.execute(statement).rowcount for _ in range(rounds) for statement in statements)

    def _session(self, transfers: int) -> None:
        """One session's share; nobody waits for the disk."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute("SET synchronous_commit = off")
            connection.execute("CALL transfer_many(%s, %s)", (transfers, HOLDERS))

    def amounts(self) -> tuple[Amounts, Amounts]:
        """Debits and credits of each holder as SQL has them."""
        with psycopg.connect(self.dsn) as connection:
            paid = connection.execute("SELECT holder, amount_minor FROM debits").fetchall()
            received = connection.execute("SELECT holder, amount_minor FROM credits").fetchall()
        return {str(holder): int(amount) for holder, amount in paid}, {
            str(holder): int(amount) for holder, amount in received
        }

    def last_position(self) -> int:
        """Commit a last transfer; a frontier beyond the position returned has seen it, whatever else commits meanwhile."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute("CALL transfer_many(1, %s)", (HOLDERS,))
            position = _position(connection)
            connection.execute("SELECT pg_logical_emit_message(true, 'concord.heartbeat', '')")  # what lies beyond it
        return position


def _position(connection: psycopg.Connection[tuple[object, ...]]) -> int:
    """Where the WAL ends now."""
    row = connection.execute("SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint").fetchone()
    if row is None:
        raise LookupError("PostgreSQL gave no WAL position")
    return int(str(row[0]))


class Traffic:
    """Transfers without a pause, in small bursts, until stopped: the background of the crash tests.

    Every flow of a later test reads all of it from its beginning, so there is as much as keeps cuts busy and no more.
    """

    def __init__(self, bank: Bank, burst: int = 10, pause_s: float = 0.1) -> None:
        """`burst` transfers, of which the last is rolled back, then `pause_s` of rest, over and over."""
        self._bank = bank
        self._burst = burst
        self._pause_s = pause_s
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="bank-traffic", daemon=True)

    def __enter__(self) -> Traffic:
        """Traffic flows inside the with block."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stops after the burst at hand."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        """Bursts until told to stop."""
        while not self._stopped.wait(self._pause_s):
            self._bank.transfer(self._burst, sessions=1)


def delete_topics(kafka: str, prefix: str) -> None:
    """Delete every topic whose name starts with `prefix`."""
    admin = AdminClient({"bootstrap.servers": kafka})
    doomed = [name for name in admin.list_topics(timeout=15).topics if name.startswith(prefix)]
    for future in (admin.delete_topics(doomed) if doomed else {}).values():
        try:
            future.result(15)
        except KafkaException as error:
            raise RuntimeError(f"a topic below {prefix} cannot be deleted: {error}") from error


def settings_of_flow(prefix: str, metrics_port: int, cluster_port: int) -> dict[str, str]:
    """The CONCORD_* environment of a canonical flow over the bank alone, with output topics of its own."""
    return {
        "CONCORD_PREFIX": prefix,
        "CONCORD_SOURCES": json.dumps([SOURCE]),
        "CONCORD_SOURCES_DIR": str(SOURCES),
        "CONCORD_OWNERSHIP": str(SOURCES / "ownership.yaml"),
        "CONCORD_METRICS_PORT": str(metrics_port),
        "CONCORD_CLUSTER_PORT": str(cluster_port),
    }
