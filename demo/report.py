"""The demo's report: one JSON object, and the verdict that its exit code is made of."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from demo.audit import Audit, remaining
from demo.company import Company
from demo.ledger import Comparison
from demo.money import major

if TYPE_CHECKING:
    from demo.run import Demo

#: what must be zero for the demo to succeed, with the words of the report
MUST_BE_ZERO = {
    "partial_states": "partial states",
    "duplicates": "duplicates",
    "version_regressions": "versions that went back",
    "losses": "losses and wrong values against SQL",
    "unexplained_differences": "unexplained differences",
    "missed_differences": "planted differences that were not found",
    "unverified_corrections": "corrections without proof of arrival",
    "differences_left": "differences left in the databases",
    "mid_cycle_unnamed": "failures of an upgrade without customer, invoice, case or amount",
    "mid_cycle_unfollowed": "steps of an upgrade that did not follow",
}


def failures(report: dict[str, Any]) -> list[str]:
    """What is not zero although it must be, in words; empty when the demo succeeded."""
    return [f"{report[name]} {words}" for name, words in MUST_BE_ZERO.items() if report[name]]


def rows(report: dict[str, Any]) -> list[tuple[str, str]]:
    """The report as (what, value) lines for people."""
    fresh = report["freshness_ms"]
    return [
        ("source changes", f"{report['changes']:,} in {report['transactions']:,} transactions"),
        ("accounts", f"{report['accounts']:,}"),
        ("published", f"{report['records']:,} records in {report['cuts']:,} cuts"),
        ("balance", f"in {report['in']:,} = applied {report['applied']:,} + ignored {report['ignored']:,} + parked {report['parked']:,} + waiting {report['waiting']:,}"),
        ("partial states", f"{report['partial_states']} (an independent reader checked every commit number)"),
        ("duplicates / regressions", f"{report['duplicates']} / {report['version_regressions']}"),
        ("view against SQL", f"{report['compared']:,} objects, {report['fields']:,} fields, {report['losses']} wrong"),
        ("drift planted", f"{report['planted_must']} to find, {report['planted_may']} that healed near the settle time"),
        ("differences found", f"{report['found']} (missed {report['missed_differences']}, unexplained {report['unexplained_differences']})"),
        ("corrections", ", ".join(f"{n} {state}" for state, n in sorted(report["corrections"].items())) or "none"),
        ("differences left", f"{report['differences_left']}"),
        ("freshness", f"p50 {fresh['p50']:.0f} ms, p99 {fresh['p99']:.0f} ms (source commit to visible, {fresh['n']:,} transactions)"),
        ("memory of all flows", f"{report['flows_rss_mb']:.0f} MB at most"),
        *upgrades(report["mid_cycle"]),
    ]  # fmt: skip


def upgrades(scenario: dict[str, Any]) -> list[tuple[str, str]]:
    """A severity-one case is open and the plan is upgraded in mid-cycle: what follows, and how each step that fails is told."""
    lines = [
        (f"upgrade: {one['check']}", f"follows for {one['held']} of {one['of']} customers")
        for one in scenario["checks"]
    ]
    for one in scenario["named"]:
        failure, amount = one["failure"], major(one["amount_minor"], one["currency"])
        common = f"; common failure: {failure['common']}" if failure["common"] else ""
        text = (
            f"{failure['code']} after {one['named_s']:.1f} s: {one['customer']}, {one['invoice']}, {one['case']}, {amount} "
            f"{one['currency']}; {one['ended']} {one['ended_s']:.1f} s later{common}"
        )
        lines.append((f"failed: {failure['step']}", text))
    return lines


def report(demo: Demo, seen: Any, checked: Audit, found: Comparison) -> dict[str, Any]:
    """One flat object; numbers only come from what was measured."""
    counts: Counter[str] = Counter()
    for name, value in seen.counts.items():
        counts[name.rpartition(".")[2]] += value
    summary, corrections = demo.traffic.summary(), demo.corrections()
    return {
        "changes": counts["in"],
        "in": counts["in"],
        "applied": counts["applied"],
        "ignored": counts["ignored"],
        "parked": counts["parked"],
        "waiting": counts["in"] - counts["applied"] - counts["ignored"] - counts["parked"],
        "transactions": seen.transactions,
        "acts": summary["acts"],
        "accounts": len(seen.view.get("account", {})),
        "records": seen.records,
        "cuts": seen.cuts,
        "partial_states": seen.partial_states,
        "duplicates": seen.duplicates,
        "version_regressions": seen.version_regressions,
        "problems": seen.problems[:10],
        "compared": checked.compared,
        "fields": checked.fields,
        "losses": len(checked.losses) + len(checked.extras) + len(checked.wrong),
        "audit": [str(one) for one in (*checked.losses, *checked.extras, *checked.wrong)][:10],
        "planted_must": found.must,
        "planted_may": found.may,
        "found": found.found,
        "missed_differences": len(found.missed),
        "missed": [list(one) for one in found.missed],
        "unexplained_differences": len(found.unexplained),
        "unexplained": [list(one) for one in found.unexplained],
        "corrections": dict(corrections),
        "unverified_corrections": sum(n for state, n in corrections.items() if state not in ("VERIFIED", "SUPERSEDED")),
        "differences_left": len(remaining(Company(demo.settings.postgres))),
        "freshness_ms": seen.freshness_ms,
        "flows_rss_mb": round(demo.flows.rss_max_bytes / 1e6, 1),
        **counted(demo.mid_cycle),
    }


def counted(scenario: dict[str, Any]) -> dict[str, Any]:
    """The scenario of the upgrade, and how much of it was not as it must be."""
    return {
        "mid_cycle": scenario,
        "mid_cycle_unnamed": sum(not one["complete"] for one in scenario["named"]),
        "mid_cycle_unfollowed": sum(one["of"] - one["held"] for one in scenario["checks"]),
    }
