"""The report of a run on real systems: one JSON object, and the verdict that the exit code is made of."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from connectors.kafka.restore import read_to_end
from demo.real.truth import traced, truth
from demo.report import counted, upgrades

if TYPE_CHECKING:
    from demo.real.run import RealDemo

#: what must be zero for the run to succeed, with the words of the report
MUST_BE_ZERO = {
    "partial_states": "partial states",
    "duplicates": "duplicates",
    "version_regressions": "versions that went back",
    "differences_left": "differences left between the three databases",
    "doubled": "documents in Tryton that were booked twice or left as drafts",
    "owed_wrong": "customers who owe another amount in Tryton than in billing",
    "missed_differences": "mistakes of the old integration that were not found",
    "unexplained_differences": "unexplained differences",
    "unverified_corrections": "corrections without proof of arrival",
    "untraced_corrections": "corrections that left no trace at their target",
    "mid_cycle_unnamed": "failures of an upgrade without customer, invoice, case or amount",
    "mid_cycle_unfollowed": "steps of an upgrade that did not follow",
}


def report(demo: RealDemo) -> dict[str, Any]:
    """Everything measured, and the three databases asked once more."""
    seen, now = demo.observer.finish(), truth(demo.systems)
    corrections = demo.corrections()
    found = found_by(demo)
    written = [
        one["id"] for one in corrections if one["state"] == "VERIFIED" and one["target"] != "crm"
    ]  # it keeps no notes
    missed, unexplained = demo.old.must - found, found - demo.old.must - demo.old.may
    unproven = [one for one in corrections if one["state"] not in ("VERIFIED", "SUPERSEDED")]
    return {
        "targets": "real",
        "acts": dict(demo.acts),
        "accounts": len(demo.business.customers),
        "transactions": seen.transactions,
        "cuts": seen.cuts,
        "records": seen.records,
        "partial_states": seen.partial_states,
        "duplicates": seen.duplicates,
        "version_regressions": seen.version_regressions,
        "planted": dict(Counter(demo.old.wrong.values())),
        "planted_must": len(demo.old.must),
        "planted_may": len(demo.old.may),
        "found": len(found),
        "missed_differences": len(missed),
        "unexplained_differences": len(unexplained),
        "corrections": dict(Counter(one["state"] for one in corrections)),
        "by_target": {
            f"{target} {thing}": n
            for (target, thing), n in sorted(
                Counter((one["target"], one["object"]) for one in corrections if one["state"] == "VERIFIED").items()
            )
        },
        "proof": dict(Counter(one["proof"] for one in corrections if one["state"] == "VERIFIED")),
        "unverified_corrections": len(unproven),
        "untraced_corrections": len(set(written) - traced(demo.systems, written)),
        "differences_left": len(now.differences),
        "doubled": len(now.doubled),
        "owed_wrong": len(now.owed),
        "problems": [
            *seen.problems[:5],
            *_differing("missed", missed),
            *_differing("unexplained", unexplained),
            *(f"{one['object']} {one['object_id']}: {one['code']} {one['reason']}" for one in unproven[:5]),
            *(*now.doubled[:5], *now.owed[:5]),
        ],
        "freshness_ms": seen.freshness_ms,
        "flows_rss_mb": round(demo.flows.rss_max_bytes / 1e6, 1),
        **counted(demo.mid_cycle),
    }


def _differing(what: str, found: set[tuple[str, str]]) -> list[str]:
    return [f"{what}: {rule} {name}" for rule, name in sorted(found)[:5]]


def found_by(demo: RealDemo) -> set[tuple[str, str]]:
    """(rule, object id) of every difference that outlived its settle time."""
    topic, partitions = demo.contracts.topic("intent"), list(range(demo.settings.partitions))
    batches = read_to_end(demo.settings.kafka, topic, partitions)
    told = [demo.contracts.read(value) for batch in batches for one in batch if (value := one.value()) is not None]
    ours = demo.scenario.story.object_ids  # told by themselves
    found = {(one["rule"], one["object_id"]) for one in told if one["state"] != "settling"}
    return {one for one in found if one[1] not in ours}


def failures(outcome: dict[str, Any]) -> list[str]:
    """What is not zero although it must be, in words; empty when the run succeeded."""
    return [f"{outcome[name]} {words}" for name, words in MUST_BE_ZERO.items() if outcome[name]]


def rows(outcome: dict[str, Any]) -> list[tuple[str, str]]:
    """The report as (what, value) lines for people."""
    fresh = outcome["freshness_ms"]
    return [
        ("targets", "Tryton 8.2 (ERP) and Request Tracker 5 (support), captured and written to"),
        ("business acts", _counts(outcome["acts"])),
        ("published", f"{outcome['records']:,} records in {outcome['cuts']:,} cuts"),
        ("partial states", f"{outcome['partial_states']} (an independent reader checked every commit number)"),
        ("got wrong", _counts(outcome["planted"])),
        ("differences found", f"{outcome['found']} (missed {outcome['missed_differences']} of {outcome['planted_must']}, unexplained {outcome['unexplained_differences']})"),
        ("corrections", _counts(outcome["corrections"])),
        ("VERIFIED at", _counts(outcome["by_target"])),
        ("proven by", _counts(outcome["proof"])),
        ("traces", f"{outcome['untraced_corrections']} of them left none at their target"),
        ("the three databases", f"{outcome['differences_left']} differences, {outcome['doubled']} doubled documents, {outcome['owed_wrong']} wrong balances"),
        ("freshness", f"p50 {fresh['p50']:.0f} ms, p99 {fresh['p99']:.0f} ms (source commit to visible, {fresh['n']:,} transactions)"),
        ("memory of all flows", f"{outcome['flows_rss_mb']:.0f} MB at most"),
        *upgrades(outcome["mid_cycle"]),
    ]  # fmt: skip


def _counts(told: dict[str, int]) -> str:
    return ", ".join(f"{n} {name}" for name, n in sorted(told.items())) or "none"
