"""The audit finds one lost record, one record too many, and one wrong value, and nothing in a true view."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from demo.audit import Wrong, audit
from demo.company import Company
from demo.traffic import Traffic, TrafficSettings
from demo.truth import Tables
from demo.truth_money import TRUTH

View = dict[str, dict[str, dict[str, Any]]]


def true_view(company: Company) -> View:
    """The view as Concord would publish it: instants as text, positions and flags added."""
    tables = Tables(company)
    try:
        return {
            kind: {key: published(record) for key, record in truth(tables).items()} for kind, truth in TRUTH.items()
        }
    finally:
        tables.close()


def published(value: Any) -> Any:
    """A record's value in its published form."""
    if isinstance(value, dict):
        return {name: published(inner) for name, inner in value.items()} | ({"position": 7} if "row" in value else {})
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


def worked(company: Company) -> View:
    """A small company after some hundred acts, and its true view."""
    traffic = Traffic(company, TrafficSettings(seed=5, accounts=40, rate=400.0), date(2026, 7, 1))
    traffic.preload()
    traffic.start()
    traffic.work(acts=300)
    traffic.stop()
    traffic.close()
    return true_view(company)


def test_a_true_view_passes(company: Company) -> None:
    """Every object kind occurs and every field is compared; nothing is found."""
    view = worked(company)
    assert all(view[kind] for kind in TRUTH)
    found = audit(company, view)
    assert found.exact
    assert found.compared == sum(len(records) for records in view.values())
    assert found.fields > found.compared * 5


def test_each_fault_is_found_and_named(company: Company) -> None:
    """A lost payment, an invoice that is nowhere, a cent too much, an ERP facet too many, a wrong type."""
    view = worked(company)
    lost = next(iter(view["payment"]))
    del view["payment"][lost]
    view["invoice"]["INV-0"] = {}
    account = next(iter(view["account"]))
    right = view["account"][account]["reported_balance_minor"]
    view["account"][account]["reported_balance_minor"] = right + 1
    case = next(iter(view["case"]))
    severity = view["case"][case]["severity"]
    view["case"][case]["severity"] = str(severity)
    found = audit(company, view)
    assert found.losses == (("payment", lost),)
    assert found.extras == (("invoice", "INV-0"),)
    assert set(found.wrong) == {
        Wrong("account", account, "reported_balance_minor", right, right + 1),
        Wrong("case", case, "severity", severity, str(severity)),
    }
    assert not found.exact
