"""Which table may be which object, and how its rows lead to their account: read off names and foreign keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.mappings.drafting.words import TABLES, likeness, words
from connectors.sources.catalogue import CatalogueTable, ForeignKey
from state.roles import ROLES

Catalogue = Mapping[str, CatalogueTable]
#: the object that every way leads to, per system
ROOTS = {"billing": "account", "erp": "account", "support": "entitlement", "crm": "customer"}
#: rows of these mean something only as a part of another object
_PART_OF = {
    "invoice_line": "invoice",
    "allocation": "payment",
    "refund": "payment",
    "case_event": "case",
    "usage": "subscription",
}
SIGNAL = "debezium_signal"


class DraftRefused(Exception):
    """No draft can be made; the message says why and what to do. Exit code 2."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One step towards the account: `column` names a row of `table` by its column `target`."""

    column: str
    table: str
    target: str
    #: no foreign key says so, but the column's name and type do
    guessed: bool = False


@dataclass(slots=True)
class Draft:
    """What was recognised: `objects` by table, the hops of every table that has a way, and why others were left out."""

    source: str
    system: str
    database: str
    catalogue: Catalogue
    root: str = ""
    objects: dict[str, str] = field(default_factory=dict)
    hops: dict[str, Hop] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def tables(self) -> list[str]:
        """The captured tables: the root first, then by distance from it, carriers of the way among them."""
        return sorted((self.root, *self._needed()), key=lambda name: (self.distance(name), name))

    def distance(self, table: str) -> int:
        """Hops between the table and the root."""
        count = 0
        while table != self.root:
            table, count = self.hops[table].table, count + 1
        return count

    def _needed(self) -> set[str]:
        needed: set[str] = set()
        for table in self.objects:
            while table != self.root and table not in needed:
                needed.add(table)
                table = self.hops[table].table
        return needed

    def table_of(self, kind: str) -> str | None:
        """The table that is taken for an object."""
        return next((table for table, one in self.objects.items() if one == kind), None)


def recognise(source: str, system: str, database: str, catalogue: Catalogue, given: Mapping[str, str]) -> Draft:
    """The draft of a source. `given`: object -> table, said by a person. Raises DraftRefused."""
    draft = Draft(source, system, database, catalogue)
    kinds = [kind for owner, kind in ROLES if owner == system]
    for kind, table in given.items():
        if kind not in kinds:
            raise DraftRefused(f"a {system} source has no object {kind}. Next step: use one of {', '.join(kinds)}")
        if table not in catalogue:
            raise DraftRefused(f"the database has no table {table}. Next step: name one of {', '.join(catalogue)}")
        draft.objects[table] = kind
    candidates = _candidates(draft)
    _refuse(
        {table: draft.left_out.get(table, "it is a partition") for table in draft.objects if table not in candidates}
    )
    draft.root = draft.table_of(ROOTS[system]) or _root(system, candidates)
    draft.objects[draft.root] = ROOTS[system]
    draft.hops = _hops(draft.root, candidates)
    stray = draft.objects.keys() - draft.hops.keys() - {draft.root}
    _refuse({table: _why_not(draft, candidates[table]) for table in stray})
    _assign(draft, candidates, kinds)
    for name in candidates.keys() - set(draft.tables()):
        draft.left_out.setdefault(name, _why_not(draft, candidates[name]))
    return draft


def _refuse(reasons: Mapping[str, str]) -> None:
    """Raise DraftRefused for the first of the tables that a person named and that cannot be drafted."""
    for table, why in sorted(reasons.items()):
        raise DraftRefused(f"{table} cannot be drafted: {why}. Next step: leave it out, and map it by hand")


def _why_not(draft: Draft, table: CatalogueTable) -> str:
    """Why a table with a key is not captured."""
    if table.name in draft.hops:
        return "its name is that of no object"
    reached = (key for key in table.foreign if key.table == draft.root or key.table in draft.hops)
    if key := next(reached, None):
        return f"it names rows of {key.table} by {', '.join(key.columns)} together, and one column has to be enough"
    return f"no foreign key leads from it to {draft.root}"


def _candidates(draft: Draft) -> dict[str, CatalogueTable]:
    """Tables that can be captured: the others are left out with their reason."""
    found: dict[str, CatalogueTable] = {}
    for name, table in draft.catalogue.items():
        if name.endswith(f".{SIGNAL}") or table.partition:
            continue
        if table.key:
            found[name] = table
        else:
            draft.left_out[name] = "it has no primary key, so its rows cannot be told apart"
    return found


