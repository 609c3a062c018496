"""Rewrites `stack/java.lock`: resolves the wanted Maven coordinates and fingerprints every file."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from jgo.maven import Artifact, MavenContext, PythonResolver

from stack import versions
from stack.errors import StackError
from stack.lockfile import LOCK, LockedJar, format_lock
from stack.progress import say


def maven(cache: Path, advance: Callable[[int], None] | None = None) -> MavenContext:
    """A Maven client in pure Python that keeps what it fetches in `cache` and reports the bytes that come in."""

    @contextmanager
    def progress(_filename: str, _size: int) -> Iterator[Callable[[int], None]]:
        yield advance or (lambda _count: None)

    return MavenContext(resolver=PythonResolver(progress_callback=progress), repo_cache=cache, timeout=60)


def locked(group: str, artifact: Artifact) -> LockedJar:
    """Download one artifact and write down what arrived."""
    try:
        path = artifact.resolve()
    except (RuntimeError, OSError) as error:
        raise StackError(
            f"{artifact} cannot be fetched ({error})",
            "check the network and the version in stack/versions.py",
        ) from error
    middle = f":{artifact.classifier}" if artifact.classifier else ""
    coordinate = f"{artifact.groupId}:{artifact.artifactId}:{artifact.packaging}{middle}:{artifact.version}"
    content = path.read_bytes()
    return LockedJar(group, coordinate, hashlib.sha256(content).hexdigest(), len(content))


def resolve_group(
    context: MavenContext, group: str, coordinates: Iterable[str], excluded: Iterable[str] = ()
) -> list[LockedJar]:
    """Every jar that the coordinates need at run time; nothing of the `excluded` group ids."""
    exclusions = [context.project(group_id, "*") for group_id in excluded]
    wanted = [context.create_dependency(text, exclusions) for text in coordinates]
    direct, transitive = context.resolver.resolve(wanted)
    return [locked(group, dependency.artifact) for dependency in direct + transitive if not dependency.optional]


def write_lock(path: Path = LOCK) -> int:
    """Resolve everything anew and replace the lock; returns the number of files in it."""
    cache = Path(tempfile.mkdtemp(prefix="concord-lock-"))
    try:
        context = maven(cache)
        jars: list[LockedJar] = []
        for group, coordinates in versions.GROUPS.items():
            # what Kafka brings itself must not stand a second time in a plugin's folder
            excluded = versions.PLUGIN_EXCLUSIONS if group in versions.PLUGINS else ()
            found = resolve_group(context, group, coordinates, excluded)
            say(f"{group}: {len(found)} jars")
            jars += found
        group_id, artifact_id, packaging, classifier, version = versions.REGISTRY_ARCHIVE.split(":")
        archive = context.project(group_id, artifact_id).at_version(version).artifact(classifier, packaging)
        jars.append(locked("registry", archive))
    finally:
        shutil.rmtree(cache, ignore_errors=True)
    path.write_text(format_lock(jars))
    return len(jars)
