"""The start of the canonical flow, before any record is read: check, fence, read the offsets, read where it stood."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from connectors.contracts import Contracts, topic_specs
from connectors.kafka.offsets import Overtook, Vector, committed, fence, group_consumer
from connectors.kafka.restore import read_to_end
from connectors.kafka.topics import RETAIN, TopicSpec, ensure, partition_counts, topic_ids
from connectors.kafka.transactor import TransactorConfig
from connectors.laps import Laps
from connectors.log import logger
from connectors.mappings.versions import RULES, Version, Versions, edited, installed, stored
from connectors.sources.partitioner import forced_partitioners
from dataflows.settings import Settings
from state.model import Model
from state.step import Position

#: partitions of a row topic that Concord has to create because its table has no row yet
ROW_PARTITIONS = 4
#: code of a start on topics whose partitions are not those that their records were placed by
PARTITIONS_CHANGED = "PARTITIONS_CHANGED"
#: offsets before the end of the progress topic that a start looks at first
PROGRESS_TAIL = 2_000


class StartRefused(Exception):
    """The flow must not start; the message says what is wrong and what to do."""


class CannotRepartition(Exception):
    """The topics cannot be made anew; the message says why and what to do."""


class NotBegun(Exception):
    """There is no start, and `code` is the exit code; the message says why and what to do."""

    def __init__(self, reason: str, code: int) -> None:
        """2: it is refused; 3: another start has taken over."""
        super().__init__(reason)
        self.code = code


@dataclass(slots=True)
class Start:
    """What every process of one start shares: the offsets to read from and the position they belong to."""

    vector: Vector
    ids: dict[str, str]
    commit: int = 0
    position: Position = field(default_factory=Position)
    #: mappings and rules that the flow runs with, and those that the last cut was made with
    versions: Versions = field(default_factory=dict)
    before: Versions = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For the other processes of this start."""
        return {**asdict(self), "vector": [[topic, number, offset] for (topic, number), offset in self.vector.items()]}

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Start:
        """What `as_json` gave."""
        vector = {(topic, number): offset for topic, number, offset in found["vector"]}
        versions, before = ({k: Version(*v) for k, v in found[name].items()} for name in ("versions", "before"))
        return cls(vector, found["ids"], found["commit"], Position(**found["position"]), versions, before)


def transactional_id(settings: Settings) -> str:
    """One per prefix and flow: a second start fences the first."""
    return f"{settings.prefix}{settings.flow}"


def transactor_config(settings: Settings) -> TransactorConfig:
    """The flow's transactional producer."""
    name = transactional_id(settings)
    return TransactorConfig(
        settings.kafka, name, name, settings.transaction_timeout_ms, settings.producer_queue_messages
    )


def input_topics(model: Model) -> dict[str, int]:
    """Topics that the flow reads, with the partitions they get where they do not exist yet."""
    topics = {table.input_topic: ROW_PARTITIONS for table in model.tables}
    for source in model.sources:
        topics[source.transaction_topic] = 1
        if source.snapshot != "none":
            topics[source.notification_topic] = 1
    return topics


def prepare_topics(settings: Settings, model: Model, client: AdminClient) -> dict[str, int]:
    """Make sure that every topic exists; returns the input topics' partitions. Raises StartRefused."""
    wanted = input_topics(model)
    ensure(client, topic_specs(settings.prefix, settings.partitions))
    ensure(client, [TopicSpec(name, parts, RETAIN) for name, parts in wanted.items()])
    counts = partition_counts(client, list(wanted))
    for source in model.sources:
        if counts.get(source.transaction_topic) != 1:
            raise StartRefused(
                f"topic {source.transaction_topic} has {counts.get(source.transaction_topic)} partitions; BEGIN and END "
                f"have different keys, so it needs exactly one. Next step: delete it, create it with one partition"
            )
    demand_partitions(settings, client)
    return counts


def demand_partitions(settings: Settings, client: AdminClient) -> None:
    """See that every output topic has the partitions that it was made with. Raises StartRefused."""
    specs = {spec.name: spec.partitions for spec in topic_specs(settings.prefix, settings.partitions)}
    counts = partition_counts(client, list(specs))
    others = {name: n for name, n in counts.items() if n != specs[name]}
    if not others:
        return
    keyed = {counts[name] for name, wanted in specs.items() if wanted == settings.partitions and name in counts}
    name, found = next(iter(others.items()))
    if len(keyed) == 1 and specs[name] == settings.partitions:
        fix = f"set CONCORD_PARTITIONS={found}; `concord topics repartition` changes the number"
    else:
        fix = (
            "keys would lie elsewhere than readers look for them: start anew under another CONCORD_PREFIX, "
            "and change the number with `concord topics repartition` alone"
        )
    raise StartRefused(
        f"{PARTITIONS_CHANGED}: topic {name} has {found} partitions and must have {specs[name]}. Next step: {fix}"
    )


