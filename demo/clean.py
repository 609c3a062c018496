"""Make a demo run start from nothing: connectors, databases, topics, groups and the look-up store of an earlier run go."""

from __future__ import annotations

import time
from collections.abc import Sequence

import redis
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from connectors.kafka.topics import admin
from connectors.sources.capture import Capture
from dataflows.settings import Settings
from demo.company import Company, reset

GONE_SECONDS = 30.0


def clean(settings: Settings, capture: Capture) -> None:
    """Remove what an earlier run left, then make the three databases anew."""
    forget(settings, capture, settings.sources)
    reset(Company(settings.postgres))


def forget(settings: Settings, capture: Capture, sources: Sequence[str]) -> None:
    """Remove connectors, topics, groups and look-up store of an earlier run over these sources; databases stay."""
    for source in sources:
        capture.unregister(source)
    client = admin(settings.kafka)
    _delete_topics(client, (*(f"{source}." for source in sources), settings.prefix))
    _delete_groups(client, settings.prefix)
    redis.Redis.from_url(settings.redis).flushdb()


def _delete_topics(client: AdminClient, prefixes: tuple[str, ...]) -> None:
    def present() -> list[str]:
        return [name for name in client.list_topics(timeout=10).topics if name.startswith(prefixes)]

    names = present()
    if names:
        for future in client.delete_topics(names).values():
            future.result(30)
    deadline = time.monotonic() + GONE_SECONDS
    while present():
        if time.monotonic() > deadline:
            raise TimeoutError(f"topics {present()[:3]} are still there {GONE_SECONDS:.0f} s after their deletion")
        time.sleep(0.1)


def _delete_groups(client: AdminClient, prefix: str) -> None:
    listed = client.list_consumer_groups().result(30).valid
    names = [g.group_id for g in listed if g.group_id.startswith(prefix)]
    if not names:
        return
    for future in client.delete_consumer_groups(names).values():
        try:
            future.result(30)
        except KafkaException as error:
            raise RuntimeError(
                f"a flow of an earlier run still runs ({error.args[0].str()}). Next step: stop it, then run the demo again"
            ) from error
