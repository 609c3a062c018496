"""Which mapping and which ownership rules are installed: the version that a person gave, and a hash of what the file says.

The hash is of the data, not of the text: comments, order and layout do not count.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from connectors.mappings.loading import MappingError
from connectors.mappings.located_yaml import Located
from connectors.mappings.ownership import OwnershipError

#: stands for the ownership rules where versions are listed; no source can have this name
RULES = "ownership.yaml"


#: what of a table decides which rows count and to which account they belong
_PLACING = ("key", "account", "links", "only", "partitions")
#: the same, of the few tables that have it: without it they hash to what they did before it counted
_PLACING_TOO = ("merged",)


class Version(NamedTuple):
    """A file's `version`, what its data hashes to, and what of it places rows hashes to (empty for the rules)."""

    version: int
    hash: str
    placing: str


#: source name, or RULES -> version
Versions = dict[str, Version]


def installed(
    sources_dir: Path, sources: Sequence[str], ownership: Path, folders: Mapping[str, Path] | None = None
) -> Versions:
    """Versions of files that were loaded before, so they are known to be valid; `folders` as for `load_model`."""
    paths = {name: (folders or {}).get(name, sources_dir / name) / "mapping.yaml" for name in sources}
    found = {name: _version(Located(path, MappingError).data) for name, path in paths.items()}
    return found | {RULES: _version(Located(ownership, OwnershipError).data)}


def _version(data: dict[str, Any]) -> Version:
    tables = {
        name: {part: table.get(part) for part in _PLACING}
        | {part: table[part] for part in _PLACING_TOO if part in table}
        for name, table in data.get("tables", {}).items()
        if "ignore" not in table
    }
    return Version(data["version"], _hash({**data, "version": None}), _hash(tables) if tables else "")


def _hash(data: Any) -> str:
    text = json.dumps(_plain(data), sort_keys=True, separators=(",", ":"), default=str)
    return sha256(text.encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    """Keys as text: a value map may mix numbers and words, which cannot be sorted together."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def stored(record: Mapping[str, Any]) -> Versions:
    """The versions in a progress record; none in one that an older Concord wrote."""
    return {
        name: Version(one["version"], one["hash"], one["placing"]) for name, one in record.get("mappings", {}).items()
    }


def header(versions: Versions) -> bytes:
    """The value of a record's header: JSON {name: version}."""
    return json.dumps({name: one.version for name, one in versions.items()}, separators=(",", ":")).encode()


def edited(before: Versions, now: Versions) -> list[str]:
    """Names whose data changed while the version stayed."""
    return [
        name
        for name, one in now.items()
        if name in before and before[name].version == one.version and before[name].hash != one.hash
    ]


def places_anew(before: Versions, now: Versions) -> bool:
    """Whether rows may belong to other accounts than they are stored under."""
    return any(name in before and before[name].placing != one.placing for name, one in now.items())


def words(before: Versions, now: Versions) -> str:
    """What changed, for a log line: 'billing 1 -> 2'."""
    names = sorted(before.keys() | now.keys())
    return ", ".join(
        f"{name} {before[name].version if name in before else '-'} -> {now[name].version if name in now else '-'}"
        for name in names
        if before.get(name) != now.get(name)
    )
