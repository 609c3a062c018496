"""docs/performance.md: every benchmark in one call, its data file, its plots, and the page that is rendered from them."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from benchmarks.curve import curve, plot
from benchmarks.freshness import freshness
from benchmarks.idle import idle
from benchmarks.live import live_freshness
from benchmarks.memory import memory
from benchmarks.outcome import BenchmarkFailed, Reporter
from benchmarks.page_text import render
from benchmarks.peers.compare import SYSTEMS, compare
from benchmarks.plots import bars
from benchmarks.restart import restart
from benchmarks.skew import skew
from benchmarks.transaction import transaction
from connectors import compiled_state
from connectors.avro import native
from dataflows.settings import ROOT, Settings
from stack.errors import StackError

DATA, PAGE, PLOTS = Path("performance.json"), Path("performance.md"), Path("performance")


class Scale(NamedTuple):
    """How large every benchmark of a page is."""

    name: str
    changes: int
    curve_accounts: list[int]
    curve_processes: list[int]
    peer_accounts: int
    peer_rounds: int
    restart_accounts: list[int]
    rates: list[int]
    live_rates: list[int]
    live_accounts: int
    seconds: float
    invoices: int
    rows: int
    rows_accounts: int
    hot_accounts: list[int]


#: minutes on a busy laptop; and what the page is meant to show (about an hour on two quiet cores)
SMALL = Scale(
    "small",
    50_000,
    [1000, 10_000],
    [1, 2],
    5000,
    1,
    [1000, 10_000],
    [500],
    [200],
    500,
    10.0,
    5000,
    20_000,
    2000,
    [1000, 10_000],
)
FULL = Scale(
    "full", 1_000_000, [10_000, 100_000, 1_000_000], [1, 2, 4], 100_000, 3, [10_000, 100_000, 1_000_000], [1000, 5000], [500, 1000], 5000, 30.0, 200_000, 1_000_000, 10_000, [10_000, 100_000]
)  # fmt: skip
SCALES = {scale.name: scale for scale in (SMALL, FULL)}

Work = Callable[[Settings, Scale, Reporter], dict[str, Any]]
SECTIONS: dict[str, Work] = {
    "curve": lambda s, size, bar: curve(s, size.changes, size.curve_accounts, size.curve_processes, bar),
    "peers": lambda s, size, bar: compare(
        s, size.changes, size.peer_accounts, list(SYSTEMS), 2, bar, size.peer_rounds
    ),  # as many processes as they have threads
    "memory": lambda s, size, bar: memory(s, size.changes, size.hot_accounts[-1], size.hot_accounts, bar),
    "restart": lambda s, size, bar: restart(s, size.restart_accounts, 1, bar),
    "freshness": lambda s, size, bar: freshness(s, size.rates, size.seconds, size.rows_accounts, 1, bar),
    "live": lambda s, size, bar: live_freshness(s, size.live_rates, size.seconds, size.live_accounts, 1, bar),
    "idle": lambda s, size, bar: idle(s, size.seconds, size.rows_accounts, 1, bar),
    "skew": lambda s, size, bar: skew(s, size.invoices, 1, bar),
    "transaction": lambda s, size, bar: transaction(s, size.rows, size.rows_accounts, 1, bar),
}


def page(settings: Settings, folder: Path, scale: Scale, only: list[str], reporter: Reporter) -> dict[str, Any]:
    """Measure the sections, one after the other; each is written as soon as it is there. What failed keeps its old numbers."""
    failed: dict[str, str] = {}
    right = True
    for name in only:
        load = round(psutil.getloadavg()[0], 1)
        try:
            result = SECTIONS[name](settings, scale, reporter)
        except (BenchmarkFailed, StackError) as error:
            failed[name] = str(error)
            continue
        right = right and bool(result["right"])
        data = read(folder)
        data["machine"] = machine()
        data["sections"][name] = {
            "taken_on": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "revision": revision(),
            "scale": scale.name,
            "load_before": load,
            "result": result,
        }
        write(folder, data)
    return {"written": str(folder / PAGE), "failed": failed, "right": right and not failed}


def read(folder: Path) -> dict[str, Any]:
    """The page's data; empty if there is none yet."""
    path = folder / DATA
    empty: dict[str, Any] = {"machine": {}, "sections": {}}
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else empty
    return found


def write(folder: Path, data: dict[str, Any]) -> None:
    """The data file, the plots, the page."""
    (folder / PLOTS).mkdir(parents=True, exist_ok=True)
    (folder / DATA).write_text(json.dumps(data, indent=1) + "\n")
    for name, picture in pictures(data).items():
        (folder / PLOTS / name).write_text(picture)
    (folder / PAGE).write_text(render(data))


def pictures(data: dict[str, Any]) -> dict[str, str]:
    """The plots that the data allows: file name -> SVG."""
    found: dict[str, str] = {}
    notes = {name: f" (scale {section['scale']})" for name, section in data["sections"].items()}
    if "curve" in notes:
        found["curve.svg"] = plot(data["sections"]["curve"]["result"], notes["curve"])
    if "peers" in notes:
        systems = data["sections"]["peers"]["result"]["systems"]
        found["peers-rate.svg"] = bars(
            f"Catch-up rate{notes['peers']}", "changes/s", [(one["system"], one["changes_per_s"]) for one in systems]
        )
        found["peers-cpu.svg"] = bars(
            f"CPU without the broker{notes['peers']}",
            "s per million",
            [(one["system"], one["cpu_s_per_million"]) for one in systems],
        )
    return found


def machine() -> dict[str, Any]:
    """What the numbers were taken on."""
    info = Path("/proc/cpuinfo")
    models = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []  # fmt: skip
    return {
        "cores": psutil.cpu_count(),
        "cpu": models[0] if models else platform.machine(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "python": f"{platform.python_version()} of {sys.base_prefix}",
        "codec": native.codec(),
        "state": compiled_state.kind(),
    }


def revision() -> str:
    """The commit at hand, marked if the tree has changes."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+changes", "--exclude=*"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
