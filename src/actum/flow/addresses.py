"""Where a call stands in its workflow.

The root of a body numbers what it does `1`, `2`, `3`. A task that is born takes the next number of its parent and
numbers what it does below that: the second call of the task born at `4` has the address `4.2`. An address thus
depends on what a task did before, never on which of several tasks was faster.
"""

from __future__ import annotations

from typing import TypeAlias

Address: TypeAlias = str
"""`"3"`, `"4.1"`, `"4.2.1"`."""

OUTSIDE_TASKS = "0"
"""The path of what plain callbacks ask for, which no task can be named for."""


class Path:
    """One task's numbering: `take()` gives its next address."""

    __slots__ = ("prefix", "taken")

    def __init__(self, address: Address = "") -> None:
        self.prefix = f"{address}." if address else ""
        self.taken = 0

    def take(self) -> Address:
        """Take the next address of this path; no address is given twice."""
        self.taken += 1
        return f"{self.prefix}{self.taken}"
