"""The canonical flow on several hosts: each of its processes is started by a command of its own, on its own host.

Process 0 waits for the others, sees that all have the same settings, mappings and code, and only then fences and reads
where the flow stood: an older flow works on until all are there. What it read, all of them start with. When one of them
is gone, all end with an error, and their supervisors' next starts meet again.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from threading import Thread
from typing import Any

from confluent_kafka.admin import AdminClient

from connectors.hosts.meeting import Meeting
from connectors.hosts.member import Membership, NotMet
from connectors.hosts.together import EXIT_ALONE, keep_together
from connectors.laps import Laps
from connectors.log import logger
from connectors.mappings.versions import installed
from connectors.ports import demand, held
from dataflows.settings import Settings
from dataflows.start import NotBegun, Start
from dataflows.stopping import Stopping
from dataflows.worker import EXIT_AGAIN, Given, work

#: settings that mean the same flow only if they are the same everywhere
SAME = ("addresses", "meeting_port", "prefix", "flow", "partitions", "sources", "subjects", "epoch_ms")
#: how long the reason of the engine's end may take to be known
_REASON_SECONDS = 2.0


def demand_address(settings: Settings) -> None:
    """See that this process's own address can be used. Raises PortTaken."""
    host, port = place(settings.addresses[settings.process])
    demand(port, "messages between the flow's processes", "CONCORD_ADDRESSES", host=host)


def place(address: str) -> tuple[str, int]:
    """Host and port of `host:port`."""
    host, _, port = address.rpartition(":")
    return host, int(port)


def agreement(settings: Settings, client: AdminClient) -> dict[str, Any]:
    """What must be the same at every process, by the names that a person knows it under."""
    values = settings.model_dump(mode="json")
    same = {f"CONCORD_{name.upper()}": values[name] for name in SAME}
    for name, one in installed(settings.sources_dir, settings.sources, settings.ownership).items():
        file = name if name.endswith(".yaml") else f"{name}/mapping.yaml"
        same[file] = f"version {one.version} with content {one.hash}"
    contracts = b"".join(path.read_bytes() for path in sorted(Path(settings.contracts_dir).glob("*.avsc")))
    return same | {
        "the contracts in CONCORD_CONTRACTS_DIR": sha256(contracts).hexdigest()[:16],
        "the Kafka cluster behind CONCORD_KAFKA": client.list_topics(timeout=10).cluster_id,
        "Concord's version": version("concord"),
        "Bytewax's version": version("bytewax"),
        "Python's version": f"{sys.version_info.major}.{sys.version_info.minor}",
    }


def run(settings: Settings, client: AdminClient, given: Given, begin: Callable[[], Start], laps: Laps) -> int:
    """Run this host's process with what is `given`; `begin` is called at process 0 alone, each time that all are there.

    Raises PortTaken.

    Exit codes: 0 stopped here, 1 ended with another process or by an error, 2 refused, 3 replaced by a newer start.
    """
    stopping = Stopping()
    same = agreement(settings, client)
    logger(settings.flow).info("meeting", process=settings.process, addresses=settings.addresses)
    if settings.process:
        code = _follow(settings, same, given, stopping, laps)
    else:
        code = _lead(settings, same, given, stopping, begin, laps)
    if code == 0 and stopping.by is not None:
        logger(settings.flow).warning("stopped with another process", process=settings.process, stopped=stopping.by)
        return EXIT_ALONE
    return code


def _lead(
    settings: Settings, same: dict[str, Any], given: Given, stopping: Stopping, begin: Callable[[], Start], laps: Laps
) -> int:
    host, _port = place(settings.addresses[0])
    listener = held(settings.meeting_port, "the meeting of the flow's processes", "CONCORD_MEETING_PORT", host=host)
    meeting = Meeting(listener, len(settings.addresses), same, stopping, settings.flow)
    while meeting.gather():
        laps.lap("meet")
        try:
            start = begin()
        except NotBegun as refusal:
            meeting.dismiss(str(refusal), refusal.code)
            raise
        if meeting.begin(start.as_json()):
            return _work(settings, start, given, stopping, laps)
    return 0


def _follow(settings: Settings, same: dict[str, Any], given: Given, stopping: Stopping, laps: Laps) -> int:
    address = place(settings.addresses[0])[0], settings.meeting_port
    try:
        joined = Membership(address, settings.process, same, stopping, settings.flow).join()
    except NotMet as refusal:
        raise NotBegun(str(refusal), refusal.code) from refusal
    if joined is None:
        return 0
    laps.lap("meet")
    line, start = joined
    Thread(target=keep_together, args=(line, settings.process, 0, stopping, settings.flow), daemon=True).start()
    return _work(settings, Start.from_json(start), given, stopping, laps)


def _work(settings: Settings, start: Start, given: Given, stopping: Stopping, laps: Laps) -> int:
    """The engine panics when a process is gone; whoever watches the connections says which one, and ends this one."""
    try:
        code = work(settings, start, settings.process, stopping, laps, given)
        return EXIT_ALONE if code == EXIT_AGAIN else code
    except BaseException:  # the engine's panic is no Exception; it is raised again unless the reason becomes known
        time.sleep(_REASON_SECONDS)
        raise
