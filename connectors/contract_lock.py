"""Holds the contracts in `avro/` against the last published ones: what readers rely on never changes unseen.

`avro/contracts.lock` says of every field its type, what its number means (precision, scale, unit) and whether it has a
default. `python -m connectors.contract_lock` is part of `make check`: a changed type or meaning, a field that is gone and had
no default, a new field without one, all fail it. `write` takes new fields in, and refuses the rest as well.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from connectors.avro.evolution import MEANING

FOLDER = Path(__file__).resolve().parents[1] / "avro"
LOCK = "contracts.lock"
#: contract -> path of a field -> what is locked of it
Locked = dict[str, dict[str, str]]


def locked(folder: Path) -> Locked:
    """What the contracts of a folder say now."""
    return {
        path.stem: dict(sorted(_fields(json.loads(path.read_text()), ""))) for path in sorted(folder.glob("*.avsc"))
    }


def broken(old: Locked, new: Locked) -> list[str]:
    """One sentence for each thing that a reader or writer of the published contracts would stumble over."""
    found: list[str] = []
    for contract, fields in old.items():
        now = new.get(contract)
        if now is None:
            found.append(f"{contract}: the contract is gone")
            continue
        for path, was in fields.items():
            given = now.get(path)
            if given is None and not was.endswith(_DEFAULT):
                found.append(f"{contract}: {path} is gone and had no default, so its readers fail")
            elif given is not None and given != was:
                found.append(f"{contract}: {path} changes from {was} to {given}")
        for path, given in now.items():
            inside = any(path.startswith(f"{other}.") and other not in fields for other in now)
            if path not in fields and not inside and not given.endswith(_DEFAULT):
                found.append(f"{contract}: {path} is new and has no default, so older records cannot be read")
    return found


_DEFAULT = ", default"


def _fields(schema: Any, path: str) -> Iterator[tuple[str, str]]:
    """(path, what is locked) of every field below a type."""
    for branch in schema if isinstance(schema, list) else [schema]:
        if not isinstance(branch, dict):
            continue
        for field in branch.get("fields", ()):
            here = f"{path}.{field['name']}" if path else field["name"]
            meaning = [f"{name} {field[name]}" for name in MEANING if name in field]
            text = ", ".join([_type(field["type"]), *meaning])
            yield here, text + (_DEFAULT if "default" in field else "")
            yield from _fields(field["type"], here)
        for inner in ("items", "values"):
            if inner in branch:
                yield from _fields(branch[inner], path)


def _type(schema: Any) -> str:
    """A type as text; of a record its name, its fields have paths of their own."""
    if isinstance(schema, list):
        return " | ".join(map(_type, schema))
    if not isinstance(schema, dict):
        return str(schema)
    kind = schema["type"]
    inner = {"array": "items", "map": "values"}.get(kind)
    text = (
        f"{kind} {schema['name']}" if "name" in schema else f"{kind} of {_type(schema[inner])}" if inner else str(kind)
    )
    meaning = [f"{name} {schema[name]}" for name in MEANING if name in schema]
    return f"{text} ({', '.join(meaning)})" if meaning else text


def main(arguments: list[str], folder: Path = FOLDER) -> int:
    """Exit code 0 if all is well, 1 with a line for each thing that is not."""
    path, now = folder / LOCK, locked(folder)
    old: Locked = json.loads(path.read_text()) if path.exists() else {}
    problems = [f"{one}. Next step: keep the field, and give what is new another name" for one in broken(old, now)]
    if not problems and arguments == ["write"]:
        path.write_text(json.dumps(now, indent=1) + "\n")
    elif not problems and old != now:
        problems.append(f"{path} lacks what is new. Next step: python -m connectors.contract_lock write")
    for one in problems:
        sys.stderr.write(f"{one}\n")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
