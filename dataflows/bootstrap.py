"""The one place that builds adapters from settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from connectors import compiled_state
from connectors.avro import native
from connectors.capturing.column_types import fields_of
from connectors.capturing.debezium import Decoder, LastCommit, Peek
from connectors.capturing.frames import Schemas
from connectors.capturing.mapped_rows import MappedRows
from connectors.capturing.schema_folder import SchemaFolder
from connectors.contracts import Contracts
from connectors.log import logger
from connectors.mappings.loading import load_model
from connectors.mappings.ownership import load_rules
from connectors.registry import Registry
from dataflows.settings import Settings
from state.model import Model
from state.shard import Shard

#: bound of one question in the middle of a stream, where a stop must be heard and cuts be committed meanwhile
STREAM_TIMEOUT_S, STREAM_ATTEMPTS = 4.0, 2


def model(settings: Settings) -> Model:
    """Sources and tables of the mappings. Raises MappingError."""
    return load_model(settings.sources_dir, settings.sources)


def schemas(settings: Settings, folder: Path | None = None) -> Schemas:
    """Writer schemas of captured records, for the middle of a stream; `folder` is that of a start with several processes."""
    client = Registry(settings.registry_api, timeout_s=STREAM_TIMEOUT_S, attempts=STREAM_ATTEMPTS)
    return client if folder is None else SchemaFolder(client, folder)


def contracts(settings: Settings) -> Contracts:
    """Writers of the output topics, every contract registered: writing needs no registry. Raises RegistryError."""
    client = Registry(settings.registry_api)
    out = Contracts(client, settings.contracts_dir, settings.prefix, settings.subjects)
    out.register()
    return out


def published(settings: Settings) -> Contracts:
    """Readers of the output topics, for those who only look: nothing is registered."""
    return Contracts(Registry(settings.registry_api), settings.contracts_dir, settings.prefix, settings.subjects)


def peek(tables: Model, known: Schemas) -> Peek:
    """The cheap look at every captured record; the log says which codec looks, and warns where a build does not fit."""
    log = logger("codec")
    told = {"codec": native.codec(), "reason": native.reason()}
    told |= {"state": compiled_state.kind(), "state_reason": compiled_state.reason()}
    (log.warning if native.misfit() or compiled_state.misfit() else log.info)("codec", **told)
    return Peek(known, tables)


def last_commit(known: Schemas) -> Callable[[bytes], int | None]:
    """Position of the commit before the row's own, from its frame."""
    return LastCommit(known)


def shards(settings: Settings, tables: Model, known: Schemas) -> Callable[[], Shard]:
    """Opens shards that share one decoder and the ownership rules."""
    decoder, mapped, rules = (
        Decoder(known, fields=fields_of(tables)),
        MappedRows(known, tables),
        load_rules(settings.ownership),
    )
    hot_max = max(1, settings.hot_accounts // settings.partitions)
    return lambda: Shard(tables, decoder.row, rules, reencode=decoder.reencode, mapped=mapped, hot_max=hot_max)
