"""YAML with places: plain data, and the line and column of every key, so that an error can name them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from yaml.constructor import SafeConstructor

Shape = TypeVar("Shape", bound=BaseModel)
#: path of keys and indexes -> (line, column), counted from 1
Places = dict[tuple[str | int | None, ...], tuple[int, int]]
_BOOLEAN = "tag:yaml.org,2002:bool"


class LocatedError(Exception):
    """A configuration file is wrong; the message names file, line, column and the next step. Exit code 2.

    `place` is (line, column), counted from 1, `path` the file, and `problem` the message without them.
    """

    def __init__(self, problem: str, path: Path | None = None, place: tuple[int, int] | None = None) -> None:
        at = ":".join(str(part) for part in (path, *(place or ())) if part is not None)
        super().__init__(f"{at}: {problem}" if at else problem)
        self.problem, self.path, self.place = problem, path, place


class Located:
    """One file: its data, and errors that say where."""

    def __init__(self, path: Path, error: type[LocatedError]) -> None:
        """Read the file. Raises `error` if it is missing, no YAML, or names a key twice."""
        self.path = path
        self._error = error
        self._places: Places = {}
        try:
            root = yaml.compose(path.read_text(), Loader=yaml.SafeLoader)
        except OSError as cause:
            raise error(
                f"{path} cannot be read ({cause.strerror}). Next step: create it, or name another folder"
            ) from cause
        except yaml.MarkedYAMLError as cause:
            mark = cause.problem_mark
            place = (mark.line + 1, mark.column + 1) if mark else None
            raise error(f"not YAML: {cause.problem}. Next step: correct the file", path, place) from cause
        if root is None:
            raise error("the file is empty. Next step: see docs/onboarding.md", path, (1, 1))
        self.data: Any = self._build(root, ())

    def error(self, loc: tuple[str | int, ...], problem: str) -> LocatedError:
        """An error at the deepest known place of `loc` (pydantic's locations carry names that the file lacks)."""
        return self._error(problem, self.path, self.place(loc))

    def place(self, loc: tuple[str | int, ...]) -> tuple[int, int]:
        """Line and column of the deepest known place of `loc`, counted from 1."""
        while loc and loc not in self._places:
            loc = loc[:-1]
        return self._places[loc] if loc else (1, 1)

    def validate(self, shape: type[Shape]) -> Shape:
        """The data in its shape; raises the file's error with the first thing that is wrong."""
        try:
            return shape.model_validate(self.data)
        except ValidationError as cause:
            raise self._named(cause)[0] from cause

    def problems(self, shape: type[BaseModel]) -> list[LocatedError]:
        """Everything in which the data differs from the shape, in the order of the shape."""
        try:
            shape.model_validate(self.data)
        except ValidationError as cause:
            return self._named(cause)
        return []

    def _named(self, cause: ValidationError) -> list[LocatedError]:
        out = []
        for one in cause.errors():
            loc = tuple(part for part in one["loc"] if part != "[key]")
            name = ".".join(str(part) for part in loc) or "the file"
            out.append(self.error(loc, f"{name}: {one['msg']}. Next step: correct it"))
        return out

    def _build(self, node: yaml.Node, path: tuple[str | int, ...]) -> Any:
        self._places.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
        if isinstance(node, yaml.MappingNode):
            out: dict[Any, Any] = {}
            for key_node, value_node in node.value:
                key = _scalar(key_node)
                self._places[(*path, key)] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
                if key in out:
                    raise self.error((*path, key), f"{key} is given twice. Next step: remove one")
                if key is None or isinstance(key, bool):  # shapes know them as texts
                    self._places[(*path, str(key_node.value).lower())] = self._places[(*path, key)]
                out[key] = self._build(value_node, (*path, key))
            return out
        if isinstance(node, yaml.SequenceNode):
            return [self._build(child, (*path, number)) for number, child in enumerate(node.value)]
        return _scalar(node)


def _scalar(node: yaml.Node) -> Any:
    """Only true and false are booleans: yes, no, on and off are what they look like, words."""
    if node.tag == _BOOLEAN and str(node.value).lower() not in ("true", "false"):
        return node.value
    return SafeConstructor().construct_object(node, deep=True)
