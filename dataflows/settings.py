"""Settings of every flow and command: environment (CONCORD_*), then `.stack/stack.json`, then defaults."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    DirectoryPath,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as UnparsableError

#: what a topic name may be made of
NAME = r"^[A-Za-z0-9._-]+$"
URL = r"^https?://\S+$"
BOOTSTRAP = r"^[^,\s]+:\d+(,[^,\s]+:\d+)*$"
ADDRESS = r"^[^,\s:]+:\d{1,5}$"
REDIS = r"^(rediss?|unix)://\S+$"
CONNINFO = r"^(postgres(ql)?://\S+|(\s*\w+\s*=\s*('[^']*'|[^'\s]\S*))+\s*)$"
ROOT = Path(__file__).resolve().parent.parent


class SettingsError(Exception):
    """A setting is missing or wrong; the message names it and the next step. Exit code 2."""


def stack_dir() -> Path:
    """The folder of the embedded stack: CONCORD_STACK_DIR or `.stack` in the repository."""
    return Path(os.environ.get("CONCORD_STACK_DIR") or ROOT / ".stack")


class StackFile(PydanticBaseSettingsSource):
    """Addresses that `concord stack up` wrote; used where the environment says nothing."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """Not used: the whole file is one dictionary."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """The known keys of stack.json, or nothing if no stack was started here."""
        path = stack_dir() / "stack.json"
        if not path.exists():
            return {}
        known: dict[str, Any] = json.loads(path.read_text())
        return {k: v for k, v in known.items() if k in self.settings_cls.model_fields}


class FurtherTarget(BaseModel):
    """A target besides the ERP, the support system and the CRM: its description file, where it is, and as whom we come."""

    model_config = ConfigDict(extra="forbid")

    description: str = Field(pattern=NAME)
    url: str = Field(pattern=URL)
    user: str = ""
    password: SecretStr = SecretStr("")


class Settings(BaseSettings):
    """Everything that can be configured. Times in milliseconds, sizes in bytes, unless the name says otherwise."""

    model_config = SettingsConfigDict(env_prefix="CONCORD_", extra="ignore")

    kafka: str = Field(
        "127.0.0.1:27092", pattern=BOOTSTRAP, description="Kafka bootstrap servers, host:port[,host:port]"
    )
    connect: str = Field("http://127.0.0.1:27083", pattern=URL, description="Kafka Connect REST address")
    registry: str = Field(
        "http://127.0.0.1:27081",
        pattern=URL,
        description="schema registry address (Confluent API below /apis/ccompat/v7)",
    )
    registry_path: str = Field(
        "/apis/ccompat/v7", description="path of the Confluent-compatible API; empty for Confluent's registry"
    )
    redis: str = Field(
        "redis://127.0.0.1:27079/0", pattern=REDIS, description="Redis or Valkey URL of the look-up store"
    )
    postgres: str = Field(
        "host=127.0.0.1 port=27032 user=postgres",
        pattern=CONNINFO,
        description="libpq connection string that sources are reached with; the database is added per source",
    )
    erp_url: str = Field("http://127.0.0.1:27051", pattern=URL, description="address of the ERP's HTTP service")
    support_url: str = Field(
        "http://127.0.0.1:27052", pattern=URL, description="address of the support system's HTTP service"
    )
    targets_dir: Path = Field(
        ROOT / "connectors" / "targets", description="folder of the descriptions of targets, one YAML file each"
    )
    erp_target: str = Field(
        "erp", pattern=NAME, description="description of the ERP as a target: erp (the demo's), tryton, or your own"
    )
    erp_user: str = Field("", description="user that corrections are written as in the ERP, where it asks for one")
    erp_password: SecretStr = Field(SecretStr(""), description="that user's password")
    support_target: str = Field(
        "support",
        pattern=NAME,
        description="description of the support system as a target: support (the demo's), request_tracker, or your own",
    )
    support_user: str = Field(
        "", description="user that corrections are written as in the support system, where it asks for one"
    )
    support_password: SecretStr = Field(SecretStr(""), description="the password of the user in the support system")
    crm_url: str = Field("", pattern=f"^$|{URL}", description="address of the CRM's HTTP service; empty: there is none")
    crm_target: str = Field(
        "crm", pattern=NAME, description="description of the CRM as a target: crm (the demo's), or your own"
    )
    crm_user: str = Field("", description="user that corrections are written as in the CRM, where it asks for one")
    crm_password: SecretStr = Field(SecretStr(""), description="the password of the user in the CRM")
    targets: dict[str, FurtherTarget] = Field(
        {}, description="further targets that routes lead to, JSON: {name: {description, url, user, password}}"
    )
    prefix: str = Field("concord.", pattern=NAME, description="prefix of every output topic")
    sources_dir: Path = Field(ROOT / "debezium", description="folder that holds one folder per source")
    sources: tuple[str, ...] = Field(
        ("billing", "erp", "support"), min_length=1, description="names of the sources, JSON list"
    )
    ownership: Path = Field(ROOT / "debezium" / "ownership.yaml", description="ownership rules")
    contracts_dir: Path = Field(ROOT / "avro", description="folder of the published Avro contracts")
    subjects: Literal["topic", "record", "topic_record"] = Field(
        "topic", description="what output subjects are named after: topic (with -value), record, or topic_record"
    )
    partitions: int = Field(4, ge=1, le=512, description="partitions of every keyed output topic")
    flow: str = Field(
        "canonical", pattern=NAME, description="name of the canonical flow: key of its progress, part of its group"
    )
    hot_accounts: int = Field(
        100_000, ge=0, description="accounts that stay decoded in memory; those longest untouched are kept as bytes"
    )
    slice_rows: int = Field(
        10_000,
        ge=1,
        description="a transaction of more rows is kept in a scratch file and published in slices of about so many",
    )
    scratch_dir: DirectoryPath | Literal[""] = Field(
        "", description="folder of scratch files for large transactions; empty: that for temporary files (TMPDIR)"
    )
    epoch_ms: int = Field(50, ge=5, le=10_000, description="least time from a cut to the next; in a backlog it is more")
    batch_rows: int = Field(2000, ge=1, le=100_000, description="most messages that one poll takes")
    queue_kbytes: int = Field(8_192, ge=1024, description="most bytes that the consumer's fetch queue holds")
    transaction_timeout_ms: int = Field(
        900_000, ge=5000, description="most time that a cut may take: after it the broker aborts the Kafka transaction"
    )
    producer_queue_messages: int = Field(
        200_000, ge=100, description="most messages in the local producer queue; reading pauses beyond it"
    )
    processes: int = Field(1, ge=1, le=64, description="processes of the canonical flow")
    cluster_port: int = Field(
        27120, ge=1024, le=65000, description="first inter-process port of the canonical flow, loopback only"
    )
    addresses: tuple[str, ...] = Field(
        (),
        description="host:port of every process of the canonical flow on several hosts, JSON list, the same everywhere",
    )
    process: int = Field(
        0, ge=0, le=63, validate_default=True, description="which of CONCORD_ADDRESSES this process is, from 0"
    )
    meeting_port: int = Field(
        27119, ge=1024, le=65535, description="port at the host of process 0 where the processes of several hosts meet"
    )
    corrections_keep_ms: int = Field(
        604_800_000, ge=3_600_000, description="how long the records of ended corrections stay in their topic"
    )
    metrics_port: int = Field(
        27061, ge=0, le=65535, description="port of the metrics endpoint on loopback; 0 turns it off"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="debug, info, warning or error")

    @field_validator("addresses")
    @classmethod
    def _addresses_are_processes(cls, value: tuple[str, ...], known: ValidationInfo) -> tuple[str, ...]:
        """Each is host:port, none is there twice, and there are as many as processes were asked for."""
        if wrong := [one for one in value if not re.match(ADDRESS, one) or value.count(one) > 1]:
            raise ValueError(f"{wrong[0]!r} is not host:port, or there twice")
        if len(value) == 1 or (value and known.data.get("processes", 1) not in (1, len(value))):
            raise ValueError(f"{len(value)} addresses for {known.data['processes']} processes of CONCORD_PROCESSES")
        return value

    @field_validator("process")
    @classmethod
    def _process_has_an_address(cls, value: int, known: ValidationInfo) -> int:
        """0 where there are no addresses."""
        if value >= max(1, len(known.data.get("addresses", ()))):
            raise ValueError(f"there are {len(known.data.get('addresses', ()))} CONCORD_ADDRESSES, counted from 0")
        return value

    @model_validator(mode="after")
    def _count_processes(self) -> Settings:
        """As many as there are addresses."""
        if self.addresses:
            self.processes = len(self.addresses)
        return self

    @property
    def registry_api(self) -> str:
        """Base address of the registry's Confluent-compatible API."""
        return self.registry.rstrip("/") + self.registry_path

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then the embedded stack's own file."""
        return (init_settings, env_settings, StackFile(settings_cls))


def load_settings(**overrides: Any) -> Settings:
    """Read the settings; raises SettingsError with one line that names the setting and what is wrong with it."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        wanted = Settings.model_fields[name].description if name in Settings.model_fields else "?"
        raise SettingsError(
            f"setting CONCORD_{name.upper()} is wrong: {first['msg']} (given: {first['input']!r}); wanted is: {wanted}. "
            f"Next step: see docs/settings.md and set it again"
        ) from error
    except UnparsableError as error:
        name = next((n for n in Settings.model_fields if f'"{n}"' in str(error)), "")
        raise SettingsError(
            f"setting CONCORD_{name.upper()} is wrong: {error}; it must be JSON, such as "
            f'["billing"]. Next step: see docs/settings.md and set it again'
        ) from error
    except json.JSONDecodeError as error:
        raise SettingsError(
            f"{stack_dir() / 'stack.json'} is not JSON ({error}). Next step: run `concord stack up` again"
        ) from error
