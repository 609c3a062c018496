"""Writes the first draft of a source's folder from its database's catalogue. Nothing that exists is overwritten."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from connectors.mappings.drafting.connector import connector_text, prepare_text
from connectors.mappings.drafting.draft import SIGNAL, Catalogue, Draft, DraftRefused, recognise
from connectors.mappings.drafting.text import mapping_text
from connectors.mappings.drafting.words import SECRET, words

FILES = ("mapping.yaml", "connector.json", "prepare.sql")


def write_draft(
    folder: Path, system: str, url: str, own_server: str, catalogue: Catalogue, given: Mapping[str, str]
) -> Draft:
    """Write the three files; the folder's name is the source's. Raises DraftRefused.

    `own_server`: CONCORD_POSTGRES. A database on another server is written into connector.json, with no user or password.
    """
    there = [name for name in FILES if (folder / name).exists()]
    if there:
        raise DraftRefused(
            f"{folder} has {', '.join(there)} already, and nothing is overwritten. Next step: name another folder with "
            "--into, or remove the files yourself"
        )
    address = conninfo_to_dict(url)
    draft = recognise(folder.name, system, str(address["dbname"]), catalogue, given)
    tables = draft.tables()
    signal = f"{draft.root.partition('.')[0]}.{SIGNAL}"
    by_root = any(catalogue[table].partitioned for table in tables)
    mapping = mapping_text(draft)
    more = literals(url, own_server, draft.source) | excluded(draft, mapping)
    texts = {
        "mapping.yaml": mapping,
        "connector.json": connector_text(draft.source, tables, signal, more),
        "prepare.sql": prepare_text(draft.source, tables, signal, draft.database, by_root),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        with (folder / name).open("x") as file:
            file.write(text)
    return draft


def literals(url: str, own_server: str, source: str) -> dict[str, str]:
    """Settings of connector.json that placeholders cannot say: the database's name, or its server, is another."""
    address, own = conninfo_to_dict(url), conninfo_to_dict(own_server)
    found = {} if address["dbname"] == source else {"database.dbname": str(address["dbname"])}
    server = [(str(one.get("host") or "127.0.0.1"), str(one.get("port") or "5432")) for one in (address, own)]
    if server[0] != server[1]:
        found |= {"database.hostname": server[0][0], "database.port": server[0][1]}
    return found


def excluded(draft: Draft, mapping: str) -> dict[str, str]:
    """Columns that are left where they are: nothing is made of them, and their names sound personal or secret."""
    named = set(re.findall(r"\w+", re.sub(r"#.*", "", mapping)))
    columns = [
        f"{table}.{column}"
        for table in draft.tables()
        for column in draft.catalogue[table].columns
        if SECRET & set(words(column)) and column not in named
    ]
    return {"column.exclude.list": ",".join(columns)} if columns else {}
