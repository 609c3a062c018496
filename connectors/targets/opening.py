"""Which adapter serves a target: the description file says it, the address and the login come from the settings."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from connectors.targets.description import FOLDER, Description, DescriptionError, parsed, raw
from connectors.targets.protocol import Target
from connectors.targets.request_tracker import RequestTrackerDescription, RequestTrackerTarget
from connectors.targets.rest import RestTarget
from connectors.targets.tryton import TrytonDescription, TrytonTarget


class Access(NamedTuple):
    """Where a target is, and as whom we come (empty where it asks for nobody)."""

    url: str
    user: str = ""
    password: str = ""


def open_target(name: str, description: str, access: Access, folder: Path = FOLDER) -> Target:
    """The adapter of target `name` as `<folder>/<description>.yaml` says. Raises DescriptionError."""
    told = raw(description, folder)
    adapter = told.get("adapter", "rest") if isinstance(told, dict) else None
    login = (access.user, access.password)
    if adapter == "tryton":
        return TrytonTarget(name, parsed(description, told, TrytonDescription, folder), access.url, login)
    if adapter == "request_tracker":
        described = parsed(description, told, RequestTrackerDescription, folder)
        return RequestTrackerTarget(name, described, access.url, login)
    if adapter == "rest":
        rest = parsed(description, told, Description, folder)
        if rest.target != name:
            reason = f"it describes {rest.target!r}. Next step: correct `target` in it, or name another file"
            raise DescriptionError(f"target {name}: {folder / description}.yaml, target: {reason}")
        return RestTarget(rest, access.url, login=login)
    known = "rest, tryton, request_tracker"
    raise DescriptionError(
        f"target {name}: {folder / description}.yaml, adapter: {adapter!r} is none of {known}. Next step: correct the file"
    )
