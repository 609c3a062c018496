"""Pre-flight: is everything that capture depends on in place? Nothing is changed.

code                          what is wrong
TEMPLATE_INVALID              connector.json missing, not JSON, or with a placeholder that nothing fills
CONNECTOR_SETTING             a setting that decoding relies on has another value
PUBLICATION_AUTOCREATE        the connector would make publications of its own
PARTITIONER_FORCED            the connector places records by another rule than the Java client's default (warning)
REGISTRY_UNREACHABLE          the schema registry does not answer
CONNECT_UNREACHABLE           Kafka Connect does not answer
CONNECTOR_NOT_INSTALLED       Debezium's PostgreSQL connector is not installed
CONNECTOR_TOO_OLD             it is older than 3.7.0, which may lose rows at a restart
KAFKA_UNREACHABLE             no broker answers
TRANSACTION_TOPIC_PARTITIONS  the transaction topic has, or would get, more than one partition
SOURCE_UNREACHABLE            the source's database does not answer
WAL_LEVEL, TABLE_MISSING, PUBLICATION_MISSING, PUBLICATION_DIFFERS, KEYLESS_SOURCE, REPLICA_IDENTITY,
NULL_REPLACED_BY_DEFAULT, CAPTURE_ROLE, SLOT_LOST   see connectors/sources/preflight_database.py
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import httpx

from connectors.kafka.topics import KafkaUnavailable, admin, partition_counts
from connectors.sources.capture import Capture
from connectors.sources.connect import Connect, ConnectUnreachable, TemplateError
from connectors.sources.database import SourceUnreachable, connect_source
from connectors.sources.partitioner import check_partitioner
from connectors.sources.preflight_database import CHECKS, ground
from connectors.sources.preflight_findings import Finding, Report

POSTGRES_CONNECTOR = "io.debezium.connector.postgresql.PostgresConnector"
OLDEST = (3, 7, 0)
PLATFORM = "platform"
NEEDED = {
    "provide.transaction.metadata": ("true", "without it no transaction can be put together"),
    "skipped.operations": ("none", "otherwise TRUNCATE is skipped in silence"),
    "tombstones.on.delete": ("true", "deleted rows must leave compacted topics"),
    "decimal.handling.mode": ("string", "double is inexact, precise cannot tell numeric without scale"),
    "time.precision.mode": ("microseconds", "adaptive changes the unit with the column's precision"),
    "interval.handling.mode": ("string", "intervals are otherwise turned into made-up microseconds"),
    "schema.name.adjustment.mode": ("avro", "names may be illegal in Avro"),
    "field.name.adjustment.mode": ("avro", "names may be illegal in Avro"),
}


def preflight(capture: Capture, sources: Iterable[str], bootstrap: str) -> Report:
    """Run every check for every source; raises nothing for what it is there to find."""
    passed: list[tuple[str, str]] = []
    findings: list[Finding] = []
    unchecked: list[tuple[str, str]] = []
    for check, found in (
        ("registry", check_registry(capture.registry_url.rstrip("/") + capture.registry_path)),
        ("connect", check_connect(capture.connect_url)),
    ):
        _note(passed, findings, PLATFORM, check, list(found))
    for source in sources:
        try:
            config = capture.config(source)
        except TemplateError as error:
            fix = f"correct {capture.folder(source) / 'connector.json'}"
            findings.append(Finding(source, "TEMPLATE_INVALID", "connector.json", str(error), fix))
            unchecked.append((source, "everything else"))
            continue
        _note(passed, findings, source, "settings", list(check_settings(source, config)))
        _note(passed, findings, source, "partitioner", list(check_partitioner(source, config)))
        _note(passed, findings, source, "transaction topic", list(check_transaction_topic(source, config, bootstrap)))
        _check_database(capture, source, config, passed, findings, unchecked)
    return Report(tuple(passed), tuple(dict.fromkeys(findings)), tuple(unchecked))


def _note(
    passed: list[tuple[str, str]], findings: list[Finding], source: str, check: str, found: list[Finding]
) -> None:
    if found:
        findings += found
    else:
        passed.append((source, check))


def _check_database(
    capture: Capture,
    source: str,
    config: dict[str, str],
    passed: list[tuple[str, str]],
    findings: list[Finding],
    unchecked: list[tuple[str, str]],
) -> None:
    try:
        conn = connect_source(capture.dsn(source))
    except SourceUnreachable as error:
        fix = "start the database, or set CONCORD_POSTGRES"
        database = config["database.dbname"]
        findings.append(
            Finding(source, "SOURCE_UNREACHABLE", f"database {database}", str(error).split(". Next step")[0], fix)
        )
        unchecked += [(source, check) for check in CHECKS]
        return
    with conn:
        at = ground(source, config, conn)
        for check, function in CHECKS.items():
            _note(passed, findings, source, check, list(function(at)))


def check_registry(url: str) -> Iterator[Finding]:
    """The schema registry answers at `url`, the base of its Confluent-compatible API."""
    try:
        httpx.get(f"{url}/subjects", timeout=5.0).raise_for_status()
    except httpx.HTTPError as error:
        fix = "start it (`concord stack up`) or set CONCORD_REGISTRY"
        yield Finding(
            PLATFORM, "REGISTRY_UNREACHABLE", f"registry {url}", f"does not answer ({str(error).splitlines()[0]})", fix
        )


def check_connect(url: str, client: httpx.Client | None = None) -> Iterator[Finding]:
    """Kafka Connect answers and has a connector that is new enough."""
    thing = f"Kafka Connect {url}"
    try:
        with Connect(url, client) as connect:
            version = connect.versions().get(POSTGRES_CONNECTOR)
    except ConnectUnreachable as error:
        fix = "start it (`concord stack up`) or set CONCORD_CONNECT"
        yield Finding(PLATFORM, "CONNECT_UNREACHABLE", thing, str(error).split(". Next step")[0], fix)
        return
    if version is None:
        fix = "install debezium-connector-postgres 3.7.0.Final into plugin.path and restart the worker"
        yield Finding(PLATFORM, "CONNECTOR_NOT_INSTALLED", thing, f"has no {POSTGRES_CONNECTOR}", fix)
    elif version_number(version) < OLDEST:
        problem = f"runs Debezium {version}; before 3.7.0 a restart may lose committed rows"
        yield Finding(PLATFORM, "CONNECTOR_TOO_OLD", thing, problem, "install 3.7.0.Final or newer")


def version_number(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: '3.7.0.Final' is (3, 7, 0); an unreadable one is () and so too old."""
    match = re.match(r"\d+(\.\d+){0,2}", version)
    return tuple(int(part) for part in match.group().split(".")) if match else ()


