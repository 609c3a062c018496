"""The dispatch flow: intents -> corrections, sent to their targets once and looked after until the change is seen.

Design, section 8: SENDING(n) is committed to Kafka before the first byte leaves; what was being sent when the process
ended is read back before anything else is sent. One process; a second start fences the first.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.run import cli_main
from confluent_kafka import Consumer

from connectors import metrics
from connectors.audit_log import newest_entry
from connectors.budget import BudgetedTarget, Budgets
from connectors.contracts import ContractMissing, Contracts, topic_specs
from connectors.kafka.offsets import Overtook, StartRace, TopicRecreated, Vector, committed, group_consumer
from connectors.kafka.polling import Rest
from connectors.kafka.population import Population, live_keys
from connectors.kafka.restore import latest
from connectors.kafka.sink import CutSink
from connectors.kafka.source import Handler, KafkaSource, reader
from connectors.kafka.topics import KafkaUnavailable, admin, ensure, partition_counts, topic_ids
from connectors.kafka.transactor import Transactor, TransactorConfig
from connectors.log import configure, logger
from connectors.mappings.ownership import OwnershipError, load_rules
from connectors.registry import RegistryError
from connectors.targets.description import DescriptionError
from connectors.targets.opening import Access, open_target
from connectors.targets.pool import SenderPool
from connectors.targets.protocol import Target
from dataflows import bootstrap
from dataflows.again import again
from dataflows.dispatch_attention import AttentionTopic, told
from dataflows.dispatch_results import ResultSource
from dataflows.dispatch_stage import FLOW, DispatchStage, clock_ms, read_inputs
from dataflows.dispatch_writer import EXIT_FENCED, DispatchWriter
from dataflows.settings import Settings, load_settings
from dataflows.start import StartRefused, demand_partitions, end_older
from state.comparing.compared import COMPARED
from state.correcting.audit import Chain
from state.correcting.correction_record import correction_from
from state.correcting.dispatcher import Dispatcher
from state.correcting.hold import hold_from
from state.correcting.policy import Policy
from state.rules import Rules

EXIT_REFUSED = 2
#: the metrics port of this flow lies this far above the canonical flow's
METRICS_PORT_OFFSET = 10


def flow_id(settings: Settings) -> str:
    """Transactional id and group of the flow."""
    return f"{settings.prefix}{FLOW}"


def targets(settings: Settings) -> dict[str, Target]:
    """The targets by the descriptions that the settings name. Raises DescriptionError."""
    erp = Access(settings.erp_url, settings.erp_user, settings.erp_password.get_secret_value())
    support = Access(settings.support_url, settings.support_user, settings.support_password.get_secret_value())
    crm = Access(settings.crm_url, settings.crm_user, settings.crm_password.get_secret_value())
    known = {
        "erp": open_target("erp", settings.erp_target, erp, settings.targets_dir),
        "support": open_target("support", settings.support_target, support, settings.targets_dir),
    }
    if crm.url:
        known["crm"] = open_target("crm", settings.crm_target, crm, settings.targets_dir)
    for name, one in settings.targets.items():
        access = Access(one.url, one.user, one.password.get_secret_value())
        known[name] = open_target(name, one.description, access, settings.targets_dir)
    return known


def budgeted(known: Mapping[str, Target], rules: Rules, budgets: Budgets) -> dict[str, Target]:
    """The targets, those that have a budget behind it."""
    return {
        name: BudgetedTarget(target, rules.budgets[name], budgets) if name in rules.budgets else target
        for name, target in known.items()
    }


def begin(settings: Settings, contracts: Contracts) -> tuple[Vector, dict[str, str]]:
    """Fence older processes, then read where the flow stood in its inputs.

    Raises KafkaUnavailable, TopicRecreated, StartRefused.
    """
    client = admin(settings.kafka)
    ensure(client, topic_specs(settings.prefix, settings.partitions))
    demand_partitions(settings, client)
    topics = [contracts.topic("intent"), contracts.topic("decision")]
    counts = partition_counts(client, topics)
    end_older(settings, flow_id(settings))
    ids = topic_ids(client, topics)
    group = group_consumer(settings.kafka, flow_id(settings))
    try:
        return committed(group, [(topic, number) for topic in topics for number in range(counts[topic])], ids), ids
    finally:
        group.close()


def population(settings: Settings, contracts: Contracts, rules: Rules) -> Population:
    """The number of objects that shares are taken of, for the rules that have one."""
    client = admin(settings.kafka)

    def counter(kind: str) -> Callable[[], int]:
        topic = contracts.topic(COMPARED[kind].kind)
        return lambda: live_keys(settings.kafka, topic, partition_counts(client, [topic])[topic])

    shared = {rule.object for rule in rules.rules if rule.guard is not None or rule.cap_percent < 100}
    return Population({kind: counter(kind) for kind in sorted(shared)}, FLOW)


def restored(
    settings: Settings, contracts: Contracts, known: Mapping[str, Target], policy: Policy
) -> tuple[Dispatcher, AttentionTopic]:
    """The planner with every correction and hold of the compacted topics, and what people have been told of them.

    What was being sent is in doubt now.
    """
    started, client = time.monotonic(), admin(settings.kafka)

    def live(name: str) -> Iterator[Any]:
        topic = contracts.topic(name)
        found = latest(settings.kafka, topic, list(range(partition_counts(client, [topic])[topic])))
        return (contracts.read(value) for value in found.values())

    promises = {name: target.promise for name, target in known.items()}
    planner = Dispatcher(promises, policy, settings.corrections_keep_ms)
    records = [correction_from(record) for record in live("correction")]
    planner.restore(records, clock_ms(), [hold_from(record) for record in live("hold")])
    seconds = time.monotonic() - started
    metrics.RESTORE_SECONDS.labels(FLOW).set(seconds)
    logger(FLOW).info("restored", corrections=len(records), seconds=round(seconds, 3))
    return planner, AttentionTopic(contracts, settings.partitions, told(settings, contracts), records)


def build(
    settings: Settings,
    contracts: Contracts,
    start: tuple[Vector, dict[str, str]],
    pool: SenderPool,
    planner: Dispatcher,
    attention: AttentionTopic,
    chain: Chain,
    stopping: threading.Event,
) -> Dataflow:
    """Wire sources, planner and sink."""
    vector, ids = start

    def open_part(number: int) -> tuple[Consumer, Handler]:
        return reader(settings.kafka, flow_id(settings), vector, settings.queue_kbytes), read_inputs(contracts)

    def open_writer() -> DispatchWriter:
        name = flow_id(settings)
        config = TransactorConfig(
            settings.kafka, name, name, settings.transaction_timeout_ms, settings.producer_queue_messages
        )
        try:
            return DispatchWriter(Transactor(config, vector, ids), contracts, settings.partitions, pool, attention)
        except Overtook as error:
            logger(FLOW).warning("starting once more", reason=str(error))
            if stopping.is_set():
                os._exit(0)
            again()
        except StartRace as error:
            logger(FLOW).error("start refused", reason=str(error))
            os._exit(EXIT_FENCED)

    flow = Dataflow(FLOW)
    rest = Rest()
    source = KafkaSource(1, open_part, settings.batch_rows, stopping.is_set, FLOW, rest=rest)
    intents = op.input("intents", flow, source)
    results = op.input("results", flow, ResultSource(pool, stopping, rest))
    steps = op.stateful_batch(
        "plan", op.merge("inputs", intents, results), lambda _none: DispatchStage(planner, chain, stopping)
    )
    op.output("publish", steps, CutSink(open_writer))
    return flow


def run(
    settings: Settings,
    known: Mapping[str, Target],
    rules: Rules,
    stopping: threading.Event,
    open_pool: Callable[[Mapping[str, Target]], SenderPool] = SenderPool,
) -> int:
    """Run the flow over these targets until `stopping` is set; the exit code (0 stopped, 1 error, 2 refused).

    Raises KafkaUnavailable, RegistryError, ContractMissing.
    """
    pool = open_pool(known)
    try:
        contracts = bootstrap.contracts(settings)
        start = begin(settings, contracts)
        counted = population(settings, contracts, rules)
        planner, attention = restored(settings, contracts, known, Policy(rules, counted.counts))
        chain = Chain(newest_entry(settings.kafka, contracts))
        flow = build(settings, contracts, start, pool, planner, attention, chain, stopping)
        logger(FLOW).info("starting", targets=sorted(known))
        cli_main(flow, workers_per_process=1, epoch_interval=timedelta(milliseconds=settings.epoch_ms))
    except (TopicRecreated, StartRefused) as error:
        logger(FLOW).error("start refused", reason=str(error))
        return EXIT_REFUSED
    except (KafkaUnavailable, RegistryError, ContractMissing):
        raise
    except Exception as error:  # noqa: BLE001 the engine hides causes: the log must hold this one
        logger(FLOW).exception("flow ended by an error", reason=str(error))
        return 1
    finally:
        pool.close()
        for target in known.values():
            target.close()
    logger(FLOW).info("stopped")
    return 0


def main(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT, which end it within 10 s; returns the exit code. Raises as `run`, and PortTaken."""
    configure(settings.log_level)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        known, rules = targets(settings), load_rules(settings.ownership)
    except (DescriptionError, OwnershipError) as error:
        logger(FLOW).error("start refused", reason=str(error))
        return EXIT_REFUSED
    stop_metrics = metrics.serve(settings.metrics_port + METRICS_PORT_OFFSET if settings.metrics_port else 0)
    budgets = Budgets(settings.redis, settings.prefix)
    try:
        return run(settings, budgeted(known, rules, budgets), rules, stopping)
    finally:
        budgets.close()
        stop_metrics()


if __name__ == "__main__":
    sys.exit(main(load_settings()))
