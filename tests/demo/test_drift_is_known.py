"""The ledger knows the drift exactly: against SQL over the databases, without Concord and with somebody who corrects."""

from __future__ import annotations

import threading
import time
from datetime import date

import pytest

from demo.acts.words import CREDIT_RULE, ENTITLEMENT_RULE, INVOICE_RULE, STANDING_RULE
from demo.audit import remaining
from demo.company import Company
from demo.ledger import MUST, compare
from demo.traffic import Traffic, TrafficSettings

SETTLE_S = 1.0
TODAY = date(2026, 7, 1)


def traffic_of(company: Company, seed: int, patience_s: float = 0.0) -> Traffic:
    """A small company with a lot of drift."""
    settings = TrafficSettings(
        seed=seed,
        accounts=60,
        rate=80.0,
        drift_share=0.08,
        preload_drifts=6,
        settle_s=SETTLE_S,
        delay_margin_s=2.5,
        patience_s=patience_s,
    )
    traffic = Traffic(company, settings, TODAY)
    traffic.preload()
    return traffic


def run_for(traffic: Traffic, acts: int) -> None:
    """Work until so many acts are done, then stop."""
    traffic.start()
    traffic.work(acts)
    traffic.stop(60.0)


def test_preload_is_right_but_for_what_it_was_told(company: Company) -> None:
    """Loaded accounts agree in all three systems, except for exactly the objects that the ledger lists."""
    traffic = traffic_of(company, 1)
    assert remaining(company) == traffic.ledger.differing()
    assert len(traffic.ledger.differing()) == 6


def test_without_concord_what_differs_is_what_the_ledger_says(company: Company) -> None:
    """After hundreds of acts with drops, falsifications, delays and edits by hand, SQL and ledger agree on every object."""
    traffic = traffic_of(company, 2)
    run_for(traffic, 400)
    assert traffic.close() >= 0
    differing = traffic.ledger.differing()
    assert {rule for rule, _ in differing} >= {INVOICE_RULE, CREDIT_RULE, ENTITLEMENT_RULE}
    assert remaining(company) == differing


class Corrector(threading.Thread):
    """Stands in for Concord: finds by SQL what has differed for the settle time, and corrects it."""

    def __init__(self, company: Company) -> None:
        """Ends when `ending` is set."""
        super().__init__(daemon=True)
        self.company = company
        self.found: set[tuple[str, str]] = set()
        self.ending = threading.Event()
        self.error: BaseException | None = None
        #: the longest time from one look's begin to the next one's
        self.slowest_s = 0.0
        self._looked = time.monotonic()
        self._since: dict[tuple[str, str], float] = {}

    def run(self) -> None:
        """Look ten times a second."""
        try:
            while not self.ending.wait(0.1):
                self._look()
        except Exception as error:  # raised again in the test's thread
            self.error = error

    def _look(self) -> None:
        before = time.monotonic()
        self.slowest_s, self._looked = max(self.slowest_s, before - self._looked), before
        now = remaining(self.company)
        self._since = {pair: self._since.get(pair, before) for pair in now}
        for pair, since in list(self._since.items()):
            if before - since > SETTLE_S:  # seen in two looks so far apart
                self.found.add(pair)
                self._correct(*pair)

    def _correct(self, rule: str, object_id: str) -> None:
        """Drop what the target has; the entitlement and standing are set, the rest is made again by `remake`."""
        if rule in (ENTITLEMENT_RULE, STANDING_RULE):
            with self.company.connect("billing") as billing:
                row = billing.execute(WANTED.encode(), (object_id,)).fetchone()
            assert row is not None
            with self.company.connect("support") as support:
                support.execute(
                    b"UPDATE organizations SET service_level = CASE WHEN %s THEN %s ELSE service_level END, "
                    b"delinquent = CASE WHEN %s THEN delinquent ELSE %s END WHERE upper(trim(account_ref)) = %s",
                    (rule == ENTITLEMENT_RULE, row[0], rule == ENTITLEMENT_RULE, row[1], object_id),
                )
        else:
            remake(self.company, rule, object_id)


