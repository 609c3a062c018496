"""Two billing products that keep the same facts: the demo's, and one that shares nothing with it. Rows in, wire bytes out."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.scenarios.cases.capture import Event
from tests.scenarios.cases.company import DAY as DATE
from tests.scenarios.cases.company import TABLES, TEXT, mapping_of, topic
from tests.scenarios.cases.products.facts import CURRENCIES, Fact
from tests.scenarios.cases.wire import Wire

Row = dict[str, Any]
MICROS = {"type": "long", "connect.name": "io.debezium.time.MicroTimestamp"}
ZONED = {"type": "string", "connect.name": "io.debezium.time.ZonedTimestamp"}
AMOUNT = {"type": "bytes", "logicalType": "decimal", "precision": 18, "scale": 3}
QUANTITY = {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}
MAPPING = Path(__file__).parent / "ledgerly" / "mapping.yaml"
_OTHERS = ("erp.customers", "erp.sales_invoices", "support.organizations")
_LEDGERLY: dict[str, tuple[tuple[str, ...], Row]] = {
    "clients": (("client_key",), {
        "client_key": "string", "ref": "string", "title": TEXT, "money": "string", "area": TEXT, "grade": "int",
        "owed": AMOUNT, "since": MICROS,
    }),
    "contracts": (("contract_no",), {
        "contract_no": "int", "client_key": "string", "stage": "string", "product": "string", "offer": "string",
        "monthly": AMOUNT, "begins": ZONED, "paid_to": ["null", MICROS],
    }),
    "meterings": (("contract_no", "seq"), {
        "contract_no": "int", "seq": "int", "what": "string", "amount": QUANTITY, "at": MICROS,
    }),
    "docs": (("doc_id",), {
        "doc_id": "long", "contract_no": "int", "code": "string", "phase": "int", "gross": AMOUNT, "issued": ZONED,
        "due": DATE,
    }),
    "doc_items": (("doc_id", "pos"), {
        "doc_id": "long", "pos": "int", "value": AMOUNT, "text": TEXT, "pro_rata": "boolean",
    }),
    "settlements": (("settlement_no",), {
        "settlement_no": "long", "doc_id": "long", "value": AMOUNT, "outcome": "string", "channel": TEXT, "at": MICROS,
    }),
    "reversals": (("reversal_no",), {
        "reversal_no": "long", "settlement_no": "long", "value": AMOUNT, "why": TEXT, "at": MICROS,
    }),
    "bonuses": (("code",), {"code": "string", "contract_no": "int", "value": AMOUNT, "why": TEXT, "at": MICROS}),
}  # fmt: skip


class _Product(Wire):
    """A billing product beside the same ERP and support desk."""

    name: str

    def __init__(self, folder: Path, mapping: str, tables: dict[str, tuple[tuple[str, ...], Row]]) -> None:
        """`tables` are those of the product, by topic."""
        others = {topic(name): (("id",), {"id": "long", **TABLES[name]}) for name in _OTHERS}
        mappings = {self.name: mapping, "erp": mapping_of("erp", {}), "support": mapping_of("support", {})}
        super().__init__(folder, mappings, {**tables, **others})

    def event(self, fact: Fact) -> Event:
        """The row change that says the fact."""
        table, row = self.row(fact)
        if fact.gone:
            return self.drop(table, **{name: row[name] for name in self.keys[table]})
        return self.put(table, **row)

    def row(self, fact: Fact) -> tuple[str, Row]:
        """(topic, row image)."""
        raise NotImplementedError


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Demo(_Product):
    """The demo's billing: keys of one number, minor units, texts."""

    name = "billing"

    def __init__(self, folder: Path) -> None:
        """Its own mapping."""
        tables: dict[str, tuple[tuple[str, ...], Row]] = {
            topic(name): (("id",), {"id": "long", **TABLES[name]}) for name in TABLES if name.startswith("billing.")
        }
        super().__init__(folder, mapping_of("billing", {}), tables)

    def row(self, fact: Fact) -> tuple[str, Row]:
        """(topic, row image)."""
        v, key = fact.values, {"id": fact.number}
        if fact.kind == "account":
            row: Row = {"number": v["id"], "name": v["name"], "currency": v["currency"], "region": v["region"],
                        "standing": v["standing"], "balance_minor": v["balance"], "created_at": _iso(v["at"])}  # fmt: skip
            return topic("billing.accounts"), key | row
        if fact.kind == "subscription":
            row = {"account_id": v["account"], "plan_code": v["plan"], "status": v["status"], "mrr_minor": v["mrr"],
                   "started_on": v["day"], "paid_until": _iso(v["until"])}  # fmt: skip
            return topic("billing.subscriptions"), key | row
        if fact.kind == "invoice":
            row = {"account_id": v["account"], "number": f"INV-{fact.number}", "status": v["status"],
                   "total_minor": v["total"], "issued_on": v["day"], "due_on": v["due"]}  # fmt: skip
            return topic("billing.invoices"), key | row
        if fact.kind == "line":
            row = {"invoice_id": v["invoice"], "description": v["text"], "amount_minor": v["amount"]}
            return topic("billing.invoice_lines"), key | row
        if fact.kind == "payment":
            row = {"invoice_id": v["invoice"], "amount_minor": v["amount"], "status": v["status"], "method": v["method"],
                   "received_at": _iso(v["at"])}  # fmt: skip
            return topic("billing.payments"), key | row
        if fact.kind == "refund":
            row = {
                "payment_id": v["payment"],
                "invoice_id": None,
                "amount_minor": v["amount"],
                "reason": v["reason"],
            }
            return topic("billing.refunds"), key | row | {"refunded_at": _iso(v["at"])}
        if fact.kind == "usage":
            row = {"subscription_id": v["subscription"], "metric": v["metric"], "quantity": v["quantity"]}
            return topic("billing.usage"), key | row | {"used_at": _iso(v["at"])}
        row = {
            "account_id": v["account"],
            "number": f"CR-{fact.number}",
            "amount_minor": v["amount"],
            "reason": v["reason"],
        }
        return topic("billing.credits"), key | row | {"created_at": _iso(v["at"])}


