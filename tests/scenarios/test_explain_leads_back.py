"""From a document's number at the ERP back to the correction, who approved it, the intent and the rows it came from.

Planted breaks that were seen to fail here: a search that takes the first record of a row, not the newest; rows of
another account.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from confluent_kafka import Producer

from connectors.avro.writer import compile_writer, frame_prefix
from connectors.facts import fact_key, fact_value
from connectors.registry import Registry
from console.cli import main
from state.routing import partition_of
from tests.scenarios.dispatch_lab import DispatchLab, invoice

Output = pytest.CaptureFixture[str]
ROW = {
    "type": "record",
    "name": "Row",
    "fields": [{"name": "reference", "type": "string"}, {"name": "number", "type": ["null", "string"]}],
}
ENVELOPE = {"type": "record", "name": "Envelope", "fields": [{"name": "after", "type": ROW}]}


class Facts:
    """The facts topic of a lab, written with frames of a real schema."""

    def __init__(self, lab: DispatchLab) -> None:
        self._lab = lab
        number = Registry(lab.settings.registry_api).register(f"{lab.settings.prefix}row-value", ENVELOPE)
        self._encode = compile_writer(ENVELOPE, frame_prefix(number))
        self._producer = Producer({"bootstrap.servers": lab.settings.kafka})

    def put(self, table: str, key: str, position: int, account: str = "A-000001", **columns: Any) -> None:
        """One row as it is stored."""
        frame = self._encode({"after": {"number": None, **columns}})
        value = fact_value(account, "", position, position * 1000, frame)
        topic = f"{self._lab.settings.prefix}facts"
        self._producer.produce(topic, value, fact_key(table, key), partition_of(account, self._lab.settings.partitions))
        assert self._producer.flush(10) == 0


def explained(capsys: Output, document: str, code: int = 0) -> tuple[list[dict[str, Any]], str]:
    """What `concord explain` says."""
    capsys.readouterr()
    assert main(["explain", document, "--json"]) == code
    said = capsys.readouterr()
    return (json.loads(said.out)["corrections"] if said.out else []), said.err


def test_from_a_number_to_the_rows(lab: DispatchLab, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ERP's own number is in no correction: the captured row leads to it, and on to billing's row."""
    for name, value in lab.environment.items():
        if name.startswith("CONCORD_"):
            monkeypatch.setenv(name, value)
    wanted = invoice("INV-1", mode="propose", positions={"billing": 5, "erp": 0}, rule_version=3)
    lab.publish(wanted)
    lab.wait_state("PROPOSED", wanted)
    assert main(["corrections", "approve", wanted["id"], "--as", "ada", "--reason", "checked"]) == 0
    lab.wait_state("VERIFIED", wanted)
    facts = Facts(lab)
    facts.put("billing.public.invoices", "7", 5, reference="INV-1")
    facts.put("erp.public.sales_invoices", "3", 8, reference="INV-1", number="2026/0041")
    facts.put("erp.public.sales_invoices", "3", 9, reference="INV-1", number="2026/0042")
    facts.put("erp.public.sales_invoices", "4", 9, reference="INV-2", number="2026/0043")
    facts.put("erp.public.sales_invoices", "5", 9, account="A-000002", reference="INV-1", number="2026/0044")
    [told], _ = explained(capsys, "2026/0042")
    assert (told["correction"]["id"], told["correction"]["approved_by"]) == (wanted["id"], "ada")
    assert told["intent"]["rule_version"] == 3
    assert [(one["verb"], one["by"], one["reason"]) for one in told["decisions"]] == [("approve", "ada", "checked")]
    assert [one["state"] for one in told["history"]][-1] == "VERIFIED"
    assert [(row["source"], row["key"], row["position"], row["contributed"]) for row in told["rows"]] == [
        ("billing", "7", 5, True),
        ("erp", "3", 9, False),
    ]
    assert explained(capsys, "INV-1")[0] == explained(capsys, wanted["id"][:8])[0] == [told]
    ((note,),) = lab.company.erp.sql("SELECT note FROM service.effects WHERE key = %s", wanted["id"])
    assert note == f"Concord correction {wanted['id']}; as of billing 5, erp 0; approved by ada"
    assert explained(capsys, note)[0] == [told]
    assert main(["explain", "INV-1"]) == 0
    _, said = explained(capsys, "2026/0041", code=3)
    assert "no correction and no captured row bears '2026/0041'" in said
    _, said = explained(capsys, "2026/0043", code=3)
    assert "erp public.sales_invoices 4 of A-000001, which no correction has written" in said
    _, said = explained(capsys, "2026/0044", code=3)
    assert "of A-000002, which no correction has written" in said
