"""A payment needs a way to what it pays: its own column, or a table whose rows divide it; the mapping says which by name."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

import pytest

from connectors.mappings.checking.check import check
from connectors.mappings.loading import MappingError, load_model

SOURCES = Path(__file__).resolve().parents[2] / "debezium"
CONTRACTS = SOURCES.parent / "avro"
TIERS = ("none", "standard", "premium", "enterprise")
OWN = (
    "    fields:\n      invoice: {reference: invoice_id, table: public.invoices}\n"
    "      amount: {money: amount_minor, units: minor}\n      status"
)
TABLE = "    object: allocation\n"


def edited(tmp_path: Path, *edits: tuple[str, str]) -> Path:
    """The demo's billing mapping, changed; its path."""
    copytree(SOURCES / "billing", tmp_path / "billing")
    path = tmp_path / "billing" / "mapping.yaml"
    text = path.read_text()
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new, 1)
    path.write_text(text)
    return path


def test_payments_with_rows_that_divide_them_are_marked(tmp_path: Path) -> None:
    """Only these cost anything; the column of their own may be left out then."""
    edited(tmp_path, (OWN, OWN.replace("      invoice: {reference: invoice_id, table: public.invoices}\n", "")))
    divided = [t.name for t in load_model(tmp_path, ("billing",)).tables if t.object and t.object.divided]
    assert divided == ["public.payments"]
    model = load_model(SOURCES, ("killbill",))
    assert [t.name for t in model.folded if t.object and t.object.divided] == ["derived.payment"]


def test_a_payment_that_nothing_says_the_invoice_of_is_refused(tmp_path: Path) -> None:
    """Neither a column nor a table: told at the payment's fields, with both ways out."""
    path = edited(
        tmp_path,
        (OWN, OWN.replace("      invoice: {reference: invoice_id, table: public.invoices}\n", "")),
        ("  public.payment_allocations:              # a payment without rows here pays its own invoice\n",
         '  public.payment_allocations:\n    ignore: "later"\n  public.other:\n'),
        (TABLE, "    object: usage\n"),
    )  # fmt: skip
    text = path.read_text()
    start = text.index("  public.other:\n")
    path.write_text(text[:start] + text[text.index("  public.refunds:\n") :])
    with pytest.raises(
        MappingError, match=r"mapping\.yaml:\d+:5: .*payment of billing needs field invoice .*allocation"
    ):
        load_model(tmp_path, ("billing",))


def test_rows_that_divide_something_else_are_refused(tmp_path: Path) -> None:
    """`payment` has to lead to payments, `invoice` to invoices."""
    edited(tmp_path, ("payment: {reference: payment_id, table: public.payments}\n      invoice",
                      "payment: {reference: payment_id, table: public.invoices}\n      invoice"))  # fmt: skip
    with pytest.raises(MappingError, match="payment of an allocation leads to a table of invoices"):
        load_model(tmp_path, ("billing",))


def test_the_check_knows_where_shares_show(tmp_path: Path) -> None:
    """`concord mapping check`: an allocation is part of the payment's contract."""
    report = check(edited(tmp_path).parent, CONTRACTS, None, TIERS)
    assert report.well, [str(one) for one in report.findings]
    lacking = tmp_path / "avro"
    copytree(CONTRACTS, lacking)
    payment = lacking / "payment.avsc"
    payment.write_text(payment.read_text().replace('"name": "allocations"', '"name": "shares"'))
    report = check(tmp_path / "billing", lacking, None, TIERS)
    assert {one.code for one in report.findings} == {"CONTRACT_LACKS"}
    assert "payment.allocations, which payment becomes" in str(report.findings[0])
