"""Which tier an effect has, who decides it, and why: a policy file read, ruled by, doubted, tried and compared.

The theory stands in `program.py`; the records a caller reads are in `ruling.py`.
"""

from __future__ import annotations

from actum.machine.policy.document import hash_policy, parse_policy
from actum.machine.policy.policy import Place, Policy
from actum.machine.policy.ruling import (
    STRICTEST,
    Batch,
    OnExpiry,
    Operation,
    Requirement,
    Ruling,
    rule_without_policy,
)

__all__ = [
    "STRICTEST",
    "Batch",
    "OnExpiry",
    "Operation",
    "Place",
    "Policy",
    "Requirement",
    "Ruling",
    "hash_policy",
    "parse_policy",
    "rule_without_policy",
]
