"""What is said about a cut: the headers of its records, and its progress record."""

from __future__ import annotations

import json
import time
from typing import Any

from connectors.kafka.offsets import Vector
from connectors.kafka.transactor import Headers
from connectors.mappings.versions import Versions
from state.step import Position


def headers(flow: str, number: int, frontier: dict[str, int], mapping: bytes) -> Headers:
    """Headers of the records of commit `number`; `mapping` as `connectors.mappings.versions.header` makes it."""
    return [
        ("concord.commit", str(number).encode()),
        ("concord.frontier", json.dumps(frontier, sort_keys=True).encode()),
        ("concord.trace", f"{flow}-{number}".encode()),
        ("concord.mapping", mapping),
    ]


def progress_body(flow: str, number: int, position: Position, offsets: Vector, versions: Versions) -> dict[str, Any]:
    """The progress record of commit `number`, which ends at `position`."""
    return {
        "flow": flow,
        "commit": number,
        "frontier": position.frontier,
        "clock_ms": position.clock_ms,
        "offsets": {f"{topic}:{partition}": n for (topic, partition), n in offsets.items()},
        "counts": position.counts,
        "snapshots": position.snapshots,
        "live": position.live,
        "committed_ms": time.time_ns() // 1_000_000,
        "mappings": {name: one._asdict() for name, one in versions.items()},
    }
