"""Where the stack keeps things, on which ports it listens, and which components somebody else runs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from stack.errors import WrongSetting

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
PORT_BASE = 27000
PORT_BASE_MIN, PORT_BASE_MAX = 1024, 64_000
DATABASES = ("billing", "erp", "support", "crm", "registry")

# the port of each component, counted from CONCORD_PORT_BASE
OFFSETS = {
    "kafka": 92,
    "kafka-controller": 93,
    "connect": 83,
    "registry": 81,
    "registry-management": 82,
    "postgres": 32,
    "redis": 79,
    "erp": 51,
    "support": 52,
    "tryton": 53,
    "request-tracker": 54,
    "crm": 55,
    "metrics": 61,
    "cluster": 120,
}

# a component whose variable is set in the environment is somebody else's: it is used, never started or stopped
EXTERNAL = {
    "postgres": "CONCORD_POSTGRES",
    "kafka": "CONCORD_KAFKA",
    "registry": "CONCORD_REGISTRY",
    "connect": "CONCORD_CONNECT",
    "redis": "CONCORD_REDIS",
}


@dataclass(frozen=True)
class Addresses:
    """What `stack.json` holds: the settings (dataflows/settings.py) that point at this stack."""

    kafka: str
    connect: str
    registry: str
    postgres: str
    redis: str
    erp_url: str
    support_url: str
    tryton_url: str
    request_tracker_url: str
    metrics_port: int
    cluster_port: int

    def as_dict(self) -> dict[str, str | int]:
        """The fields by name, ready for JSON."""
        return asdict(self)

    def environment(self) -> dict[str, str]:
        """The same as CONCORD_* variables, for a process that is to use exactly this stack."""
        return {f"CONCORD_{name.upper()}": str(value) for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Layout:
    """One stack: its folder, its jar cache, its first port and the components that it does not run itself."""

    directory: Path
    jars: Path
    port_base: int = PORT_BASE
    external: Mapping[str, str] = field(default_factory=dict)

    @property
    def run(self) -> Path:
        """Pid files and generated configuration."""
        return self.directory / "run"

    @property
    def logs(self) -> Path:
        """One log file a component."""
        return self.directory / "logs"

    @property
    def data(self) -> Path:
        """What a restart must find again."""
        return self.directory / "data"

    @property
    def stack_json(self) -> Path:
        """Where the addresses are written."""
        return self.directory / "stack.json"

    def port(self, name: str) -> int:
        """The port of a component on loopback."""
        return self.port_base + OFFSETS[name]

    def log(self, name: str) -> Path:
        """The log file of a component."""
        return self.logs / f"{name}.log"

    def pid_file(self, name: str) -> Path:
        """The pid file of a component."""
        return self.run / f"{name}.pid"

    def addresses(self) -> Addresses:
        """Own addresses, with those that the environment gives in their place."""
        own = {
            "kafka": f"{HOST}:{self.port('kafka')}",
            "connect": f"http://{HOST}:{self.port('connect')}",
            "registry": f"http://{HOST}:{self.port('registry')}",
            "postgres": f"host={HOST} port={self.port('postgres')} user=postgres",
            "redis": f"redis://{HOST}:{self.port('redis')}/0",
        }
        own.update(self.external)
        return Addresses(
            **own,
            erp_url=f"http://{HOST}:{self.port('erp')}",
            support_url=f"http://{HOST}:{self.port('support')}",
            tryton_url=f"http://{HOST}:{self.port('tryton')}",
            request_tracker_url=f"http://{HOST}:{self.port('request-tracker')}",
            metrics_port=self.port("metrics"),
            cluster_port=self.port("cluster"),
        )


def port_base(text: str | None) -> int:
    """The number behind CONCORD_PORT_BASE; WrongSetting unless it leaves room for every component."""
    if not text:
        return PORT_BASE
    if not text.isdecimal() or not PORT_BASE_MIN <= int(text) <= PORT_BASE_MAX:
        raise WrongSetting(
            f"CONCORD_PORT_BASE is {text!r}, which is not a number from {PORT_BASE_MIN} to {PORT_BASE_MAX}",
            f"unset it (then {PORT_BASE} is used) or give another one",
        )
    return int(text)


def layout_from(environment: Mapping[str, str] | None = None) -> Layout:
    """Read CONCORD_STACK_DIR, CONCORD_JARS_DIR, CONCORD_PORT_BASE and the addresses of external components."""
    env = os.environ if environment is None else environment
    return Layout(
        directory=Path(env.get("CONCORD_STACK_DIR") or ROOT / ".stack").resolve(),
        jars=Path(env.get("CONCORD_JARS_DIR") or ROOT / ".stack" / "jars").resolve(),
        port_base=port_base(env.get("CONCORD_PORT_BASE")),
        external={name: env[variable] for name, variable in EXTERNAL.items() if env.get(variable)},
    )
