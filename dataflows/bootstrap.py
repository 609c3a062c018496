"""The one place that builds adapters from settings."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from connectors.contracts import Contracts
from connectors.debezium import Decoder, LastCommit, Peek
from connectors.mapping import load_model
from connectors.ownership import load_rules
from connectors.registry import Registry
from dataflows.settings import Settings
from state.model import Model
from state.shard import Shard


def model(settings: Settings) -> Model:
    """Sources and tables of the mappings. Raises MappingError."""
    return load_model(settings.sources_dir, settings.sources)


def registry(settings: Settings) -> Registry:
    """The schema registry's client."""
    return Registry(settings.registry.rstrip("/") + settings.registry_path)


def contracts(settings: Settings) -> tuple[Contracts, Registry]:
    """Writers of the output topics, and the registry that knows their ids."""
    client = registry(settings)
    return Contracts(client, settings.contracts_dir, settings.prefix), client


def peek(tables: Model, client: Registry) -> Peek:
    """The cheap look at every captured record."""
    return Peek(client, tables)


def last_commit(client: Registry) -> Callable[[bytes], int | None]:
    """Position of the commit before the row's own, from its frame."""
    return LastCommit(client)


def shard(settings: Settings, tables: Model, client: Registry) -> Shard:
    """A shard with its decoder and the ownership rules."""
    decoder = Decoder(client)
    return Shard(tables, decoder.row, load_rules(settings.ownership), reencode=decoder.reencode)


def as_environment(settings: Settings) -> dict[str, str]:
    """Settings as environment values, for the other processes of a flow."""
    values: dict[str, Any] = settings.model_dump(mode="json")
    return {k: v if isinstance(v, str) else json.dumps(v) for k, v in values.items()}
