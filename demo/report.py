"""The demo's report: one JSON object, and the verdict that its exit code is made of."""

from __future__ import annotations

from typing import Any

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
    ]  # fmt: skip
