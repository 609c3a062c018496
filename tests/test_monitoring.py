"""Alert rules and the scrape configuration speak of metrics and pages that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.metrics import CATALOGUE

ROOT = Path(__file__).resolve().parents[1]
RULES: list[dict[str, Any]] = yaml.safe_load((ROOT / "monitoring" / "alerts.yml").read_text())["groups"][0]["rules"]


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_every_alert_uses_metrics_that_exist(rule: dict[str, Any]) -> None:
    """An alert on a metric that nobody exports never fires."""
    known = {definition.name for definition in CATALOGUE}
    used = set(re.findall(r"concord_[a-z_]+", rule["expr"]))
    assert used and used <= known


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_every_alert_leads_to_a_page(rule: dict[str, Any]) -> None:
    """At three in the morning the runbook's link works."""
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert (ROOT / page).exists()
    assert not anchor or anchor in anchors(ROOT / page)
