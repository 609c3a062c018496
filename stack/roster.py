"""Which components there are, and what starting one of them takes."""

from __future__ import annotations

from collections.abc import Collection

from stack.component import Component
from stack.connect import Connect
from stack.errors import WrongSetting
from stack.kafka import Kafka
from stack.postgres import Postgres
from stack.real.request_tracker import RequestTracker
from stack.real.tryton import Tryton
from stack.redis import Redis
from stack.registry import Registry

# in an order in which each comes after those that it needs
COMPONENTS: dict[str, Component] = {one.name: one for one in (Postgres(), Kafka(), Registry(), Connect(), Redis())}

# real systems to write corrections to: started only when they are named, stopped and wiped with the rest
TARGET_SYSTEMS: dict[str, Component] = {one.name: one for one in (Tryton(), RequestTracker())}
ALL = COMPONENTS | TARGET_SYSTEMS


def component_named(name: str) -> Component:
    """The component of that name; WrongSetting lists the names if there is none."""
    if name not in ALL:
        raise WrongSetting(
            f"the stack has no component {name!r}",
            f"use one of {', '.join(ALL)}",
        )
    return ALL[name]


def closure(only: Collection[str] | None) -> list[str]:
    """The components asked for (if None: all but target systems) with what they need, needs first."""
    if only is None:
        return list(COMPONENTS)
    wanted = set(only)
    for name in only:
        wanted.update(component_named(name).needs)
    return [name for name in ALL if name in wanted]
