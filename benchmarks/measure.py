"""Measure other processes: CPU seconds and resident memory of a process tree, sampled in a thread."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event, Thread
from time import monotonic

import psutil

#: seconds between two samples
EVERY_S = 0.2


@dataclass
class Usage:
    """CPU seconds so far (processes that ended included), peak of the summed resident memory, both of a whole tree."""

    cpu_s: float = 0.0
    rss_bytes_peak: int = 0
    samples: list[tuple[float, float, int]] = field(default_factory=list)

    def cpu_at(self, moment: float) -> float:
        """CPU seconds up to a moment (of the monotonic clock), as good as the sampling is."""
        until = [cpu for at, cpu, _ in self.samples if at <= moment + EVERY_S]
        return until[-1] if until else self.cpu_s


def spread(milliseconds: list[float]) -> dict[str, float]:
    """How many, and the 50th, 90th and 99th percentile and the maximum, one decimal; zeros if there are none."""
    ordered = sorted(milliseconds)
    if not ordered:
        return {"n": 0, "p50": 0.0, "p90": 0.0, "p99": 0.0, "max": 0.0}
    last = len(ordered) - 1
    shares = {
        name: round(ordered[round(last * share)], 1) for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))
    }
    return {"n": len(ordered), **shares, "max": round(ordered[-1], 1)}


class TreeMeter:
    """Samples the process `pid` and all of its descendants until stopped."""

    def __init__(self, pid: int, every_s: float = EVERY_S) -> None:
        """Starts sampling at once."""
        self.usage = Usage()
        self._pid = pid
        self.every_s = every_s
        self._cpu_of: dict[int, float] = {}
        self._stopped = Event()
        self._thread = Thread(target=self._run, name=f"meter-{pid}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        """Sample until told to stop."""
        while not self._stopped.is_set():
            self.sample()
            self._stopped.wait(self.every_s)

    def sample(self) -> None:
        """One sample: a process that ends in between keeps its last known CPU time."""
        rss = 0
        for process in _tree(self._pid):
            try:
                times = process.cpu_times()
                rss += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
            self._cpu_of[process.pid] = times.user + times.system
        self.usage.cpu_s = sum(self._cpu_of.values())
        self.usage.rss_bytes_peak = max(self.usage.rss_bytes_peak, rss)
        self.usage.samples.append((monotonic(), self.usage.cpu_s, rss))

    def stop(self) -> Usage:
        """The last sample and the end."""
        self._stopped.set()
        self._thread.join(5)
        self.sample()
        return self.usage


def _tree(pid: int) -> list[psutil.Process]:
    """The process and its descendants that live now."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


class Neighbours:
    """How much of the machine others take meanwhile: a number is only as good as the machine was quiet."""

    def __init__(self, own: tuple[int | None, ...]) -> None:
        """Counts from now on; `own` are processes that belong to the measurement and live longer than it."""
        self._own = (psutil.Process().pid, *own)
        self._before = self._taken()
        self._started = monotonic()

    def _taken(self) -> tuple[float, float]:
        """CPU seconds of the whole machine, and of our own long-lived processes."""
        times = psutil.cpu_times()
        busy = times.user + times.nice + times.system + getattr(times, "irq", 0.0) + getattr(times, "softirq", 0.0)
        return busy + getattr(times, "steal", 0.0), sum(map(cpu_seconds, self._own))

    def cores(self, measured_cpu_s: float) -> float:
        """Cores that were busy with other work on average; `measured_cpu_s` is what the measured tree used."""
        (busy, own), (busy_before, own_before) = self._taken(), self._before
        others = (busy - busy_before) - (own - own_before) - measured_cpu_s
        return round(max(0.0, others) / max(monotonic() - self._started, 0.001), 2)


def cpu_seconds(pid: int | None) -> float:
    """CPU seconds of one process so far; 0 if it is gone or not on this machine."""
    if pid is None:
        return 0.0
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system


def listening_pid(port: int) -> int | None:
    """The process that listens on a local TCP port (the broker, wherever it was started from)."""
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
            return connection.pid
    return None


def broker_pid(kafka: str) -> int | None:
    """The broker's process, if it runs on this machine; `kafka` are the bootstrap servers."""
    return listening_pid(int(kafka.split(",")[0].rsplit(":", 1)[1]))
