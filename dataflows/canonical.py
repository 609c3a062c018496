"""The canonical flow: one process or several, on this host or on several hosts.

The first process checks, fences and reads where the flow stood, then all of them run the same Bytewax flow
(`dataflows/worker.py`). The processes of one host are children of this one (`dataflows/children.py`); those of several
hosts meet (`dataflows/hosts.py`).
"""

from __future__ import annotations

from contextlib import nullcontext

from connectors import metrics
from connectors.contracts import Contracts
from connectors.kafka.offsets import Overtook, StartRace, TopicRecreated
from connectors.kafka.topics import admin
from connectors.kafka.transactor import Fenced
from connectors.laps import Laps
from connectors.log import configure, logger
from connectors.mappings.ownership import load_rules
from connectors.ports import demand
from dataflows import bootstrap, hosts
from dataflows.again import again
from dataflows.children import EXIT_REFUSED, waiting
from dataflows.cut import EXIT_FENCED
from dataflows.rederive import rederive
from dataflows.settings import Settings
from dataflows.start import NotBegun, Start, StartRefused, begin
from dataflows.stopping import Stopping
from dataflows.survey import CannotPlace
from dataflows.worker import EXIT_AGAIN, Given, work
from state.model import Model


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

    given = Given(model, bootstrap.contracts(settings))
    laps.lap("check")
    try:
        if settings.addresses:
            return hosts.run(settings, admin(settings.kafka), given, lambda: _begun(settings, given, laps), laps)
        return _run_here(settings, given, laps)
    except NotBegun as refusal:
        logger(settings.flow).error("start refused", reason=str(refusal))
        return refusal.code


def _run_here(settings: Settings, given: Given, laps: Laps) -> int:
    """Start the flow with all of its processes on this host; the exit code. Raises NotBegun.

    Several processes begin with what is `given`, and wait while this one fences and reads. The whole command starts
    once more after it has fenced another start that had committed meanwhile: that one is gone for good, so of several
    starts at the same moment one goes on.
    """
    with waiting(settings, given) if settings.processes > 1 else nullcontext() as children:
        start = _begun(settings, given, laps)
        stopping = Stopping()
        if children is not None:
            code = children.run(start, stopping)
        else:
            code = work(settings, start, 0, stopping, laps, given)
    if code == EXIT_AGAIN and not stopping.asked:
        again()
    return 0 if code == EXIT_AGAIN else code


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


def _begun(settings: Settings, given: Given, laps: Laps) -> Start:
    """Fence, read, and derive anew what other mappings were used for. Raises NotBegun."""
    try:
        start = _read(settings, given.model, given.contracts, laps)
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
