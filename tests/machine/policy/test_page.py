"""The reference page is true: its policy is read without a doubt, and its case passes."""

from __future__ import annotations

import re
from pathlib import Path

from actum.machine.policy import DEFAULT_POLICY, DEV_POLICY, lint, parse_policy, run_cases
from actum.machine.policy.grammar import KEYS, TABLES

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "policy-file.md").read_text("utf-8")


def test_the_example_and_its_case_hold() -> None:
    example, cases, *shipped = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    policy = parse_policy(example)
    assert [] == lint(policy)
    assert [()] == [one.differences for one in run_cases(policy, cases)]
    assert [DEFAULT_POLICY, DEV_POLICY] == shipped


def test_every_table_has_keys_and_stands_on_the_page() -> None:
    assert list(TABLES) == list(KEYS)
    assert [] == [key.name for keys in KEYS.values() for key in keys if f"| `{key.name}` |" not in PAGE]
