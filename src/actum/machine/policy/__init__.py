"""Which tier an effect has, who decides it, and why: a policy file read, ruled by, doubted, tried and compared.

The theory stands in `program.py`; the records a caller reads are in `ruling.py`.
"""

from __future__ import annotations

from actum.machine.policy.ruling import STRICTEST, Ruling, rule_without_policy

__all__ = ["STRICTEST", "Ruling", "rule_without_policy"]
