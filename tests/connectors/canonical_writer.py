"""Writes canonical topics as the canonical flow does: one Kafka transaction per commit, then its progress record."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from connectors.canonical import CanonicalReader, Feed
from connectors.kafka.topics import COMPACT, TopicSpec, admin, ensure
from connectors.lookup_store.reader import Lookup
from connectors.lookup_store.writer import LookupWriter
from state.cuts import Progress
from state.routing import partition_of

PARTITIONS = 2


class CanonicalWriter:
    """Topics account and invoice (JSON values) and progress, below a prefix of their own."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.prefix = f"test-{uuid.uuid4().hex[:8]}."
        self.commit = 0
        self.client: AdminClient = admin(bootstrap)
        self.create()
        self.producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "transactional.id": self.prefix,
                "linger.ms": 0,
                "log_level": 2,
                "transaction.timeout.ms": 60_000,
            }
        )
        self.producer.init_transactions(30)

    @property
    def topics(self) -> list[str]:
        """All three."""
        return [self.prefix + name for name in ("account", "invoice", "progress")]

    def create(self) -> None:
        """Make the topics."""
        ensure(self.client, [TopicSpec(t, 1 if t.endswith("progress") else PARTITIONS, COMPACT) for t in self.topics])

    def delete(self) -> None:
        """Delete the topics and wait until they are gone."""
        for future in self.client.delete_topics(self.topics).values():
            future.result(30)
        until(lambda: not set(self.topics) & set(self.client.list_topics(timeout=10).topics))

    def produce(self, object_name: str, key: str, account: str, record: dict[str, Any] | None) -> None:
        """Queue one record of the open commit; None is a tombstone."""
        value = None if record is None else json.dumps(record | {"account": account}).encode()
        headers: list[tuple[str, str | bytes | None]] = [("concord.commit", str(self.commit).encode())]
        self.producer.produce(
            self.prefix + object_name, value, key.encode(), partition_of(account, PARTITIONS), headers=headers
        )

    def begin(self) -> None:
        """Open the next commit."""
        self.commit += 1
        self.producer.begin_transaction()

    def end(self) -> None:
        """Write progress and commit."""
        body = {
            "commit": self.commit,
            "frontier": {"s": self.commit * 10},
            "clock_ms": {"s": self.commit},
            "live": True,
        }
        self.producer.produce(self.prefix + "progress", json.dumps(body).encode(), b"canonical", 0)
        self.producer.commit_transaction(30)

    def write(self, accounts: list[str]) -> int:
        """One whole commit that brings each account and its invoice to the commit's number."""
        self.begin()
        for account in accounts:
            self.produce("account", account, account, {"version": self.commit})
            self.produce("invoice", f"I-{account}", account, {"version": self.commit})
        self.end()
        return self.commit


class Follower:
    """The lookup writer of the topics, driven by the test. A store that is gone refuses at once; one that is slow may be."""

    def __init__(self, source: CanonicalWriter, url: str, held_bytes_max: int = 10_000_000) -> None:
        feed = Feed(
            source.bootstrap,
            {source.prefix + name: name for name in ("account", "invoice")},
            source.prefix + "progress",
            "canonical",
            lambda value: Progress(**json.loads(value)),
        )
        self.store = Lookup(url, source.prefix, timeout_s=30.0)
        reader = CanonicalReader(feed, source.client, held_bytes_max, 4_096)
        self.writer = LookupWriter(reader, Lookup(url, source.prefix, timeout_s=30.0), json.loads, lambda _: True)

    def step(self) -> None:
        """One poll, and the cut that it completes."""
        item = self.writer.next(1_000)
        if item is not None:
            self.writer.write(item)

    def follow(self, commit: int) -> None:
        """Step until the store shows the commit."""

        def reached() -> bool:
            self.step()
            state = self.store.state()
            return state.state == "live" and state.progress is not None and state.progress.commit >= commit

        until(reached)

    def close(self) -> None:
        """Leave everything."""
        self.writer.close()
        self.store.close()


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Ask again until the condition holds; AssertionError when time is up."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not become true in time"
        time.sleep(0.002)