def end_older(settings: Settings, name: str) -> None:
    """Fence older processes of the flow with this transactional id. Raises StartRefused."""
    try:
        fence(settings.kafka, name, settings.transaction_timeout_ms)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.INVALID_TRANSACTION_TIMEOUT:
            raise
        raise StartRefused(
            f"CONCORD_TRANSACTION_TIMEOUT_MS is {settings.transaction_timeout_ms}, more than the broker's "
            f"transaction.max.timeout.ms. Next step: lower the one, to no less than the largest transaction of a source "
            f"takes, or raise the other"
        ) from error


def begin(settings: Settings, model: Model, contracts: Contracts, client: AdminClient, laps: Laps) -> Start:
    """Fence older processes, then read the offsets and the position that were committed together.

    Raises StartRefused, before anything is fenced, for a mapping that was edited without a new version.
    """
    counts = prepare_topics(settings, model, client)
    warn_of_partitioners(settings)
    versions = installed(settings.sources_dir, settings.sources, settings.ownership)
    refuse_edits(settings, stored(last_progress(settings, contracts) or {}), versions)
    laps.lap("topics")
    end_older(settings, transactional_id(settings))
    laps.lap("fence")
    ids = topic_ids(client, list(counts))
    partitions = [(topic, number) for topic, parts in counts.items() for number in range(parts)]
    group = group_consumer(settings.kafka, transactional_id(settings))
    try:
        vector = committed(group, partitions, ids)
    finally:
        group.close()
    start = Start(vector, ids, versions=versions)
    last = last_progress(settings, contracts)
    if last is not None:
        start.commit, start.before = last["commit"], stored(last)
        start.position = Position(last["frontier"], last["clock_ms"], last["counts"], last["snapshots"], last["live"])
    elif any(vector.values()):
        raise StartRefused(
            f"group {transactional_id(settings)} has committed offsets but {contracts.topic('progress')} is empty: the "
            f"output topics were deleted. Next step: delete the group too, and the view is built anew from the inputs"
        )
    laps.lap("offsets")
    return start


def warn_of_partitioners(settings: Settings) -> None:
    """Tell by name which settings of the sources' connectors place records by another rule than the Java client's."""
    for found in forced_partitioners(settings.sources_dir, settings.sources):
        logger(settings.flow).warning(
            "partitioner forced",
            code=found.code,
            source=found.source,
            setting=found.thing,
            problem=found.problem,
            next_step=found.fix,
        )


def refuse_edits(settings: Settings, before: Versions, now: Versions) -> None:
    """A version stands for one content: the published records name it. Raises StartRefused."""
    for name in edited(before, now):
        path = settings.ownership if name == RULES else settings.sources_dir / name / "mapping.yaml"
        version = now[name].version
        raise StartRefused(
            f"{path} says version {version}, but not what it said when the last cut was made with version {version}. "
            f"Next step: raise `version`, and the view is derived anew; or restore the file"
        )


def demand_newest(settings: Settings, contracts: Contracts, commit: int) -> None:
    """See that no cut came after `commit`, perhaps one that moved no offset. Raises Overtook."""
    last = last_progress(settings, contracts)
    newest = last["commit"] if last else 0
    if newest != commit:
        raise Overtook(
            f"another start of {transactional_id(settings)} has published commit {newest} meanwhile, this one stands at "
            f"{commit}. Next step: start again; only one of them goes on"
        )


def last_progress(settings: Settings, contracts: Contracts) -> dict[str, Any] | None:
    """The newest progress record of this flow: in the topic's last offsets, or wherever it is."""
    for tail in (PROGRESS_TAIL, None):
        newest = None
        for batch in read_to_end(settings.kafka, contracts.topic("progress"), [0], tail):
            for message in batch:
                if message.key() == settings.flow.encode() and message.value() is not None:
                    newest = message.value()
        if newest is not None:
            return dict(contracts.read(newest))
    return None
