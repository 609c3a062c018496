"""The independent witness of a run: reads every published cut and checks it, while the flows run."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from dataclasses import dataclass
from typing import Any

from connectors.registry import Registry
from demo.cuts import Cut, CutReader
from demo.frames import FrameDecoder
from demo.invariants import Invariants

#: freshness samples kept; beyond it a uniform sample of all
SAMPLES_MAX = 50_000


@dataclass(slots=True)
class Seen:
    """What the witness saw until the end."""

    view: dict[str, dict[str, dict[str, Any]]]
    counts: dict[str, int]
    cuts: int
    records: int
    transactions: int
    partial_states: int
    duplicates: int
    version_regressions: int
    problems: list[str]
    freshness_ms: dict[str, float]


class Observer:
    """Reads in a thread of its own from `start` on; `finish` reads the rest."""

    def __init__(self, bootstrap: str, prefix: str, registry: Registry) -> None:
        self._bootstrap, self._prefix = bootstrap, prefix
        self._decode = FrameDecoder(registry).decode
        self._reader: CutReader | None = None
        self._invariants = Invariants()
        self._samples: list[float] = []
        self._sampled = 0
        self._random = random.Random(1)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="observer", daemon=True)
        self._failed: BaseException | None = None
        self._progress: dict[str, Any] = {}
        self._live_cut = 0
        self._transactions: set[tuple[str, int]] = set()
        self.cuts = self.records = 0

    @property
    def live(self) -> bool:
        """Whether a cut of the whole view has been seen. Raises what stopped the reading."""
        if self._failed is not None:
            raise self._failed
        return self._live_cut > 0

    @property
    def frontier(self) -> dict[str, int]:
        """{source: position} of the newest cut seen."""
        return dict(self._progress.get("frontier", {}))

    def start(self) -> None:
        """Begin to read as soon as the topics are there."""
        self._thread.start()

    def _follow(self) -> None:
        try:
            while self._reader is None and not self._ending.wait(0.1):
                with contextlib.suppress(LookupError):
                    self._reader = CutReader(self._bootstrap, self._prefix, self._decode)
            while self._reader is not None and not self._ending.is_set():
                for cut in self._reader.poll(0.05):
                    self._take(cut)
        except BaseException as error:  # noqa: BLE001 - handed to the thread that asks for `live` or `finish`
            self._failed = error

    def _take(self, cut: Cut) -> None:
        self.cuts += 1
        self.records += len(cut.records)
        self._progress = cut.progress
        self._invariants.frontier(cut.number, cut.progress["frontier"])
        touched: set[tuple[str, str]] = set()
        for record in cut.records:
            body = None if record.frame is None else self._decode(record.frame)
            if record.object == "change":
                if body is not None and self._live_cut:
                    self._transactions.add((body["source"], body["position"]))
                    self._sample(cut.arrived_s * 1000 - body["time_ms"])
                continue
            touched.add((record.object, record.key))
            self._invariants.apply(cut.number, record.object, record.key, record.frame, body)
        if cut.progress["live"] and not self._live_cut:
            self._live_cut = cut.number
        self._invariants.check(cut.number, touched)

    def _sample(self, milliseconds: float) -> None:
        self._sampled += 1
        if len(self._samples) < SAMPLES_MAX:
            self._samples.append(milliseconds)
        elif (place := self._random.randrange(self._sampled)) < SAMPLES_MAX:
            self._samples[place] = milliseconds

    def freshness_ms(self) -> dict[str, float]:
        """p50 and p99 of source commit to visible, over transactions since the view went live."""
        ordered = sorted(self._samples)
        if not ordered:
            return {"n": 0, "p50": 0.0, "p99": 0.0, "max": 0.0}
        return {
            "n": self._sampled,
            "p50": round(ordered[len(ordered) // 2], 1),
            "p99": round(ordered[int(len(ordered) * 0.99)], 1),
            "max": round(ordered[-1], 1),
        }

    def moment(self) -> dict[str, Any]:
        """Counts so far, for a live table."""
        problems = self._invariants.problems
        return {
            "cuts": self.cuts,
            "records": self.records,
            "partial_states": problems["partial_states"],
            "freshness_ms": self.freshness_ms(),
        }

    def finish(self, timeout_s: float = 30.0) -> Seen:
        """Stop following, read to the end, and say what was seen. Raises what stopped the reading."""
        self._stop()
        if self._failed is not None:
            raise self._failed
        if self._reader is None:
            raise LookupError("no canonical topic was ever seen. Next step: read the log of the canonical flow")
        deadline = time.monotonic() + timeout_s
        for cut in self._reader.finish(max(deadline - time.monotonic(), 1.0)):
            self._take(cut)
        problems = self._invariants.problems
        broken = sum(self._reader.problems.values())
        return Seen(
            self._invariants.view,
            dict(self._progress.get("counts", {})),
            self.cuts,
            self.records,
            len(self._transactions),
            problems["partial_states"],
            problems["duplicates"],
            problems["version_regressions"] + broken,
            self._invariants.examples + [f"{n} times: {what}" for what, n in self._reader.problems.items()],
            self.freshness_ms(),
        )

    def _stop(self) -> None:
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(30)

    def close(self) -> None:
        """Leave the broker."""
        self._stop()
        if self._reader is not None:
            self._reader.close()
            self._reader = None
