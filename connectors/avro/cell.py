"""Cells of a flat row: where a wanted value goes and how it comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Cell(NamedTuple):
    """`convert` takes the value as it was read; `memo`: equal values are one object; `mapping` replaces texts."""

    slot: int
    convert: Callable[[Any], Any] | None = None
    as_text: bool = False
    memo: bool = False
    mapping: Mapping[str, str] | None = None
    raw: bool = False
