"""From the `account`, `links` and `only` of a mapping to the rules that identity runs on (`state/resolving/ways.py`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from connectors.mappings.account import AccountShape, LinkShape, Loc, MergedShape, StepShape
from connectors.mappings.shape import TableShape
from state.model import ACCOUNT, AccountKind, AccountRule, Condition, Merge, Way

#: index of a table that rows refer to; raises MappingError
RowTable = Callable[[str, Loc], int]


def account_rules(
    tables: Mapping[str, TableShape], index: Mapping[str, int], source: str, row_table: RowTable
) -> dict[str, AccountRule]:
    """The rule of each table that is not ignored. If one table needs ways, all of the source are described by ways."""
    mapped = {name: table for name, table in tables.items() if table.ignore is None}
    keys = {(step.table, step.by) for table in mapped.values() for step in _steps(table) if step.by}
    if not keys and not any(_needs_ways(table) for table in mapped.values()):
        return {name: _simple(table, table.account, name, row_table) for name, table in mapped.items() if table.account}
    rules: dict[str, AccountRule] = {}
    for name, table in mapped.items():
        builder = _Builder(source, index, name, row_table)
        builder.table(table, sorted(by for parent, by in keys if parent == name and by))
        rules[name] = builder.rule(bool(table.links) and table.account is None)
    return rules


def _steps(table: TableShape) -> list[StepShape]:
    return [*(table.account.steps() if table.account else ()), *table.links]


def _needs_ways(table: TableShape) -> bool:
    return bool(table.links or table.only or table.account is None or table.account.needs_ways)


def _simple(table: TableShape, account: AccountShape, name: str, row_table: RowTable) -> AccountRule:
    """One column says it all."""
    loc: Loc = ("tables", name, "account", "table")
    parent = row_table(account.table, loc) if account.table else None
    kind: AccountKind = "defines" if account.defines else "through" if account.through else "reference"
    column = account.defines or account.through or account.reference
    assert column is not None  # the shape demands one way
    if table.merged is None:
        return AccountRule(kind, column, parent, account.normalise)
    merged = _merge(table.merged, 1)
    mark = table.merged.into or table.merged.from_ or ""
    return AccountRule(kind, column, parent, account.normalise, (column, mark), merged=merged)


def _merge(shape: MergedShape, column: int) -> Merge:
    return Merge(column, shape.into is not None, shape.by is not None)


class _Builder:
    """The rule of one table."""

    def __init__(self, source: str, index: Mapping[str, int], name: str, row_table: RowTable) -> None:
        self._source, self._index, self._name, self._row_table = source, index, name, row_table
        self._columns: dict[str, int] = {}
        self._ways: list[Way] = []
        self._only: tuple[Condition, ...] = ()
        self._merged: Merge | None = None

    def table(self, table: TableShape, unique: list[str]) -> None:
        """Everything that the table's rows make known; `unique` are columns by which other tables refer to them."""
        self._only = self._conditions(table.only)
        here = self._index[self._name]
        for column in unique:
            self._ways.append(Way(0, self._unique(self._name, column), here, start=self._column(column), own=False))
        account = table.account
        for rank, step in enumerate(account.steps() if account else ()):
            self._ways.append(self._own(rank, here, step, account.normalise if account else ()))
        for rank, link in enumerate(table.links):
            self._ways.append(self._carried(rank, link))
        if table.merged is not None:
            mark = table.merged.into or table.merged.from_ or ""
            self._merged = _merge(table.merged, self._column(mark))

    def rule(self, carrier: bool) -> AccountRule:
        """What was collected."""
        if not self._columns:  # a row whose way other rows carry: nothing of its own is read but its key
            return AccountRule("ways", "", None, (), (), tuple(self._ways), self._only, carrier)
        columns = tuple(self._columns)
        return AccountRule("ways", "", None, (), columns, tuple(self._ways), self._only, carrier, self._merged)

    def _own(self, rank: int, here: int, step: StepShape, normalise: tuple[str, ...]) -> Way:
        target, defines = self._target(step), step.defines is not None
        steps = normalise if target == ACCOUNT else ()
        when = self._conditions(step.when)
        return Way(rank, here, target, None, self._column(step.column), step.model, when, steps, defines)

    def _carried(self, rank: int, link: LinkShape) -> Way:
        """A step of another place. It ranks after nothing of its own: who carries it says which comes first."""
        origin = self._place(link.of, ("links", rank, "of"))
        column = None if link.to_row else self._column(link.column)
        target = self._index[self._name] if link.to_row else self._target(link)
        steps = link.normalise if target == ACCOUNT else ()
        when = self._conditions(link.when)
        number = link.rank if link.rank is not None else rank
        return Way(number, origin, target, self._column(link.key), column, link.model, when, steps, own=False)

    def _target(self, step: StepShape) -> int | str:
        if step.reference or step.defines:
            return ACCOUNT
        if step.table and step.by:
            self._row_table(step.table, ("tables", self._name, "account", "table"))
            return self._unique(step.table, step.by)
        if step.table:
            return self._row_table(step.table, ("tables", self._name, "account", "table"))
        assert step.place is not None  # the shape demands one of them
        return f"{self._source}:{step.place}"

    def _place(self, name: str, loc: Loc) -> int | str:
        """A table of this source, or else a named place."""
        if "." in name:
            return self._row_table(name, ("tables", self._name, *loc))
        return f"{self._source}:{name}"

    def _unique(self, table: str, column: str) -> str:
        return f"{self._source}:{table}.{column}"

    def _column(self, name: str) -> int:
        return self._columns.setdefault(name, len(self._columns))

    def _conditions(self, given: Mapping[str, tuple[str, ...]]) -> tuple[Condition, ...]:
        return tuple((self._column(column), frozenset(texts)) for column, texts in given.items())