WANTED = """
SELECT coalesce((SELECT CASE max(CASE plan_code WHEN 'basic' THEN 1 WHEN 'pro' THEN 2 ELSE 3 END)
    WHEN 1 THEN 'standard' WHEN 2 THEN 'premium' ELSE 'enterprise' END
  FROM subscriptions s WHERE s.account_id = a.id AND s.status <> 'cancelled' HAVING count(*) > 0), 'none'),
  a.standing = 'delinquent' FROM accounts a WHERE a.number = %s
"""
STATES = {"open": "posted", "paid": "paid", "void": "cancelled"}


def remake(company: Company, rule: str, object_id: str) -> None:
    """Write the ERP's row as billing has it."""
    table, number = ("credits", "amount_minor") if rule == CREDIT_RULE else ("invoices", "total_minor")
    with company.connect("billing") as billing, company.connect("erp") as erp:
        query = f"SELECT a.number, t.{number} / (CASE a.currency WHEN 'JPY' THEN 1.0 WHEN 'KWD' THEN 1000.0 ELSE 100.0 END), t.* FROM {table} t JOIN accounts a ON a.id = t.account_id WHERE t.number = %s"
        row = billing.execute(query.encode(), (object_id,)).fetchone()
        assert row is not None
        code, amount, identity, status = row[0], row[1], row[2], row[5]
        customer = b"(SELECT id FROM customers WHERE code = %s)"
        if rule == CREDIT_RULE:
            erp.execute(
                b"INSERT INTO credit_notes (customer_id, reference, amount, posted_on) VALUES ("
                + customer
                + b", %s, %s, now()) "
                b"ON CONFLICT (reference) DO UPDATE SET amount = excluded.amount",
                (code, object_id, amount),
            )
            return
        made = erp.execute(
            b"INSERT INTO sales_invoices (customer_id, reference, state, total) VALUES (" + customer + b", %s, %s, %s) "
            b"ON CONFLICT (reference) DO UPDATE SET state = excluded.state, total = excluded.total RETURNING id",
            (code, object_id, STATES[status], amount),
        ).fetchone()
        assert made is not None
        erp.execute(b"DELETE FROM sales_invoice_lines WHERE sales_invoice_id = %s", made)
        for description, minor in billing.execute(
            b"SELECT description, amount_minor FROM invoice_lines WHERE invoice_id = %s", (identity,)
        ):
            currency = billing.execute(b"SELECT currency FROM accounts WHERE number = %s", (code,)).fetchone()
            assert currency is not None
            erp.execute(
                b"INSERT INTO sales_invoice_lines (sales_invoice_id, description, amount) VALUES (%s, %s, %s)",
                (made[0], description, major_of(minor, currency[0])),
            )


def major_of(minor: int, currency: str) -> str:
    """Minor units as decimal text, by a table of its own."""
    digits = {"JPY": 0, "KWD": 3}.get(currency, 2)
    return f"{minor}e-{digits}"


@pytest.mark.timeout(180)
def test_with_a_corrector_it_finds_exactly_what_the_ledger_demands(company: Company) -> None:
    """Drift that is corrected while acts go on: nothing missed, nothing unexplained, and the systems agree at the end."""
    traffic = traffic_of(company, 3, patience_s=20.0)
    corrector = Corrector(company)
    corrector.start()
    run_for(traffic, 600)
    deadline = time.monotonic() + 30.0
    while remaining(company) and time.monotonic() < deadline and corrector.error is None:
        corrector.ending.wait(0.05)
    corrector.ending.set()
    corrector.join()
    traffic.close()
    assert corrector.error is None
    assert remaining(company) == set()
    entries = traffic.ledger.entries(time.time(), margin_s=1.5 + 2 * corrector.slowest_s)
    comparison = compare(entries, corrector.found)
    assert comparison.missed == ()
    assert comparison.unexplained == ()
    assert sum(entry.verdict == MUST for entry in entries) > 20
