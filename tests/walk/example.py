"""The example's database and its finished source folder, for tests that look at single parts of the walk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from connectors.mappings.drafting.init import write_draft
from connectors.sources.catalogue import open_catalogue
from connectors.sources.database import source_dsn
from console.cli import main
from dataflows.settings import ROOT

SCHEMA = ROOT / "tests" / "walk" / "fibrenet.sql"
#: what the page's edit answers
ANSWERS = {
    "units: DECIDE": "units: major",
    "zone: DECIDE": "zone: Europe/Berlin",
    "home: DECIDE": "home: standard",
    "business: DECIDE": "business: premium",
    "carrier: DECIDE": "carrier: enterprise",
}


@contextmanager
def database(postgres: str, name: str, script: str) -> Iterator[str]:
    """A database of its own, made by a script and dropped afterwards; its connection string."""
    with psycopg.connect(source_dsn(postgres, "postgres"), autocommit=True) as admin:
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        admin.execute(drop)
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            with psycopg.connect(source_dsn(postgres, name), autocommit=True) as conn:
                conn.execute(script.encode())
            yield source_dsn(postgres, name)
        finally:
            admin.execute(drop)


def finished(folder: Path, dsn: str) -> Path:
    """The drafted folder with every question answered."""
    write_draft(folder, "billing", dsn, dsn, open_catalogue(dsn), {})
    mapping = folder / "mapping.yaml"
    text = mapping.read_text()
    for question, answer in ANSWERS.items():
        assert question in text
        text = text.replace(question, answer)
    mapping.write_text(text)
    return folder


def draft(dsn: str, folder: Path, *more: str) -> str:
    """The drafted mapping."""
    words = ["mapping", "init", "--database", dsn, "--source", folder.name, "--into", str(folder), *more]
    assert main(words) == 0
    return (folder / "mapping.yaml").read_text()
