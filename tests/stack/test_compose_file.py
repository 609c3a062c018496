"""docker-compose.yml is valid, publishes on loopback only and runs exactly what stack/ runs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from stack import versions
from stack.connect import worker_policy
from stack.kafka import broker_policy
from stack.layout import DATABASES, EXTERNAL, ROOT, layout_from
from stack.postgres import SETTINGS
from stack.registry import storage

FILE = ROOT / "docker-compose.yml"
PROFILES = {"core", "demo", "obs"}
PLACE = {"listen_addresses", "unix_socket_directories"}  # settings that depend on the place, not on what is run


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The parsed file, anchors and merges resolved."""
    parsed: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return parsed


def test_the_file_is_valid_compose(compose: dict[str, Any]) -> None:
    """The published compose-spec JSON schema accepts it."""
    schema = json.loads(Path(__file__).with_name("compose-spec.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(compose)


def test_an_engine_accepts_it_where_there_is_one() -> None:
    """`docker compose config` (or docker-compose) reads every profile without complaint."""
    candidates = (["docker", "compose"], ["docker-compose"])
    tool = next((words for words in candidates if shutil.which(words[0]) and answers([*words, "version"])), None)
    if tool is None:
        pytest.skip("no docker compose on this machine; the schema test stands in for it")
    command = [
        *tool,
        "-f",
        str(FILE),
        *(word for name in sorted(PROFILES) for word in ("--profile", name)),
        "config",
        "-q",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def answers(command: list[str]) -> bool:
    """Whether the command exists and succeeds."""
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_ports_are_published_on_loopback_only(compose: dict[str, Any]) -> None:
    """Nothing is reachable from another machine: every port says 127.0.0.1, every service lives in one namespace."""
    for name, service in compose["services"].items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name
        assert name == "loopback" or service["network_mode"] == "service:loopback", name


def test_addresses_are_those_of_the_plain_processes(compose: dict[str, Any]) -> None:
    """A test or a person uses the same addresses whichever way the stack was started."""
    addresses = layout_from({}).addresses()
    published = {port.split(":")[1] for port in compose["services"]["loopback"]["ports"]}
    environment = compose["services"]["demo"]["environment"]
    for name, variable in EXTERNAL.items():
        assert environment[variable] == getattr(addresses, name)
        assert str(layout_from({}).port(name)) in published


def test_every_image_is_pinned(compose: dict[str, Any]) -> None:
    """An image names its full version, so that the same file starts the same thing next year."""
    for name, service in compose["services"].items():
        assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+[\w.-]*", service["image"]), name


def test_versions_are_those_of_the_plain_processes(compose: dict[str, Any]) -> None:
    """Both ways run the same versions; Debezium and the converter come from the same lock."""
    images = {name: service["image"] for name, service in compose["services"].items()}
    assert images["kafka"] == images["connect"] == f"apache/kafka:{versions.KAFKA}"
    assert images["registry"] == f"apicurio/apicurio-registry:{versions.REGISTRY}"
    assert images["postgres"] == f"postgres:{versions.POSTGRES}"
    assert images["redis"] == f"valkey/valkey:{versions.VALKEY}"
    assert "fetch" in compose["services"]["jars"]["command"][-1]
    assert "jars:/jars:ro" in compose["services"]["connect"]["volumes"]


def test_profiles_are_core_demo_and_obs(compose: dict[str, Any]) -> None:
    """core is the components, demo adds the demo, obs adds what watches it."""
    members = {profile: set[str]() for profile in PROFILES}
    for name, service in compose["services"].items():
        for profile in service["profiles"]:
            members[profile].add(name)
    assert set(EXTERNAL) < members["core"]
    assert members["demo"] - members["core"] == {"demo"}
    assert members["obs"] - members["demo"] == {"prometheus", "grafana"}


def test_settings_are_those_of_the_plain_processes(compose: dict[str, Any]) -> None:
    """Broker, worker, database and registry are configured alike in both."""
    services = compose["services"]
    broker = services["kafka"]["environment"]
    for key, value in broker_policy().items():
        assert broker[f"KAFKA_{key.upper().replace('.', '_')}"] == str(value), key
    worker = dict(line.split("=", 1) for line in services["connect"]["environment"]["CONNECT_PROPERTIES"].split())
    for key, value in worker_policy().items():
        assert worker[key] == str(value), key
    assert storage(layout_from({}).addresses().postgres).items() <= services["registry"]["environment"].items()
    database = set(services["postgres"]["command"])
    assert {f"{key}={value}" for key, value in SETTINGS.items() if key not in PLACE} < database
    statements = (ROOT / "stack" / "databases.sql").read_text()
    assert tuple(re.findall(r"create database (\w+);", statements)) == DATABASES
