"""The company at work: preload, acts at a given rate, the old integration beside it, and the ledger of what it got wrong."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

from psycopg import sql

from demo.carrier import Timing
from demo.company import Company, Connection
from demo.integration import Integration
from demo.ledger import Ledger
from demo.planner import Planner
from demo.preload import preload
from demo.writer import Writers

HAND_MADE_FROM = 1_000_000_000  # sequences start here, so rows inserted by hand never meet the generator's own ids
NUMBERED = {
    "billing": (
        "accounts",
        "subscriptions",
        "usage",
        "invoices",
        "invoice_lines",
        "payments",
        "payment_allocations",
        "refunds",
        "credits",
    ),
    "support": ("organizations", "cases", "case_events"),
}
ERP_LOADED = ("customers", "sales_invoices")


@dataclass(frozen=True, slots=True)
class TrafficSettings:
    """How much of everything. `rate` is acts per second; times in seconds."""

    seed: int = 1
    accounts: int = 1000
    rate: float = 50.0
    drift_share: float = 0.0
    preload_drifts: int = 0
    settle_s: float = 4.0
    delay_margin_s: float = 8.0
    patience_s: float = 20.0
    threads: int = 2


class Traffic:
    """One run. `preload`, then `start`, later `stop` (acts end, the integration catches up), then `close`."""

    def __init__(self, company: Company, settings: TrafficSettings, today: date | None = None) -> None:
        """Nothing touches a database before `preload` or `start`."""
        self.settings = settings
        self.ledger = Ledger(settings.settle_s)
        self.planner = Planner(settings.seed, today or datetime.now(UTC).date(), settings.drift_share)
        late_s = (settings.settle_s * 0.6, settings.settle_s + 1.0)
        timing = Timing(late_s, settings.settle_s + settings.delay_margin_s, settings.patience_s)
        self.integration = Integration(company, self.ledger, timing, settings.threads)
        self.writers = Writers(company, self.integration, settings.threads)
        self.error: BaseException | None = None
        self.seconds = 0.0
        self._company = company
        self._ending = threading.Event()
        self._pacer = threading.Thread(target=self._pace, name="pacer", daemon=True)
        self._ids_taken = False

    def preload(self) -> float:
        """Load the accounts of the settings; returns the seconds it took."""
        began = time.monotonic()
        self._take_ids()
        for wrong in preload(self._company, self.planner.scene, self.settings.accounts, self.settings.preload_drifts):
            self.integration.mark(wrong.account, wrong.rule, wrong.object_id, wrong.shown)
            self.ledger.planted(wrong.rule, wrong.object_id, wrong.desired, wrong.kind, wrong.at)
            self.ledger.carried(wrong.rule, wrong.object_id, wrong.shown, wrong.at, wrong.at)
        self._reserve_erp_ids()
        return time.monotonic() - began

    def start(self) -> None:
        """Start the integration, the writers and the acts."""
        self._take_ids()
        self.integration.start()
        self.writers.start()
        self._pacer.start()

    def work(self, acts: int) -> None:
        """Go on until so many acts are done in all; raises the first error of a writer."""
        while sum(sum(dict(writer.done).values()) for writer in self.writers.threads) < acts:
            self.writers.raise_error()
            self._ending.wait(0.02)

    def stop(self, timeout_s: float = 120.0) -> None:
        """No more acts; waits until the last ones are committed and carried, the delayed carries too; raises the first error."""
        self._ending.set()
        self._pacer.join()
        self.writers.close()
        if self.error is not None:
            raise self.error
        self.integration.drain(timeout_s)

    def close(self) -> int:
        """End the integration; returns how many receipts found no invoice in the ERP."""
        return self.integration.close()

    def summary(self) -> dict[str, Any]:
        """Counts of the run so far, as plain data for JSON."""
        done: Counter[str] = Counter()
        for writer in self.writers.threads:
            done += Counter(dict(writer.done))  # copied in one step: the thread goes on counting
        return {
            "settings": asdict(self.settings),
            "seconds": round(self.seconds, 3),
            "acts": sum(done.values()),
            "acts_per_second": round(sum(done.values()) / self.seconds, 1) if self.seconds else 0.0,
            "kinds": dict(sorted(done.items())),
            "accounts": len(self.planner.book.accounts) - len(self.planner.book.gone),
            "transactions": sum(writer.transactions for writer in self.writers.threads),
            "rolled_back": sum(writer.rolled_back for writer in self.writers.threads),
            "statements": sum(writer.statements for writer in self.writers.threads),
            "carried": self.integration.carried,
            "planted": self.integration.faults + self.settings.preload_drifts,
        }

    def _pace(self) -> None:
        """Hand out acts on a fixed schedule; a slow database makes the schedule late, never the acts fewer."""
        began = time.monotonic()
        planned = 0
        try:
            while not self._ending.is_set():
                wait_s = began + planned / self.settings.rate - time.monotonic()
                if wait_s > 0 and self._ending.wait(wait_s):
                    break
                self.writers.submit(self.planner.next())
                planned += 1
                meddling = self.planner.meddling()
                if meddling is not None:
                    self.writers.submit(meddling)
                self.seconds = time.monotonic() - began
        except Exception as error:  # noqa: BLE001 - handed to stop(), which raises it
            self.error = error

    def _take_ids(self) -> None:
        """Number after the rows that are there, and move the sequences out of the way."""
        if self._ids_taken:
            return
        for system, tables in NUMBERED.items():
            with self._company.connect(system) as conn:
                for table in tables:
                    self.planner.book.start_after(table, _last_id(conn, table))
                    _move_sequence(conn, table, HAND_MADE_FROM)
        with self._company.connect("erp") as conn:
            for table in ERP_LOADED:
                self.planner.book.start_after(f"erp.{table}", _last_id(conn, table))
        self._ids_taken = True

    def _reserve_erp_ids(self) -> None:
        """The ERP numbers its rows itself from here on."""
        with self._company.connect("erp") as conn:
            for table in ERP_LOADED:
                _move_sequence(conn, table, _last_id(conn, table) + 1)


def _last_id(conn: Connection, table: str) -> int:
    query = sql.SQL("SELECT coalesce(max(id), 0) FROM {} WHERE id < %s").format(sql.Identifier(table))
    row = conn.execute(query, (HAND_MADE_FROM,)).fetchone()
    return int(row[0]) if row else 0


def _move_sequence(conn: Connection, table: str, at_least: int) -> None:
    """The table's id sequence goes on at `at_least` or where it is, whatever is more."""
    query = "SELECT setval(s, greatest(nextval(s), %s)) FROM pg_get_serial_sequence(%s, 'id') AS s"
    conn.execute(query, (at_least, table))
