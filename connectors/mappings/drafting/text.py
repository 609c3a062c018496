"""A draft as the text of mapping.yaml, with every guess and question beside what it is about."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from connectors.mappings.decisions import DECIDE
from connectors.mappings.drafting.draft import ROOTS, Draft
from connectors.mappings.drafting.fields import GUESSED_KEY, DraftField, fields_of, money_left
from connectors.mappings.drafting.words import NUMBERS, words
from connectors.sources.catalogue import CatalogueTable, Column
from connectors.sources.postgres_types import CHARACTERS, plain_type

#: texts that YAML reads as themselves
_PLAIN = re.compile(r"^(?!(?:true|false|yes|no|on|off|null|y|n|~)$)[A-Za-z_][A-Za-z0-9_./-]*$", re.IGNORECASE)


def mapping_text(draft: Draft) -> str:
    """The whole file."""
    lines = [*_head(draft)]
    for table in draft.tables():
        lines += _table(draft, table)
    if draft.left_out:
        lines += [
            "# Not captured, because nobody asked for it. Add a table here, to table.include.list in connector.json and to",
            "# prepare.sql, or leave it out:",
            *(f"#   {name}: {why}" for name, why in sorted(draft.left_out.items())),
        ]
    return "\n".join(lines) + "\n"


def _head(draft: Draft) -> list[str]:
    return [
        f"# Drafted by `concord mapping init` from the catalogue of database {draft.database}: names, types, keys, foreign keys",
        "# and comments. No row was read. What a line guesses, and why, is said above it; check it.",
        f"# {DECIDE} stands where only a person can know: nothing starts before each has an answer.",
        f"source: {draft.source}",
        f"system: {draft.system}",
        "version: 1",
        "snapshot: initial",
        "tables:",
    ]


def _table(draft: Draft, name: str) -> Iterator[str]:
    table = draft.catalogue[name]
    kind = draft.objects.get(name)
    key = ", ".join(_scalar(column) for column in table.key)
    yield f"  {name}:"
    if kind is None:
        hop = draft.hops[name]
        yield f"    # no object by its name: its rows only lead on to {hop.table}{f', {GUESSED_KEY}' if hop.guessed else ''}"
        yield f"    key: [{key}]"
        by = _by(draft, name)
        yield f"    links: [{{of: {name}, key: {table.key[0]}, through: {hop.column}, table: {hop.table}{by}}}]"
        return
    reason = "because most tables lead to it" if name == draft.root else "by its name"
    yield f"    # taken for the {kind} of {draft.system} {reason}{f' (its comment: {table.comment})' if table.comment else ''}"
    yield f"    key: [{key}]"
    yield from _account(draft, name, table)
    yield f"    object: {kind}"
    yield f'    id: "{_identity(table)}"'
    fields = {field.name: field for field in fields_of(draft, name, kind)}
    yield "    fields:"
    for field in fields.values():
        yield from _field(field)
    if left := money_left(draft, name, fields):
        yield f"      # QUESTION: are these money that somebody needs? Not mapped: {', '.join(left)}"


def _account(draft: Draft, name: str, table: CatalogueTable) -> Iterator[str]:
    if name != draft.root:
        hop = draft.hops[name]
        if hop.guessed:
            yield f"    # {GUESSED_KEY}"
        yield f"    account: {{through: {hop.column}, table: {hop.table}{_by(draft, name)}}}"
        return
    number = _number(table)
    others = [column.name for column in _unique_texts(table) if number is None or column.name != number.name]
    note = f"; other unique columns: {', '.join(others)}" if others else ""
    if ROOTS[draft.system] == "account" and draft.system == "billing":
        column = number.name if number else table.key[0]
        why = "a unique number by its name" if number else "the primary key: no unique number is in sight"
        yield f"    # the account id, which the other systems have to know: guessed {column}, {why}{note}"
        yield f"    account: {{defines: {column}}}"
        return
    column = number.name if number else DECIDE
    ask = "guessed from its name" if number else "QUESTION: which column is it?"
    yield f"    # the column that holds billing's account id: {ask}{note}"
    yield f"    account: {{reference: {column}, normalise: [strip]}}"


def _by(draft: Draft, name: str) -> str:
    """The option that says that a foreign key goes by another unique column than the key."""
    hop = draft.hops[name]
    return "" if (hop.target,) == draft.catalogue[hop.table].key else f", by: {hop.target}"


def _unique_texts(table: CatalogueTable) -> list[Column]:
    single = [unique[0] for unique in table.unique if len(unique) == 1]
    return [table.columns[name] for name in single if plain_type(table.columns[name].type)[0] in CHARACTERS]


def _number(table: CatalogueTable) -> Column | None:
    """The unique text by which people call a row: its number or code."""
    found = _unique_texts(table)
    named = [column for column in found if set(NUMBERS) & set(words(column.name))]
    return next(iter(named), found[0] if len(found) == 1 else None)


def _identity(table: CatalogueTable) -> str:
    number = _number(table)
    columns = (number.name,) if number else table.key
    return "-".join(f"{{{column}}}" for column in columns)


def _field(field: DraftField) -> Iterator[str]:
    for note in field.notes:
        yield f"      # {' '.join(note.split())}"
    if not field.labels:
        yield f"      {field.name}: {field.value}"
        return
    yield f"      {field.name}:"
    yield f"        {field.value}"
    yield "        values:"
    for label, meaning in field.labels:
        yield f"          {_scalar(label)}: {meaning}"


def _scalar(text: str) -> str:
    return text if _PLAIN.match(text) else json.dumps(text, ensure_ascii=False)
