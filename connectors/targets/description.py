"""Description files of targets: what every adapter has, and the REST adapter's paths, fields, tokens and error classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

#: Where the descriptions that come with Concord lie.
FOLDER = Path(__file__).resolve().parent


class DescriptionError(Exception):
    """A description file cannot be used; the message names the file, the place in it and the next step."""


class _Part(BaseModel):
    """Every part is closed: an unknown word is an error, not a wish."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FieldType(_Part):
    """How one desired field travels. `lines` is a list of objects whose `amounts` are decimal text."""

    type: Literal["text", "decimal", "boolean", "lines"]
    amounts: tuple[str, ...] = ()


class ObjectDescription(_Part):
    """One object: the resource that it is a part of, its path (filled in from ids and desired fields), its fields."""

    resource: str
    path: str = Field(pattern="^/")
    fields: dict[str, FieldType] = Field(min_length=1)


class Key(_Part):
    """The idempotency header and how long the target remembers a key."""

    header: str
    window_hours: float = Field(gt=0)


class Version(_Part):
    """The version token: the field of the body that holds it and the headers that condition a write on it."""

    field: str
    match_header: str = "If-Match"
    match_format: str = '"{token}"'
    absent_header: str = "If-None-Match"
    absent_value: str = "*"


class TracePlaces(_Part):
    """Fields of the body that a write's trace is sent in: each on its own, or all in one as `text`. All are optional."""

    correction: str | None = None
    frontier: str | None = None
    approver: str | None = None
    text: str | None = None

    @property
    def places(self) -> dict[str, str]:
        """Part of the trace -> field."""
        return {name: field for name, field in self.model_dump().items() if field}


class Errors(_Part):
    """Which answers mean what. `code` names the body's field with the business code; `not_yet` lists transient ones."""

    code: str = "code"
    message: str = "message"
    throttled: tuple[int, ...] = (429, 503)
    conflict: tuple[int, ...] = (409, 412)
    refused: tuple[int, ...] = (422,)
    not_yet: tuple[str, ...] = ()


class Timeouts(_Part):
    """In milliseconds. A read or write that takes longer is given up: for a write that means doubt."""

    connect_ms: int = Field(default=1000, ge=1)
    answer_ms: int = Field(default=5000, ge=1)


class Breaker(_Part):
    """After `failures` in a row nothing is asked for `pause_ms`; refusals by the target's rules do not count."""

    failures: int = Field(default=5, ge=1)
    pause_ms: int = Field(default=2000, ge=1)


class AdapterDescription(_Part):
    """What every description has. `adapter` says which one reads the rest of the file."""

    adapter: str
    concurrency: int = Field(default=8, ge=1, le=64)
    timeouts: Timeouts = Timeouts()
    breaker: Breaker = Breaker()


class Description(AdapterDescription):
    """One REST target."""

    adapter: Literal["rest"] = "rest"
    target: str
    tier: Literal["A", "B", "C"]
    key: Key | None = None
    version: Version | None = None
    trace: TracePlaces = TracePlaces()
    errors: Errors = Errors()
    objects: dict[str, ObjectDescription] = Field(min_length=1)

    @model_validator(mode="after")
    def tier_is_kept(self) -> Description:
        """Tier A needs a version token or a key store: a promise without its means is refused."""
        if self.tier == "A" and self.version is None and self.key is None:
            raise ValueError("tier A needs `version` or `key`; without both declare tier B or C")
        return self


Described = TypeVar("Described", bound=AdapterDescription)


def load(name: str, folder: Path = FOLDER) -> Description:
    """Read a REST target's `<folder>/<name>.yaml`; raises DescriptionError."""
    return parsed(name, raw(name, folder), Description, folder)


def raw(name: str, folder: Path = FOLDER) -> Any:
    """What the YAML file says, unchecked; raises DescriptionError."""
    path = folder / f"{name}.yaml"
    try:
        return yaml.safe_load(path.read_text())
    except FileNotFoundError as error:
        raise DescriptionError(f"target {name}: {path} does not exist. Next step: add the description file") from error
    except yaml.YAMLError as error:
        cause = " ".join(str(error).split())
        raise DescriptionError(f"target {name}: {path} is not YAML ({cause}). Next step: correct the file") from error


def parsed(name: str, told: Any, model: type[Described], folder: Path = FOLDER) -> Described:
    """The checked description; raises DescriptionError, which names the place in the file."""
    try:
        return model.model_validate(told)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise DescriptionError(
            f"target {name}: {folder / name}.yaml, {where}: {first['msg']}. Next step: correct the file"
        ) from error
