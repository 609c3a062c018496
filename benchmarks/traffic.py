"""Lets a part of the workload arrive while the flow runs, and says how long each transaction took to become readable."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Thread

from benchmarks.flow import Flow, Seen
from benchmarks.load import Feed, Sent
from benchmarks.outcome import BenchmarkFailed, Reporter


class Traffic:
    """Sends what is left of a feed at a steady rate, in a thread. `sent` is complete once `finish` has returned."""

    def __init__(self, feed: Feed, rate: float, changes: int | None = None) -> None:
        """Starts at once; `rate` in changes a second, `changes` as in `Feed.send`."""
        self.sent: list[Sent] = []
        self._failed: BaseException | None = None
        self._thread = Thread(target=self._run, args=(feed, rate, changes), name="traffic", daemon=True)
        self._feed = feed
        self._thread.start()

    def _run(self, feed: Feed, rate: float, changes: int | None) -> None:
        try:
            self.sent = feed.send(changes, rate)
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for the end
            self._failed = error

    def follow(self, flow: Flow, reporter: Reporter) -> None:
        """Watch the flow until everything was sent and is readable. Raises BenchmarkFailed."""
        while self._thread.is_alive():
            flow.cuts(0.02)
            reporter.advance(self._feed.changes)
        if self._failed is not None:
            raise BenchmarkFailed(
                f"the workload could not be sent ({self._failed}). Next step: look at the broker's log"
            )
        if not flow.is_at(self._feed.targets):
            flow.reach(self._feed.targets, reporter)


def delays_ms(sent: Sequence[Sent], seen: Sequence[Seen], names: tuple[str, ...]) -> list[float]:
    """Milliseconds from the moment a transaction was whole in the broker's hands to the cut that shows it.

    Both in order of time. A transaction that no cut shows is left out.
    """
    delays: list[float] = []
    cuts = [iter(seen) for _ in names]
    current = [next(cut, None) for cut in cuts]
    for source, position, at_s in sent:
        cut = current[source]
        while cut is not None and cut.frontier.get(names[source], 0) < position:
            cut = current[source] = next(cuts[source], None)
        if cut is not None:
            delays.append((cut.at_s - at_s) * 1000)
    return delays
