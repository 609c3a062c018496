"""Does a connector place records where the Java client would? Looked at before capture begins and at each start."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from connectors.sources.connect import TemplateError, load_template
from connectors.sources.preflight_findings import Finding

#: settings by which a connector is made to choose partitions itself -> the value that leaves it to the default rule
_PLACING = {
    "producer.override.partitioner.class": "",
    "producer.override.partitioner.ignore.keys": "false",
}
#: a transform that chooses partitions by columns
_ROUTING = "io.debezium.transforms.partitions.PartitionRouting"


def check_partitioner(source: str, config: Mapping[str, str]) -> Iterator[Finding]:
    """Records of one key lie where every Java client puts them, so that others can join without moving them."""
    forced = [name for name, usual in _PLACING.items() if config.get(name, usual) != usual]
    routed = [f"{name}.type" for name in transforms(config) if config.get(f"{name}.type") == _ROUTING]
    for name in forced + routed:
        yield Finding(
            source,
            "PARTITIONER_FORCED",
            name,
            f"is {config[name]}: co-partitioning with Java is lost. Services that join the row topics by key find rows of "
            "a key in other partitions than the default rule (murmur2) gives, and a row of an incremental snapshot may "
            "overtake changes of its key",
            f"remove {name} from connector.json; topics that were written with it have to be made anew",
            "warning",
        )


def transforms(config: Mapping[str, str]) -> list[str]:
    """Prefixes of the settings of the connector's transforms, in their order."""
    return [f"transforms.{name.strip()}" for name in config.get("transforms", "").split(",") if name.strip()]


def forced_partitioners(sources_dir: Path, sources: Iterable[str]) -> Iterator[Finding]:
    """What the sources' connector.json force, where there is one; the flow itself runs without."""
    for source in sources:
        with suppress(TemplateError):
            yield from check_partitioner(source, load_template(sources_dir / source / "connector.json"))
