"""The mapping against the published contracts: is what it makes known in `avro/`?

code                what is wrong
CONTRACT_LACKS      the contract of an object, or a field of it, is not in the contracts' folder
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from connectors.located_yaml import Located
from connectors.mapping_account import Loc
from connectors.mapping_findings import MappingFinding, at
from connectors.mapping_shape import MappingShape

CONTRACT_LACKS = "CONTRACT_LACKS"
#: rows that are part of another object's record
_PART_OF = {"invoice_line": "invoice", "case_event": "case"}
#: (system, object) whose fields are a record of their own inside the object's, under this name
_FACETS = {
    ("erp", "account"): "erp",
    ("erp", "invoice"): "erp",
    ("erp", "payment"): "erp",
    ("erp", "credit"): "erp",
    ("support", "entitlement"): "support",
}
#: fields that show in a field of another name, or of another contract: (object, field) -> (contract, field)
_SHOWN_AS = {
    ("invoice_line", "invoice"): ("invoice", "line_count"),
    ("invoice_line", "amount"): ("invoice", "line_sum_minor"),
    ("case_event", "case"): ("case", "events"),
    ("subscription", "entitled_until"): ("entitlement", "until"),
}
#: fields that no record shows: what is published is derived from them, or they are for people who read the facts
_UNPUBLISHED = frozenset(("description", "kind", "at", "effective_at", "legs"))
_INVOICE_OF_PAYMENT = ("erp", "payment", "invoice"), ("invoice", "erp", "received_minor")
_RATE_OF_PAYMENT = ("erp", "payment", "rate"), ("invoice", "erp", "exchange_gain")
#: fields of a facet that show in the facet of another object
_FACET_SHOWN_AS = dict((_INVOICE_OF_PAYMENT, _RATE_OF_PAYMENT))


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


def _no_contract(folder: Path, contract: str) -> tuple[str, str]:
    return f"there is no contract {folder / contract}.avsc", "set CONCORD_CONTRACTS_DIR to the folder of the contracts"


def published(system: str, kind: str, field: str) -> tuple[str, ...] | None:
    """(contract, field) or (contract, facet, field) in which a mapped field shows; None if nothing publishes it."""
    if field in _UNPUBLISHED:
        return None
    if (system, kind, field) in _FACET_SHOWN_AS:
        return _FACET_SHOWN_AS[system, kind, field]
    facet = _FACETS.get((system, kind))
    if system == "erp" and kind == "invoice_line":
        return ("invoice", "erp", _SHOWN_AS[kind, field][1])
    if facet is None and (kind, field) in _SHOWN_AS:
        return _SHOWN_AS[kind, field]
    contract = _PART_OF.get(kind, kind)
    return (contract, facet, field) if facet else (contract, field)


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
