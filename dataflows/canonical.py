"""The canonical flow: one process or several, on this host or on several hosts.

The first process checks, fences and reads where the flow stood, then all of them run the same Bytewax flow
(`dataflows/worker.py`). The processes of one host are children of this one; those of several hosts meet
(`dataflows/hosts.py`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from connectors import metrics
from connectors.contracts import Contracts
from connectors.kafka.offsets import Overtook, StartRace, TopicRecreated
from connectors.kafka.topics import admin
from connectors.kafka.transactor import Fenced
from connectors.laps import Laps
from connectors.log import configure, logger
from connectors.mappings.ownership import load_rules
from connectors.mappings.versions import installed
from connectors.ports import PortTaken, demand
from dataflows import bootstrap, hosts
from dataflows.cut import EXIT_FENCED
from dataflows.rederive import rederive
from dataflows.replaced import CannotPlace
from dataflows.settings import Settings, load_settings
from dataflows.start import NotBegun, Start, StartRefused, begin, refuse_edits
from dataflows.stopping import Stopping
from dataflows.worker import EXIT_AGAIN, Given, work
from state.model import Model

EXIT_REFUSED = 2
#: how long a process may take to end after SIGTERM before it is killed
STOP_SECONDS = 8.0


def main(settings: Settings) -> int:
    """Start the flow, or this host's process of it; returns the exit code (0 stopped, 1 error, 2 refused, 3 fenced).

    Raises what is wrong with settings, mappings and rules, PortTaken, KafkaUnavailable and RegistryError: all of that
    is looked at before another start of this flow is fenced.
    """
    configure(settings.log_level)
    laps = Laps(settings.flow)
    laps.lap("process")
    load_rules(settings.ownership)
    model = bootstrap.model(settings)
    _demand_ports(settings)
    contracts = bootstrap.contracts(settings)
    laps.lap("check")
    try:
        if settings.addresses:
            return hosts.run(settings, admin(settings.kafka), lambda: _begun(settings, model, contracts, laps), laps)
        return _run_here(settings, Given(model, contracts), laps)
    except NotBegun as refusal:
        logger(settings.flow).error("start refused", reason=str(refusal))
        return refusal.code


def _run_here(settings: Settings, given: Given, laps: Laps) -> int:
    """Start the flow with all of its processes on this host; the exit code. Raises NotBegun.

    It starts once more after it has fenced another start that had committed meanwhile: that one is gone for good, so of
    several starts at the same moment one goes on.
    """
    stopping: Stopping | None = None
    while True:
        start = _begun(settings, given.model, given.contracts, laps)
        stopping = stopping or Stopping()
        code = _run_all(settings, start, given, stopping, laps)
        if code != EXIT_AGAIN:
            return code
        if stopping.asked:
            return 0


def _run_all(settings: Settings, start: Start, given: Given, stopping: Stopping, laps: Laps) -> int:
    """Run the processes until they end."""
    if settings.processes == 1:
        return work(settings, start, 0, stopping, laps, given)
    with tempfile.TemporaryDirectory(prefix="concord-") as folder:
        path = Path(folder) / "start.json"
        path.write_text(json.dumps(start.as_json()))
        (path.parent / "schemas").mkdir()
        return _supervise(settings, path, stopping)


def _demand_ports(settings: Settings) -> None:
    """Of all processes that this command starts. Raises PortTaken."""
    numbers = [settings.process] if settings.addresses else range(settings.processes)
    for number in numbers:
        if settings.metrics_port:
            demand(settings.metrics_port + number, *metrics.METRICS)
        if settings.processes > 1 and not settings.addresses:
            demand(settings.cluster_port + number, "messages between the flow's processes", "CONCORD_CLUSTER_PORT")
    if settings.addresses:
        hosts.demand_address(settings)


def _begun(settings: Settings, model: Model, contracts: Contracts, laps: Laps) -> Start:
    """Fence, read, and derive anew what other mappings were used for. Raises NotBegun."""
    try:
        start = _read(settings, model, contracts, laps)
    except (StartRefused, TopicRecreated, CannotPlace) as error:
        raise NotBegun(str(error), EXIT_REFUSED) from error
    except (StartRace, Fenced) as error:
        raise NotBegun(str(error), EXIT_FENCED) from error
    logger(settings.flow).info(
        "starting", commit=start.commit, frontier=start.position.frontier, live=start.position.live, **laps.told()
    )
    return start


def _read(settings: Settings, model: Model, contracts: Contracts, laps: Laps) -> Start:
    """Where the flow stands, in today's mappings; once more after another start that had committed meanwhile is fenced."""
    while True:
        start = begin(settings, model, contracts, admin(settings.kafka), laps)
        if not start.commit or start.before == start.versions:
            return start
        try:
            start = rederive(settings, model, contracts, start)
        except Overtook as error:
            logger(settings.flow).warning("starting once more", reason=str(error))
            continue
        laps.lap("derive")
        return start


def _supervise(settings: Settings, path: Path, stopping: Stopping) -> int:
    """Run the processes of this host; when one ends, the others end too. A lost parent is noticed by each of them."""
    environment = os.environ | {f"CONCORD_{k.upper()}": v for k, v in bootstrap.as_environment(settings).items()}
    children = [
        subprocess.Popen(  # noqa: S603 - our own module with our own arguments
            [sys.executable, "-m", "dataflows.canonical", str(path), str(n), str(os.getpid())], env=environment
        )
        for n in range(settings.processes)
    ]
    while not stopping.asked and all(child.poll() is None for child in children):
        time.sleep(0.05)
    for child in children:
        if child.poll() is None:
            child.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for child in children:
        try:
            child.wait(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    codes = [child.returncode for child in children]
    if stopping.asked:
        return 0
    return EXIT_AGAIN if EXIT_AGAIN in codes else next((code for code in codes if code > 0), 1)


def _child(path: Path, number: int, parent: int) -> int:
    """One of several processes."""
    settings = load_settings()
    laps = Laps(settings.flow)
    laps.lap("process")
    try:
        start = Start.from_json(json.loads(path.read_text()))
        refuse_edits(settings, start.versions, installed(settings.sources_dir, settings.sources, settings.ownership))
        return work(settings, start, number, Stopping(), laps, None, parent, path.parent / "schemas")
    except (PortTaken, StartRefused) as error:
        logger(settings.flow).error("start refused", process=number, reason=str(error))
        return EXIT_REFUSED


if __name__ == "__main__":
    sys.exit(_child(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
