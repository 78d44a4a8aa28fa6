"""Dashboard and alerts ask for metrics that exist, with labels that they have; promtool tries the rest, `make check-deploy`."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from actum.client.metrics import format_metrics
from actum.model.quality import FACTS
from actum.store.rollups import LagRow, TotalRow

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD = json.loads((DEPLOY / "grafana" / "actum.json").read_text("utf-8"))
RULES = (DEPLOY / "prometheus" / "actum.rules.yml").read_text("utf-8")
TOTALS = [
    TotalRow(fact, "c", "s", "o", "r", 1, "k", "m", 0, 1, 1, Decimal(1), datetime(2026, 1, 5, tzinfo=UTC))
    for fact in FACTS
]
TEXT = format_metrics(TOTALS, LagRow(0, 0.0))
NAMES = set(re.findall(r"^(\w+)[ {]", TEXT, re.MULTILINE))
LABELS = set(re.findall(r'(\w+)="', TEXT))


def expressions() -> list[str]:
    """Return everything that is asked of Prometheus: by the dashboard, by its variables, by the rules."""
    variables = [one["query"]["query"] for one in DASHBOARD["templating"]["list"] if one["type"] == "query"]
    rules = re.findall(r"^        expr: (?:\|\n((?:          .*\n)+)|(.*))", RULES, re.MULTILINE)
    return [target["expr"] for target in targets()] + variables + ["".join(one) for one in rules]


def targets() -> list[dict[str, Any]]:
    return [target for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]


def test_every_metric_that_is_asked_for_exists() -> None:
    recorded = set(re.findall(r"- record: (\S+)", RULES))
    asked = {name for one in expressions() for name in re.findall(r"\bactum[_:][\w:]+", one)}
    assert asked - NAMES - recorded == set()
    assert recorded - asked == set(), "every recording is used"


def test_every_label_that_is_asked_for_is_one_that_metrics_have() -> None:
    named = [re.findall(r"(\w+)(?:=~|!~|!=|=)\"", one) for one in expressions()]
    grouped = [re.findall(r"\bby \(([^)]*)\)", one) for one in expressions()]
    asked = {label for labels in named for label in labels}
    asked |= {label for texts in grouped for text in texts for label in text.split(", ")}
    assert asked - LABELS == set()


@pytest.mark.parametrize("expression", expressions())
def test_replicas_say_the_same_so_none_is_added_to_another(expression: str) -> None:
    for found in re.finditer(r"\b(actum_\w+)", expression):
        before = expression[: found.start()]
        assert re.search(
            r"(max without \(instance, pod\) \(|min without \(instance, pod\) \(min_over_time\(|max\(|absent\(|label_values\()$",
            before,
        ), expression


def test_panels_and_alerts_are_told_apart() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    alerts = re.findall(r"- (?:alert|record): (\S+)", RULES)
    assert len(set(ids)) == len(ids)
    assert len(set(alerts)) == len(alerts)
    assert RULES.count("- alert: ") == RULES.count("severity: ") == RULES.count("summary: ")


def test_an_alert_names_commands_that_exist() -> None:
    from actum.cli.main import PLACES

    assert set(re.findall(r"`actum ([a-z-]+)", RULES)) - set(PLACES) == set()
