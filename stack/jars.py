"""Brings the locked jars onto this machine, each checked against its SHA-256, into a cache that all stacks share."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from requests import RequestException

from stack import versions
from stack.errors import StackError
from stack.lockfile import LOCK, WRITER, LockedJar, digest, read_lock
from stack.progress import bytes_progress
from stack.resolver import maven

DOWNLOADS_AT_ONCE = 4
ATTEMPTS = 3
MANIFEST = "manifest.jar"
INCOMING, UNPACKING = "incoming-", "unpacking-"
DISK_MARGIN_BYTES = 300_000_000


class LockedFiles:
    """The files of one lock, a folder a group, each named after its content so that a new lock never mixes with an old one."""

    def __init__(self, directory: Path, lock: Path = LOCK, writer: str = WRITER) -> None:
        """Read the lock, which the command `writer` writes; nothing is downloaded yet."""
        self.directory = directory
        self.lock = lock
        self.jars = read_lock(lock, writer)

    def folder(self, group: str) -> Path:
        """Where the files of one group lie."""
        return self.directory / f"{group}-{digest(jar for jar in self.jars if jar.group == group)}"

    def missing(self) -> list[LockedJar]:
        """Locked files that are not here with their full size."""
        return [jar for jar in self.jars if not is_here(jar, self.folder(jar.group) / jar.filename)]

    def ensure(self) -> None:
        """Download what is missing, check it, and finish what the files are needed for.

        A complete cache is only read, so it may belong to another user.
        """
        if self.complete():
            return
        with exclusive(self.directory):
            self.remove_leftovers()
            wanted = self.missing()
            if wanted:
                self.require_disk(wanted)
                self.download(wanted)
            self.finish()

    def complete(self) -> bool:
        """Whether nothing is left to do."""
        return not self.missing()

    def finish(self) -> None:
        """What is made of the files once all are here; whole or not at all. Most locks need nothing."""

    def remove_leftovers(self) -> None:
        """Remove what an interrupted command left half done."""
        for pattern in (f"{INCOMING}*", f"{UNPACKING}*"):
            for folder in self.directory.glob(pattern):
                shutil.rmtree(folder, ignore_errors=True)

    def require_disk(self, wanted: list[LockedJar]) -> None:
        """StackError before the first byte if the disk cannot hold the download and its unpacked form."""
        needed = 2 * sum(jar.size for jar in wanted) + DISK_MARGIN_BYTES
        free = shutil.disk_usage(self.directory).free
        if free < needed:
            raise StackError(
                f"the disk of {self.directory} has {free // 10**6} MB left, the jars need {needed // 10**6} MB",
                "free some space, or set CONCORD_JARS_DIR to a folder on a larger disk",
            )

    def download(self, wanted: list[LockedJar]) -> None:
        """Fetch several files at once; a file enters its folder only whole and checked."""
        incoming = Path(tempfile.mkdtemp(prefix=INCOMING, dir=self.directory))
        try:
            with (
                bytes_progress(f"fetching {len(wanted)} jars", sum(jar.size for jar in wanted)) as advance,
                ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool,
            ):
                list(pool.map(lambda jar: self.fetch(jar, incoming, advance), wanted))
        finally:
            shutil.rmtree(incoming, ignore_errors=True)

    def fetch(self, jar: LockedJar, incoming: Path, advance: Callable[[int], None]) -> None:
        """One file: download, compare with the lock, move into place; a broken transfer is tried again."""
        group_id, artifact_id, packaging, classifier, version = jar.parts
        problem = ""
        for attempt in range(ATTEMPTS):
            context = maven(incoming / f"{jar.group}-{attempt}", advance)
            artifact = context.project(group_id, artifact_id).at_version(version).artifact(classifier, packaging)
            try:
                path = artifact.resolve()
            except (RequestException, RuntimeError) as error:
                problem = f"it cannot be fetched ({error})"
                continue
            except OSError as error:
                raise disk_error(error, self.directory) from error
            if not jar.matches(path):
                problem = f"what arrived differs from the SHA-256 in {self.lock.name}"
                continue
            target = self.folder(jar.group) / jar.filename
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)
            return
        raise StackError(
            f"{jar.coordinate}: {problem}",
            "check the network and run the command again (finished files are kept); "
            "if the checksum stays wrong, somebody is changing the file: do not use it",
        )


class JarCache(LockedFiles):
    """The jars of the stack below `.stack/jars`."""

    def folder(self, group: str) -> Path:
        """Where the jars of one group lie; plugins in a folder of their own."""
        return self.plugins / group if group in versions.PLUGINS else super().folder(group)

    @property
    def plugins(self) -> Path:
        """The folder to give Connect as plugin.path: one sub-folder a plugin, Kafka's own jars in none."""
        own = [jar for jar in self.jars if jar.group in versions.PLUGINS]
        return self.directory / f"plugins-{digest(own)}"

    @property
    def classpath(self) -> str:
        """Java class path of Kafka and Connect."""
        return f"{self.folder('kafka')}/*"

    @property
    def registry_home(self) -> Path:
        """The unpacked registry server."""
        return self.folder("registry") / "server"

    def complete(self) -> bool:
        """Whether nothing is left to do."""
        manifest = self.folder("apicurio-converter") / MANIFEST
        return not self.missing() and self.registry_home.exists() and manifest.exists()

    def finish(self) -> None:
        """Unpack the registry, write the converter's manifest, let `plugins` lead to the folder at hand."""
        self.unpack_registry()
        self.write_converter_manifest()
        point(self.directory / "plugins", self.plugins)

    def unpack_registry(self) -> None:
        """Unpack the registry's archive next to itself, whole or not at all."""
        if self.registry_home.exists():
            return
        archive = next(jar for jar in self.jars if jar.group == "registry")
        scratch = Path(tempfile.mkdtemp(prefix=UNPACKING, dir=self.directory))
        try:
            with tarfile.open(self.folder("registry") / archive.filename) as tar:
                tar.extractall(scratch, filter="data")
            scratch.chmod(0o755)  # mkdtemp closes it to everybody else, but other users may share the cache
            os.replace(scratch, self.registry_home)
        except OSError as error:
            shutil.rmtree(scratch, ignore_errors=True)
            raise disk_error(error, self.directory) from error

    def write_converter_manifest(self) -> None:
        """Name the converter's class for Java's ServiceLoader, which lets Connect start without scanning every jar."""
        manifest = self.folder("apicurio-converter") / MANIFEST
        if manifest.exists():
            return
        scratch = manifest.with_suffix(".part")
        with zipfile.ZipFile(scratch, "w") as jar:
            jar.writestr(
                "META-INF/services/org.apache.kafka.connect.storage.Converter",
                versions.CONVERTER_CLASS + "\n",
            )
        os.replace(scratch, manifest)


def is_here(jar: LockedJar, path: Path) -> bool:
    """Whether the file is in place; its content was checked when it arrived."""
    return path.exists() and path.stat().st_size == jar.size


def point(link: Path, target: Path) -> None:
    """Let a fixed name lead to the current folder (docker-compose.yml mounts it)."""
    scratch = link.with_suffix(".new")
    scratch.unlink(missing_ok=True)
    scratch.symlink_to(target.name)
    os.replace(scratch, link)


def disk_error(error: OSError, directory: Path) -> StackError:
    """Say in one sentence why a file could not be written."""
    if error.errno == errno.ENOSPC:
        return StackError(f"the disk of {directory} is full", "free some space and run the command again")
    place = error.filename or directory
    return StackError(f"{place} cannot be used ({error.strerror})", "check its owner and permissions, then try again")


@contextmanager
def exclusive(directory: Path) -> Iterator[None]:
    """Let one process at a time change the cache; the others wait for it and then find the files."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = (directory / "lock").open("w")
    except OSError as error:
        raise disk_error(error, directory) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
