"""Request Tracker 5 as a component: Debian's packages, a database with queues and custom fields, its server."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import httpx

from stack.component import Component
from stack.errors import StackError
from stack.jars import JarCache
from stack.layout import HOST, Addresses, Layout
from stack.process import Launch
from stack.progress import say
from stack.real.program import Database, one_at_a_time, run, secret, secret_file

PACKAGES = ("request-tracker5", "rt5-db-postgresql", "rt5-fcgi", "starman")
SERVER = Path("/usr/share/request-tracker5/libexec/rt-server")
SETUP = Path("/usr/sbin/rt-setup-database-5")
DATA = Path(__file__).resolve().parent / "request_tracker_data.pl"
DATABASE = "request_tracker"
USER = "concord"
WORKERS = 2
APT_LOCK = Path("/var/tmp/concord-request-tracker.lock")
CONFIGURATION = """\
Set($rtname, 'concord'); Set($Organization, 'concord');
Set($WebDomain, '{host}'); Set($WebPort, {port}); Set($WebPath, ''); Set($WebBaseURL, 'http://{host}:{port}');
Set($DatabaseType, 'Pg'); Set($DatabaseHost, '{database_host}'); Set($DatabasePort, '{database_port}');
Set($DatabaseName, '{name}'); Set($DatabaseUser, '{user}'); Set($DatabasePassword, '{password}');
Set($LogToSyslog, undef); Set($LogToSTDERR, 'warning'); Set($SendmailPath, '/bin/true'); Set($MailCommand, 'testfile');
Set($WebSecureCookies, 0); Set($RestrictReferrer, 0); Set($Timezone, 'UTC');
%ServiceAgreements = (Default => 'Standard', Levels => {{
    Standard => {{ Response => {{ RealMinutes => 1440 }} }}, Gold => {{ Response => {{ RealMinutes => 240 }} }},
    Platinum => {{ Response => {{ RealMinutes => 60 }} }} }});
$RT::MasonDataDir = '{cache}';
1;
"""


class RequestTracker(Component):
    """The support system: REST 2 on one port. What it holds is made at the first start."""

    name = "request-tracker"
    version = "5.0"
    needs = ("postgres",)
    needs_jars = False
    ports = ("request-tracker",)
    start_timeout_seconds = 90

    def prepare(self, layout: Layout, jars: JarCache) -> Launch:
        """Install, fill the database the first time, write the configuration."""
        install(layout)
        database = Database(layout, DATABASE)
        environment = configure(layout, database)
        if not database.exists():
            fill(layout, environment, database)
        listen = ["--listen", f"{HOST}:{layout.port('request-tracker')}", "--workers", str(WORKERS)]
        command = ["/usr/bin/starman", *listen, "--preload-app", "--env", "deployment", str(SERVER)]
        return Launch(command, cwd=layout.run, environment=environment)

    def ready(self, addresses: Addresses) -> str | None:
        """Whether REST 2 asks who we are."""
        url = f"{addresses.request_tracker_url}/REST/2.0/rt"
        try:
            status = httpx.get(url, timeout=5, trust_env=False).status_code
        except httpx.HTTPError as error:
            return f"no answer from {url}: {error}"
        return None if status == 401 else f"{url} answered {status}"


def obstacle() -> str | None:
    """Why Request Tracker cannot be had on this machine, or None. It is installed only by apt, which needs root."""
    if SERVER.exists() and Path("/usr/bin/starman").exists():
        return None
    if shutil.which("apt-get") is None:
        return "Request Tracker comes as Debian packages, and this machine has no apt-get"
    if os.geteuid() != 0:
        return f"Request Tracker is not installed and only root may do it: apt-get install {' '.join(PACKAGES)}"
    return None


def install(layout: Layout) -> None:
    """Install Debian's packages unless they are there; their own services are not started and their database not made."""
    reason = obstacle()
    if reason is not None:
        raise StackError(reason, "install it by hand, or do without: `concord stack up` needs no target system")
    with one_at_a_time(APT_LOCK):
        if SERVER.exists() and Path("/usr/bin/starman").exists():
            return
        say("request-tracker: installing Debian's packages ...")
        log = layout.logs / "request-tracker-install.log"
        quiet = {"DEBIAN_FRONTEND": "noninteractive", "DEBCONF_NONINTERACTIVE_SEEN": "true", "RUNLEVEL": "1"}
        words = [
            "apt-get",
            "install",
            "-y",
            "--no-install-recommends",
            "-o",
            "Dpkg::Options::=--force-confold",
            *PACKAGES,
        ]
        try:
            run("installing Request Tracker", words, log, quiet)
        except StackError:  # the lists of a fresh machine are old or empty
            run("reading Debian's package lists", ["apt-get", "update"], log, quiet)
            run("installing Request Tracker", words, log, quiet)


def configure(layout: Layout, database: Database) -> dict[str, str]:
    """Write the site's configuration; returns the variables by which every program of RT finds it."""
    folder = layout.run / "request-tracker"
    cache = layout.data / "request-tracker" / "mason"
    folder.mkdir(parents=True, exist_ok=True)
    cache.mkdir(parents=True, exist_ok=True)
    site = folder / "site.pm"
    site.touch(mode=0o600)
    site.write_text(
        CONFIGURATION.format(
            host=HOST,
            port=layout.port("request-tracker"),
            database_host=database.host,
            database_port=database.port,
            name=database.name,
            user=quoted(database.user),
            password=quoted(database.password),
            cache=quoted(str(cache)),
        )
    )
    empty = layout.run / "request-tracker-empty.pm"
    empty.write_text("1;\n")
    return {"RT_SITE_CONFIG": str(empty), "RT_SITE_CONFIG_DIR": str(folder)}


def quoted(text: str) -> str:
    """Safe inside single quotes in Perl."""
    return text.replace("\\", "\\\\").replace("'", "\\'")


def fill(layout: Layout, environment: dict[str, str], database: Database) -> None:
    """Create tables and contents in a draft that becomes the database when all of it is there."""
    say("request-tracker: creating its database ...")
    database.begin(create=True)
    secret(layout, "request-tracker")
    log = layout.logs / "request-tracker-install.log"
    variables = environment | {"RT_DB_NAME": database.draft}
    variables["RT_PASSWORD_FILE"] = str(secret_file(layout, "request-tracker"))
    own = ["--root-password-file", variables["RT_PASSWORD_FILE"]]
    run("creating Request Tracker's tables", [str(SETUP), "--action", "init", "--skip-create", *own], log, variables)
    insert = [str(SETUP), "--action", "insert", "--skip-create", "--datafile", str(DATA)]
    said = run("filling Request Tracker", insert, log, variables)
    if "[error]" in said:  # its exit code is 0 even then
        raise StackError(f"filling Request Tracker failed:\n{said[-1500:]}", f"read {log}, then start again")
    database.complete()


def password(layout: Layout) -> str:
    """The password of the user `concord` (and of `root`); StackError if this stack has no Request Tracker."""
    if not secret_file(layout, "request-tracker").exists():
        raise StackError("this stack has no Request Tracker", "start it with `concord stack up request-tracker`")
    return secret(layout, "request-tracker")
