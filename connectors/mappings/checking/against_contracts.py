"""The mapping against the published contracts: is what it makes known in `avro/`?

code                what is wrong
CONTRACT_LACKS      the contract of an object, or a field of it, is not in the contracts' folder
UNKNOWN_TIER        a service level that the ownership rules do not know: nobody would be entitled to anything by it
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from connectors.mappings.account import Loc
from connectors.mappings.checking.findings import MappingFinding, at
from connectors.mappings.located_yaml import Located
from connectors.mappings.shape import MappingShape

CONTRACT_LACKS, UNKNOWN_TIER = "CONTRACT_LACKS", "UNKNOWN_TIER"
#: fields whose labels are tiers of the ownership rules
_TIERS = ("tier", "service_level")
#: rows that are part of another object's record
_PART_OF = {"invoice_line": "invoice", "case_event": "case", "customer": "account", "allocation": "payment"}
#: (system, object) whose fields are a record of their own inside the object's, under this name
_FACETS = {
    ("erp", "account"): "erp",
    ("erp", "invoice"): "erp",
    ("erp", "payment"): "erp",
    ("erp", "credit"): "erp",
    ("support", "entitlement"): "support",
    ("crm", "customer"): "crm",
}
#: fields that show in a field of another name, or of another contract: (object, field) -> (contract, field)
_SHOWN_AS = {
    ("invoice_line", "invoice"): ("invoice", "line_count"),
    ("invoice_line", "amount"): ("invoice", "line_sum_minor"),
    ("allocation", "payment"): ("payment", "allocations"),
    ("allocation", "invoice"): ("payment", "allocations"),
    ("allocation", "amount"): ("payment", "unallocated_minor"),
    ("case_event", "case"): ("case", "events"),
    ("subscription", "entitled_until"): ("entitlement", "until"),
}
#: (system, object) -> fields that are shown as they are; of others what is published is derived, or nothing is
_SHOWN = {
    ("billing", "account"): "currency standing reported_balance name region created_at",
    ("billing", "subscription"): "currency status tier plan mrr started_on paid_until valid_from valid_until ends_on",
    ("billing", "usage"): "subscription metric quantity used_at day zone",
    ("billing", "invoice"): "currency status total issued_on due_on net tax tax_rate in_flight",
    ("billing", "payment"): "currency invoice amount status method received_at in_flight",
    ("billing", "refund"): "currency payment amount reason refunded_at invoice",
    ("billing", "credit"): "currency amount reason created_at invoice net tax tax_rate",
    ("erp", "account"): "currency name version",
    ("erp", "invoice"): "currency state total posted_on version rate ledger_currency",
    ("erp", "payment"): "currency amount received_on",
    ("erp", "credit"): "currency amount posted_on version state invoice",
    ("crm", "customer"): "currency tier recurring_revenue urgent_case name version",
    ("support", "entitlement"): "service_level delinquent name version",
    (
        "support",
        "case",
    ): "status severity subject opened_at resolved_at service_level held_ms held_since merged_into due_at",
}
#: fields of a facet that show in the facet of another object
_FACET_SHOWN_AS = {
    ("erp", "payment", "invoice"): ("invoice", "erp", "received_minor"),
    ("erp", "payment", "rate"): ("invoice", "erp", "exchange_gain"),
}


def check_contracts(file: Located, shape: MappingShape, folder: Path) -> Iterator[MappingFinding]:
    """Every object has its contract, and every mapped field a place in one."""
    for name, table in shape.tables.items():
        if table.object is None:
            continue
        loc: Loc = ("tables", name, "object")
        contract = _PART_OF.get(table.object, table.object)
        if contract_fields(folder, contract) is None:
            yield at(file, loc, CONTRACT_LACKS, *_no_contract(folder, contract))
            continue
        for field in table.fields:
            where = published(shape.system, table.object, field)
            if where is not None and not _has(folder, where):
                problem = f"{'.'.join(where)}, which {field} becomes, is no field of the contracts in {folder}"
                step = "take the contracts of this version (CONCORD_CONTRACTS_DIR), or remove the field"
                yield at(file, ("tables", name, "fields", field), CONTRACT_LACKS, problem, step)


def check_tiers(file: Located, shape: MappingShape, tiers: Sequence[str]) -> Iterator[MappingFinding]:
    """Service levels are those of the ownership rules, which compare them with one another."""
    for name, table in shape.tables.items():
        for field in _TIERS:
            for label, tier in ((table.fields[field].values or {}) if field in table.fields else {}).items():
                if tier not in tiers:
                    problem = (
                        f"{tier} is no tier of the ownership rules, so nobody with {label} is entitled to anything"
                    )
                    step = f"use one of {', '.join(tiers)}, or add it to `tiers` in ownership.yaml"
                    yield at(
                        file, ("tables", name, "fields", field, "values", label or "null"), UNKNOWN_TIER, problem, step
                    )


def _no_contract(folder: Path, contract: str) -> tuple[str, str]:
    return f"there is no contract {folder / contract}.avsc", "set CONCORD_CONTRACTS_DIR to the folder of the contracts"


def published(system: str, kind: str, field: str) -> tuple[str, ...] | None:
    """(contract, field) or (contract, facet, field) in which a mapped field shows; None if none shows it by itself."""
    if (system, kind, field) in _FACET_SHOWN_AS:
        return _FACET_SHOWN_AS[system, kind, field]
    if (kind, field) in _SHOWN_AS:
        contract, name = _SHOWN_AS[kind, field]
        return (contract, "erp", name) if (system, kind) == ("erp", "invoice_line") else (contract, name)
    if field not in _SHOWN.get((system, kind), "").split():
        return None
    facet = _FACETS.get((system, kind))
    return (_PART_OF.get(kind, kind), facet, field) if facet else (kind, field)


def _has(folder: Path, where: tuple[str, ...]) -> bool:
    """Whether the contract has the field, as such or in minor units."""
    fields: Mapping[str, Any] = contract_fields(folder, where[0]) or {}
    for part in where[1:-1]:
        fields = _record_fields(fields.get(part))
    return where[-1] in fields or f"{where[-1]}_minor" in fields


@cache
def contract_fields(folder: Path, name: str) -> Mapping[str, Any] | None:
    """Field -> type of a contract, None if it is not there."""
    try:
        return _record_fields(json.loads((folder / f"{name}.avsc").read_text()))
    except OSError:
        return None


def _record_fields(schema: Any) -> Mapping[str, Any]:
    branches = schema if isinstance(schema, list) else [schema]
    records = [one for one in branches if isinstance(one, dict) and one.get("type") == "record"]
    return {field["name"]: field["type"] for record in records[:1] for field in record["fields"]}