def _root(system: str, candidates: Catalogue) -> str:
    """The table of accounts: of those whose names fit, the one that most tables lead to, then the one that fits best."""
    kind = ROOTS[system]
    fits = {name: likeness(_plain(name), TABLES[system, kind]) for name in candidates}
    found = [name for name, fit in fits.items() if fit]
    if not found:
        raise DraftRefused(
            f"no table looks like the one of {kind}s. Next step: say which it is with --table {kind}=SCHEMA.TABLE; "
            f"there are {', '.join(candidates) or 'no tables with a primary key'}"
        )
    return max(found, key=lambda name: (len(_hops(name, candidates)), fits[name]))


def _hops(root: str, candidates: Catalogue) -> dict[str, Hop]:
    """The shortest way of every table that has one: over foreign keys, then over columns that are called as one would be."""
    hops: dict[str, Hop] = {}
    for by_name in (False, True):
        reached = [root, *hops]
        while reached:
            following = []
            for name, table in candidates.items():
                if name == root or name in hops:
                    continue
                found = [hop for hop in _steps(table, candidates, reached, by_name) if hop.table in reached]
                if found:
                    hops[name] = min(found, key=lambda hop: table.columns[hop.column].nullable)
                    following.append(name)
            reached = following
    return hops


def _steps(table: CatalogueTable, candidates: Catalogue, reached: list[str], by_name: bool) -> list[Hop]:
    """Steps that lead on from a table's rows."""
    found = [hop for key in table.foreign if (hop := _hop(key, candidates))]
    if by_name and not found:
        found = [hop for name in reached if (hop := named_key(table, candidates[name]))]
    return found


def named_key(table: CatalogueTable, parent: CatalogueTable) -> Hop | None:
    """A column that by name and type is a key of the parent: `account_id` or `account_record_id` of accounts."""
    own = words(_plain(parent.name))
    for target in (unique[0] for unique in parent.unique if len(unique) == 1):
        wanted = words(target)
        names = {own + wanted, own[-1:] + wanted} | ({wanted} if wanted[:1] == own[-1:] and len(wanted) > 1 else set())
        for column in table.columns.values():
            same = (column.type, column.array) == (parent.columns[target].type, False)
            if same and words(column.name) in names and table.name != parent.name:
                return Hop(column.name, parent.name, target, guessed=True)
    return None


def _hop(key: ForeignKey, candidates: Catalogue) -> Hop | None:
    """The step that a foreign key allows: one of its pairs of columns must be enough."""
    parent = candidates.get(key.table)
    if parent is None:
        return None
    for column, target in zip(key.columns, key.target_columns, strict=True):
        if parent.tells_apart((target,)):
            return Hop(column, key.table, target)
    return None


def _assign(draft: Draft, candidates: Catalogue, kinds: list[str]) -> None:
    """Give each object the table that fits its name best; parts of an object need a foreign key to it."""
    pairs = [
        (likeness(_plain(name), TABLES[draft.system, kind]), name, kind)
        for name in candidates
        for kind in kinds
        if kind != ROOTS[draft.system] and name in draft.hops
    ]
    for fit, name, kind in sorted(pairs, key=lambda pair: -pair[0]):
        if not fit or name in draft.objects or kind in draft.objects.values() or kind in _PART_OF:
            continue
        draft.objects[name] = kind
    for fit, name, kind in sorted(pairs, key=lambda pair: -pair[0]):
        if not fit or name in draft.objects or kind in draft.objects.values() or kind not in _PART_OF:
            continue
        whole = draft.table_of(_PART_OF[kind])
        if whole is None or not leads_to(candidates[name], candidates[whole]):
            continue
        if kind == "allocation" and not _joins(draft, candidates, name, whole):
            continue
        draft.objects[name] = kind


def _joins(draft: Draft, candidates: Catalogue, name: str, payments: str) -> bool:
    """Whether the table names payments and invoices; its rows belong to the account of their payment, so they go that way."""
    invoices = draft.table_of("invoice")
    if invoices is None or not leads_to(candidates[name], candidates[invoices]):
        return False
    hops = [hop for hop in _steps(candidates[name], candidates, [payments], True) if hop.table == payments]
    draft.hops[name] = hops[0] if hops else draft.hops[name]
    return True


def leads_to(table: CatalogueTable, whole: CatalogueTable) -> bool:
    """Whether rows of the table name a row of the other one, by a foreign key or by what a column is called."""
    return any(key.table == whole.name for key in table.foreign) or named_key(table, whole) is not None


def _plain(table: str) -> str:
    return table.partition(".")[2]