class Ledgerly(_Product):
    """Another product: see its mapping."""

    name = "ledgerly"

    def __init__(self, folder: Path) -> None:
        """The mapping of the folder."""
        super().__init__(
            folder, MAPPING.read_text(), {f"ledgerly.app.{name}": table for name, table in _LEDGERLY.items()}
        )

    def row(self, fact: Fact) -> tuple[str, Row]:
        """(topic, row image); an account has one contract, which bears its number."""
        name, row = getattr(self, f"_{fact.kind}")(fact.number, fact.values)
        return f"ledgerly.app.{name}", row

    @staticmethod
    def _account(number: int, v: Row) -> tuple[str, Row]:
        grade = ("good", "delinquent", "closed").index(v["standing"])
        return "clients", {"client_key": f"c-{number}", "ref": v["id"], "title": v["name"], "money": v["currency"],
                           "area": v["region"], "grade": grade, "owed": _major(v, "balance"), "since": v["at"] * 1000}  # fmt: skip

    @staticmethod
    def _subscription(number: int, v: Row) -> tuple[str, Row]:
        stage = {"trial": "TRIALING", "active": "LIVE", "past_due": "LAPSED", "cancelled": "ENDED"}[v["status"]]
        return "contracts", {"contract_no": number, "client_key": f"c-{v['account']}", "stage": stage,
                             "product": {"basic": "S", "pro": "M", "enterprise": "L"}[v["plan"]], "offer": v["plan"],
                             "monthly": _major(v, "mrr"), "begins": _berlin_morning(v["day"]), "paid_to": v["until"] * 1000}  # fmt: skip

    @staticmethod
    def _usage(number: int, v: Row) -> tuple[str, Row]:
        return "meterings", {"contract_no": v["subscription"], "seq": number, "what": v["metric"],
                             "amount": _unscaled(Decimal(v["quantity"]), 2), "at": v["at"] * 1000}  # fmt: skip

    @staticmethod
    def _invoice(number: int, v: Row) -> tuple[str, Row]:
        phase = ("draft", "open", "paid", "void").index(v["status"])
        return "docs", {"doc_id": number, "contract_no": v["account"], "code": f"INV-{number}", "phase": phase,
                        "gross": _major(v, "total"), "issued": _berlin_morning(v["day"]), "due": v["due"]}  # fmt: skip

    @staticmethod
    def _line(_number: int, v: Row) -> tuple[str, Row]:
        key = {"doc_id": v["invoice"], "pos": v["place"]}
        return "doc_items", key | {"value": _major(v, "amount"), "text": v["text"], "pro_rata": False}

    @staticmethod
    def _payment(number: int, v: Row) -> tuple[str, Row]:
        outcome = {"pending": "WAIT", "succeeded": "OK", "failed": "KO"}[v["status"]]
        return "settlements", {"settlement_no": number, "doc_id": v["invoice"], "value": _major(v, "amount"),
                               "outcome": outcome, "channel": v["method"], "at": v["at"] * 1000}  # fmt: skip

    @staticmethod
    def _refund(number: int, v: Row) -> tuple[str, Row]:
        return "reversals", {"reversal_no": number, "settlement_no": v["payment"], "value": _major(v, "amount"),
                             "why": v["reason"], "at": v["at"] * 1000}  # fmt: skip

    @staticmethod
    def _credit(number: int, v: Row) -> tuple[str, Row]:
        return "bonuses", {"code": f"CR-{number}", "contract_no": v["account"], "value": _major(v, "amount"),
                           "why": v["reason"], "at": v["at"] * 1000}  # fmt: skip


def _major(values: Row, name: str) -> bytes:
    """An amount in major units, as Connect writes a decimal."""
    return _unscaled(Decimal(values[name]).scaleb(-CURRENCIES[values["currency"]]), 3)


def _unscaled(number: Decimal, scale: int) -> bytes:
    whole = int(number.scaleb(scale))
    return whole.to_bytes(whole.bit_length() // 8 + 1, "big", signed=True)


def _berlin_morning(day: int) -> str:
    """An instant whose day is another one in Greenwich: half an hour after midnight in Berlin."""
    return _iso(day * 86_400_000 - 1_800_000)