def check_settings(source: str, config: dict[str, str]) -> Iterator[Finding]:
    """The connector writes what Concord can decode exactly."""
    for name, (value, why) in NEEDED.items():
        if config.get(name) != value:
            problem = f"is {config.get(name, 'not set')}, must be {value}: {why}"
            yield Finding(source, "CONNECTOR_SETTING", name, problem, f"set {name}={value} in connector.json")
    if config.get("publication.autocreate.mode") != "disabled":
        yield Finding(
            source,
            "PUBLICATION_AUTOCREATE",
            "publication.autocreate.mode",
            f"is {config.get('publication.autocreate.mode', 'all_tables by default')}: the connector would publish by itself, "
            "and tables without a primary key then refuse every UPDATE",
            "set publication.autocreate.mode=disabled; prepare.sql makes the publication",
        )


def check_transaction_topic(source: str, config: dict[str, str], bootstrap: str) -> Iterator[Finding]:
    """BEGIN and END have different keys, so their order holds only within one partition."""
    topic = f"{config.get('topic.prefix', source)}.transaction"
    try:
        present = partition_counts(admin(bootstrap), [topic]).get(topic)
    except KafkaUnavailable as error:
        fix = "start it (`concord stack up`) or set CONCORD_KAFKA"
        yield Finding(PLATFORM, "KAFKA_UNREACHABLE", f"Kafka {bootstrap}", str(error).split(". Next step")[0], fix)
        return
    if present is not None and present != 1:
        fix = "stop the connector, delete the topic and register again: the connector makes it with one partition"
        yield Finding(source, "TRANSACTION_TOPIC_PARTITIONS", topic, f"has {present} partitions, must have 1", fix)
    planned = planned_partitions(config, topic)
    if present is None and planned != "1":
        problem = f"would be created with {planned} partitions, must have 1"
        fix = f"add a topic.creation group that includes {topic} with partitions=1"
        yield Finding(source, "TRANSACTION_TOPIC_PARTITIONS", topic, problem, fix)


def planned_partitions(config: dict[str, str], topic: str) -> str:
    """Partitions that Kafka Connect would give the topic: those of the first group that includes it, else the default."""
    for group in config.get("topic.creation.groups", "").split(","):
        patterns = config.get(f"topic.creation.{group.strip()}.include", "")
        if group.strip() and any(
            re.fullmatch(pattern.strip(), topic) for pattern in patterns.split(",") if pattern.strip()
        ):
            return config.get(f"topic.creation.{group.strip()}.partitions", "the broker's default number of")
    return config.get("topic.creation.default.partitions", "the broker's default number of")
