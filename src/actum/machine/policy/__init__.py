"""Which tier an effect has, who decides it, and why: a policy file read, ruled by, doubted, tried and compared.

The theory stands in `program.py`; the records a caller reads are in `ruling.py`.
"""

from __future__ import annotations

from actum.machine.policy.cases import CaseResult, run_cases
from actum.machine.policy.difference import difference
from actum.machine.policy.document import hash_policy, parse_policy
from actum.machine.policy.linting import Finding, lint, lint_text
from actum.machine.policy.policy import Place, Policy
from actum.machine.policy.ruling import (
    MOST_ITEMS,
    STRICTEST,
    Batch,
    OnExpiry,
    Operation,
    Requirement,
    Ruling,
    rule_without_policy,
)
from actum.machine.policy.shipped import DEFAULT_POLICY, DEV_POLICY
from actum.machine.policy.simulation import Past, Simulation, simulate
from actum.machine.policy.tracing import Considered, Looked, Truth
from actum.machine.policy.vocabulary import vocabulary

__all__ = [
    "DEFAULT_POLICY",
    "DEV_POLICY",
    "MOST_ITEMS",
    "STRICTEST",
    "Batch",
    "CaseResult",
    "Considered",
    "Finding",
    "Looked",
    "OnExpiry",
    "Operation",
    "Past",
    "Place",
    "Policy",
    "Requirement",
    "Ruling",
    "Simulation",
    "Truth",
    "difference",
    "hash_policy",
    "lint",
    "lint_text",
    "parse_policy",
    "rule_without_policy",
    "run_cases",
    "simulate",
    "vocabulary",
]
