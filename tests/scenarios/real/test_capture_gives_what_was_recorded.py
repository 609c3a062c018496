"""The three systems' databases go through their recordings again, captured by real connectors: the same view comes out."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from benchmarks.progress import ProgressReader
from connectors.contracts import TOPICS
from connectors.kafka.restore import latest
from connectors.registry import Registry
from dataflows.settings import load_settings
from demo.frames import FrameDecoder
from tests.chaos.bank import delete_topics
from tests.chaos.flow_process import FlowProcess, wait_until
from tests.running_stack import RunningStack
from tests.scenarios.real.database import Replayer, made
from tests.scenarios.real.recordings import FILES
from tests.scenarios.real.replay import Replay, by_time

pytestmark = [pytest.mark.stack, pytest.mark.slow]
#: what does not depend on the hour in which the test runs
KINDS = ("invoice", "payment", "refund", "credit", "usage", "subscription")
WAIT_S = 90


@contextmanager
def captured(stack: RunningStack, name: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """A source under capture, its tables empty; a connection to its database."""
    with made(stack, name) as (capture, conn):
        capture.prepare(name)
        capture.register(name)
        yield conn


def plain(value: Any) -> Any:
    """A record without what is another server's: positions, times of commits, and how often it was looked at on the way.

    The ERP keeps no dates of its documents' states: they are noted as they are seen, so only the last one is the same.
    """
    if isinstance(value, dict):
        apart = {"position", "positions"} | ({"since"} if "amount_minor" in value and "state" in value else set())
        found = {name: plain(one) for name, one in value.items() if name not in apart}
        if isinstance(erp := found.get("erp"), dict) and erp.get("states"):
            erp["states"] = erp["states"][-1:]
        return found
    return [plain(one) for one in value] if isinstance(value, list) else value


def test_the_view_is_that_of_the_recording(stack: RunningStack, real: Replay, tmp_path: Path) -> None:
    """Kill Bill, Tryton and Request Tracker, from SQL to canonical records: each object as the recorded events give it.

    What differs on the way is real: types that the server writes, transactions, capture over three connectors at once.
    Planted break, seen to fail: decimal.handling.mode=double in Kill Bill's connector.json.
    """
    prefix = f"real-{uuid.uuid4().hex[:6]}."
    environment = stack.environment() | {
        "CONCORD_PREFIX": prefix,
        "CONCORD_SOURCES": json.dumps(list(FILES)),
        "CONCORD_METRICS_PORT": "0",
        "CONCORD_CLUSTER_PORT": str(stack.layout.port_base + 160),
    }
    settings = load_settings(prefix=prefix, sources=tuple(FILES))
    flow = FlowProcess(["run", "canonical"], environment, tmp_path / "flow.log")
    with ExitStack() as ends:
        ends.callback(delete_topics, settings.kafka, prefix)
        sources = {name: ends.enter_context(captured(stack, name)) for name in FILES}
        replayers = {name: Replayer(name, conn) for name, conn in sources.items()}
        flow.start()
        ends.callback(flow.kill_all)
        for act in by_time():
            replayers[act.source].apply(act)
        (written,) = sources["killbill"].execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").fetchone() or (0,)
        progress: list[ProgressReader] = []
        frontier: dict[str, int] = {}

        def caught_up() -> bool:
            assert flow.running, flow.tail()
            if not progress and (reader := ProgressReader.open(settings, prefix)) is not None:
                progress.append(reader)
                ends.callback(reader.close)
            for record in progress[0].poll(0.02) if progress else ():
                frontier.update(record["frontier"] if record["live"] else {})
            return len(frontier) == len(FILES) and min(frontier.values()) >= written

        wait_until(caught_up, WAIT_S, f"the frontier {written}", lambda: f"{frontier}\n{flow.tail()}")
        decoder = FrameDecoder(Registry(settings.registry_api))
        for kind in KINDS:
            found = latest(settings.kafka, prefix + TOPICS[kind][0], list(range(settings.partitions)))
            shown = {key.decode(): plain(decoder.decode(value)) for key, value in found.items()}
            assert shown == {key: plain(body) for key, body in real.live(kind).items()}, kind
            assert shown, kind
