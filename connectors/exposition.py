"""How metrics are defined, catalogued and shown: one registry a process, on loopback."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple
from wsgiref.simple_server import WSGIServer

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    start_http_server,
)
from prometheus_client.registry import Collector

from connectors.ports import taken

REGISTRY = CollectorRegistry()
#: purpose and setting of the endpoint's port
METRICS = ("the metrics endpoint", "CONCORD_METRICS_PORT (0 turns metrics off)")
LABELS = frozenset({"source", "topic", "reason", "state", "target", "stage", "outcome", "object", "kind", "flow"})
_NAME = re.compile(r"concord_[a-z_]+")


class Definition(NamedTuple):
    """What the documentation says about one metric; docs/metrics.md is checked against it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    question: str
    sentence: str


CATALOGUE: list[Definition] = []


def _define(name: str, kind: str, labels: tuple[str, ...], question: str, sentence: str) -> None:
    """Enter a metric into the catalogue; a name or label outside the rules ends the start-up of every process."""
    if not _NAME.fullmatch(name) or not LABELS.issuperset(labels):
        raise ValueError(f"metric {name} {labels}: names are concord_lower_case and labels come from LABELS")
    CATALOGUE.append(Definition(name, kind, labels, question, sentence))


def counter(question: str, name: str, sentence: str, *labels: str) -> Counter:
    """A number that only rises; shown as `name`_total."""
    _define(f"{name}_total", "counter", labels, question, sentence)
    return Counter(name, sentence, labels, registry=REGISTRY)


def gauge(question: str, name: str, sentence: str, *labels: str) -> Gauge:
    """A number as it is now."""
    _define(name, "gauge", labels, question, sentence)
    return Gauge(name, sentence, labels, registry=REGISTRY)


def histogram(question: str, name: str, sentence: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
    """A distribution, cumulative up to each of `buckets`."""
    _define(name, "histogram", labels, question, sentence)
    return Histogram(name, sentence, labels, registry=REGISTRY, buckets=buckets)


def serve(port: int) -> Callable[[], None]:
    """Show the registry at http://127.0.0.1:`port`/metrics; 0 turns it off. Returns the function that stops it.

    Raises PortTaken.
    """
    if port == 0:
        return lambda: None
    server: WSGIServer
    try:
        server, thread = start_http_server(port, addr="127.0.0.1", registry=REGISTRY)
    except OSError as error:
        raise taken(port, *METRICS, error) from error

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join(timeout=2)

    return stop


def samples(collector: Collector) -> dict[tuple[str, ...], float]:
    """Current values of one counter or gauge by label values, in label order; for status lines and tests."""
    values: dict[tuple[str, ...], float] = {}
    for family in collector.collect():
        for sample in family.samples:
            if not sample.name.endswith("_created"):
                values[tuple(sample.labels.values())] = sample.value
    return values
