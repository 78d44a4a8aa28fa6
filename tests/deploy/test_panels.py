"""What panels show, as promtool evaluates them: what happens for the first time is shown, and what was before is not."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "actum.json").read_text("utf-8"))
UNPACKED = ROOT / ".venv" / "promtool" / "usr" / "bin"
PROMTOOL = shutil.which("promtool", path=f"{os.environ.get('PATH', '')}:{UNPACKED}")

EXPRESSIONS = sorted(
    {
        target["expr"]
        for panel in DASHBOARD["panels"]
        for target in panel.get("targets", [])
        if re.search(r"\bactum_\w+_(total|sum|count|bucket)\b", target["expr"])
    }
)
LABELS = dict.fromkeys(("step", "reason", "kind", "model", "tier"), "x") | {"contract": "pay"}
SEEN = "0x180"
"""That Prometheus was looking: the lag of the rollup, as each scrape brings it."""


def series_of(expression: str, values: str) -> list[dict[str, str]]:
    """Return a series of each counter in an expression, told by two replicas; of histograms one that took below 1 s."""
    wanted = re.search(r'outcome="(\w+)"', expression)
    labels = LABELS | {"outcome": wanted[1] if wanted else "lost"}
    said = ", ".join(f'{name}="{value}"' for name, value in labels.items())
    found = []
    for name in sorted(set(re.findall(r"\b(actum_\w+)\{", expression))):
        for edge in ('le="1"', 'le="+Inf"') if name.endswith("_bucket") else ("",):
            for replica in ("a", "b"):
                among = ", ".join(one for one in (f'instance="{replica}"', said, edge) if one)
                found.append({"series": f"{name}{{{among}}}", "values": values})
    return found


def expected_of(expression: str) -> dict[str, Any]:
    """Return the one sample that one event makes: a count and a mean of 1, or a share of the bucket it is in."""
    share = re.match(r"histogram_quantile\(([\d.]+),", expression)
    grouped = re.search(r"sum by \(([^)]*)\)", expression)
    names = [name for name in grouped[1].split(", ") if name != "le"] if grouped else []
    labels = ", ".join(f'{name}="{(LABELS | {"outcome": "lost"})[name]}"' for name in names)
    return {"labels": f"{{{labels}}}", "value": float(share[1]) if share else 1}


def group(expression: str, values: str, at: str) -> dict[str, Any]:
    asked = expression.replace("$contract", ".*").replace("$__range", "1h")
    lag = {"series": 'actum_rollup_lag_seconds{instance="a"}', "values": SEEN}
    return {
        "name": f"{values}: {expression[:80]}",
        "interval": "1m",
        "input_series": [lag, *series_of(expression, values)],
        "promql_expr_test": [{"expr": asked, "eval_time": at, "exp_samples": [expected_of(expression)]}],
    }


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not here: `make check-deploy` unpacks it")
@pytest.mark.parametrize(
    ("values", "at"),
    [("_x90 1x90", "95m"), ("7x90 8x90", "95m"), ("7x20 8x160", "30m")],
    ids=[
        "the first of anything counts one",
        "one more counts one",
        "what was before it looked counts nothing",
    ],
)
def test_a_panel_shows_one_for_one(values: str, at: str, tmp_path: Path) -> None:
    assert len(EXPRESSIONS) > 20
    file = tmp_path / "panels.test.yml"
    tests = [group(one, values, at) for one in EXPRESSIONS]
    file.write_text(json.dumps({"evaluation_interval": "1m", "tests": tests}), "utf-8")  # JSON is YAML
    done = subprocess.run([str(PROMTOOL), "test", "rules", str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
