"""java.lock pins every jar to the byte, and what does not match it never enters the cache."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from jgo.maven import MavenContext

from stack import jars, versions
from stack.errors import StackError
from stack.jars import JarCache
from stack.lockfile import LOCK, LockedJar, digest, format_lock, parse_lock, read_lock

CONTENT = b"a jar"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
ARCHIVE = LockedJar("registry", "io.example:server:tar.gz:all:1.0", SHA256, len(CONTENT))
JAR = LockedJar("kafka", "org.example.deep:library:jar:2.1", SHA256, len(CONTENT))


def test_what_is_written_is_read_back() -> None:
    """parse(format(x)) is x, sorted."""
    assert parse_lock(format_lock([ARCHIVE, JAR])) == (JAR, ARCHIVE)


def test_file_names_follow_maven() -> None:
    """A classifier stands between version and packaging."""
    assert (ARCHIVE.filename, JAR.filename) == ("server-1.0-all.tar.gz", "library-2.1.jar")


@pytest.mark.parametrize(
    "line",
    [
        "kafka org.example:library:jar:2.1",
        f"kafka org.example:library {SHA256} 5",
        f"kafka org.example:library:jar:2.1 {SHA256[:-1]} 5",
        f"kafka org.example:library:jar:2.1 {SHA256.upper()} 5",
        f"kafka org.example:library:jar:2.1 {SHA256} five",
        f"kafka org.example/x:library:jar:2.1 {SHA256} 5",
    ],
)
def test_a_damaged_line_is_named(line: str) -> None:
    """The error tells the line number and how to get a good file again."""
    with pytest.raises(StackError, match=r"line 2 is not .*concord stack lock"):
        parse_lock("# comment\n" + line, "java.lock")


def test_the_committed_lock_holds_the_versions_we_name() -> None:
    """Every wanted coordinate is locked, Kafka's own jars are in no plugin's folder, and no host is named."""
    locked = read_lock()
    found = {(jar.group, ":".join((jar.parts[0], jar.parts[1], jar.parts[4]))) for jar in locked}
    for group, wanted in versions.GROUPS.items():
        assert {(group, text.rstrip("!")) for text in wanted} <= found
    assert versions.REGISTRY_ARCHIVE in {jar.coordinate for jar in locked}
    plugin_owners = {jar.parts[0] for jar in locked if jar.group in versions.PLUGINS}
    assert plugin_owners.isdisjoint(versions.PLUGIN_EXCLUSIONS)
    kafka = {jar.parts[4] for jar in locked if jar.parts[0] == "org.apache.kafka"}
    assert kafka == {versions.KAFKA}
    assert not re.search(r"//|www\.", LOCK.read_text())


def test_another_lock_uses_other_folders() -> None:
    """A changed jar changes the folder's name, so two versions never mix on one class path."""
    other = LockedJar(JAR.group, JAR.coordinate, hashlib.sha256(b"else").hexdigest(), 4)
    assert digest([JAR]) != digest([other])
    assert digest([JAR, ARCHIVE]) == digest([ARCHIVE, JAR])


def repository(tmp_path: Path, content: bytes) -> Path:
    """A Maven repository on disk that holds JAR with this content."""
    folder = tmp_path / "repository" / "org" / "example" / "deep" / "library" / "2.1"
    folder.mkdir(parents=True)
    (folder / JAR.filename).write_bytes(content)
    return tmp_path / "repository"


def cache(tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> JarCache:
    """A cache that fetches from that repository instead of the network."""
    source = repository(tmp_path, content)
    monkeypatch.setattr(
        jars, "maven", lambda where, _advance: MavenContext(repo_cache=where, local_repos=[source], offline=True)
    )
    (tmp_path / "jars").mkdir()
    return JarCache(tmp_path / "jars")


def test_a_jar_enters_the_cache_when_it_matches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The right bytes end in the group's folder and nothing else stays behind."""
    here = cache(tmp_path, CONTENT, monkeypatch)
    here.download([JAR])
    assert (here.folder("kafka") / JAR.filename).read_bytes() == CONTENT
    assert [path.name for path in here.directory.iterdir()] == [here.folder("kafka").name]


def test_a_changed_jar_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Same length, other bytes: refused by name, and the cache holds nothing of it."""
    here = cache(tmp_path, b"a ja?", monkeypatch)
    with pytest.raises(StackError, match=r"org\.example\.deep:library:jar:2\.1: what arrived differs from the SHA-256"):
        here.download([JAR])
    assert not list(here.directory.iterdir())


def test_a_jar_that_cannot_be_fetched_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the coordinate and what to check."""
    here = cache(tmp_path, CONTENT, monkeypatch)
    absent = LockedJar("kafka", "org.example.deep:library:jar:9.9", SHA256, len(CONTENT))
    with pytest.raises(StackError, match=r"library:jar:9\.9: it cannot be fetched .*check the network"):
        here.download([absent])


def test_a_full_disk_is_named_before_the_first_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error tells what is free, what is needed, and the setting that moves the cache."""
    here = cache(tmp_path, CONTENT, monkeypatch)
    huge = LockedJar("kafka", JAR.coordinate, SHA256, 10**15)
    with pytest.raises(StackError, match=r"MB left, the jars need .*CONCORD_JARS_DIR"):
        here.require_disk([huge])
