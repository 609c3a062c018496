"""Tryton 8.2 as a component: packages in an environment of their own, a database with one company's books, its server."""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
import sys
from pathlib import Path
from urllib.parse import quote

import httpx

from stack.component import Component
from stack.errors import StackError
from stack.jars import JarCache
from stack.layout import HOST, Addresses, Layout
from stack.process import Launch
from stack.progress import say
from stack.real.program import Database, one_at_a_time, run, secret, secret_file

HERE = Path(__file__).resolve().parent
LOCK = HERE / "tryton.lock"
DATABASE = "tryton"
#: account_invoice brings what it needs along
MODULES = ("party", "account_invoice", "account_invoice_defer")
USER = "admin"
CONFIGURATION = """\
[database]
uri = {uri}
path = {attachments}
[web]
listen = {host}:{port}
[session]
authentications = password
[password]
length = 8
"""


class Tryton(Component):
    """The ERP: JSON-RPC on one port. What it holds is made at the first start."""

    name = "tryton"
    version = "8.2"
    needs = ("postgres",)
    needs_jars = False
    ports = ("tryton",)
    start_timeout_seconds = 90

    def prepare(self, layout: Layout, jars: JarCache) -> Launch:
        """Install, fill the database the first time, write the configuration."""
        programs = installed(layout)
        database = Database(layout, DATABASE)
        configuration = configure(layout, database)
        if not database.exists():
            fill(layout, programs, configuration, database)
        command = [str(programs / "trytond"), "-c", str(configuration), "-d", DATABASE]
        return Launch(command, cwd=layout.run)

    def ready(self, addresses: Addresses) -> str | None:
        """Whether it tells its version, which it does only with its models loaded."""
        question = {"id": 0, "method": "common.server.version", "params": []}
        try:
            answer = httpx.post(f"{addresses.tryton_url}/rpc/", json=question, timeout=3, trust_env=False)
            told = answer.json().get("result") if answer.is_success else answer.status_code
        except (httpx.HTTPError, ValueError) as error:
            return f"no answer from {addresses.tryton_url}: {error}"
        return None if told == self.version else f"{addresses.tryton_url} answered {told!r}"


def installed(layout: Layout) -> Path:
    """The folder of its programs; several stacks share one environment per state of the lock file."""
    digest = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()[:12]
    home = layout.jars.parent / f"tryton-{digest}"
    stamp = home / "complete"
    with one_at_a_time(home.with_suffix(".lock")):
        if not stamp.exists():
            say("tryton: installing its packages (hash-checked) ...")
            log = layout.logs / "tryton-install.log"
            run("making Tryton's environment", [sys.executable, "-m", "venv", "--clear", str(home)], log)
            install = [str(home / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
            run("installing Tryton's packages", [*install, "--require-hashes", "-r", str(LOCK)], log)
            stamp.touch()
    return home / "bin"


def configure(layout: Layout, database: Database) -> Path:
    """Write trytond.conf."""
    attachments = layout.data / "tryton"
    attachments.mkdir(parents=True, exist_ok=True)
    login = quote(database.user) + (f":{quote(database.password, safe='')}" if database.password else "")
    path = layout.run / "trytond.conf"
    path.touch(mode=0o600)
    path.write_text(
        CONFIGURATION.format(
            uri=f"postgresql://{login}@{database.host}:{database.port}/",
            attachments=attachments,
            host=HOST,
            port=layout.port("tryton"),
        )
    )
    return path


def fill(layout: Layout, programs: Path, configuration: Path, database: Database) -> None:
    """Create the tables and the company's books, in a draft that becomes the database when all of it is there.

    The first stack to do so keeps a copy for the others, with the password that is in it.
    """
    log = layout.logs / "tryton-install.log"
    kept = kept_books(programs)
    database.begin(create=True)
    with one_at_a_time(kept.with_suffix(".lock")):
        if kept.exists():
            secret_file(layout, "tryton").parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(kept.with_suffix(".secret"), secret_file(layout, "tryton"))
            database.restore(kept, log)
        else:
            make_books(layout, programs, configuration, database)
            shutil.copy(secret_file(layout, "tryton"), kept.with_suffix(".secret"))
            database.keep(kept, log)
    database.complete()


def kept_books(programs: Path) -> Path:
    """Where the books of this year, as these files make them, are kept beside the programs."""
    made_by = (HERE / "tryton_books.py").read_bytes() + repr((MODULES, dt.datetime.now(dt.UTC).year)).encode()
    return programs.parent / f"books-{hashlib.sha256(made_by).hexdigest()[:12]}.dump"


def make_books(layout: Layout, programs: Path, configuration: Path, database: Database) -> None:
    """Tables, the user's password, then the books."""
    say("tryton: creating its database (about a minute) ...")
    secret(layout, "tryton")
    log = layout.logs / "tryton-install.log"
    words = ["-c", str(configuration), "-d", database.draft]
    modules = ["-u", *MODULES, "--activate-dependencies", "--email", "root@localhost"]
    password = {"TRYTONPASSFILE": str(secret_file(layout, "tryton"))}
    run("creating Tryton's tables", [str(programs / "trytond-admin"), *words, *modules], log, password)
    books = [str(programs / "python"), str(HERE / "tryton_books.py"), database.draft, str(configuration)]
    run("opening Tryton's books", books, log, {"TRYTOND_CONFIG": str(configuration)})


def password(layout: Layout) -> str:
    """The password of the user `admin`; StackError if this stack has no Tryton."""
    if not secret_file(layout, "tryton").exists():
        raise StackError("this stack has no Tryton", "start it with `concord stack up tryton`")
    return secret(layout, "tryton")
