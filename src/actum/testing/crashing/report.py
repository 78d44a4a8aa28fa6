"""What `crash_everywhere` found, to be read in a terminal and in CI."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from actum.testing.crashing.judging import Fault
from actum.testing.crashing.notes import Boundary

WIDTH = 80


@dataclass(frozen=True, slots=True)
class Report:
    """The sweep of one workflow: `boundaries` are those it was killed at, `seconds` how long it all took."""

    call: str
    boundaries: tuple[Boundary, ...]
    faults: tuple[Fault, ...]
    seconds: float

    @property
    def is_sound(self) -> bool:
        """Whether every killed run came to the same as one that nobody killed."""
        return not self.faults

    def assert_sound(self) -> None:
        """Raise AssertionError with this report as its text unless the workflow is sound."""
        if self.faults:
            raise AssertionError(f"\n{self}")

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {
            "call": self.call,
            "is_sound": self.is_sound,
            "seconds": round(self.seconds, 1),
            "boundaries": [str(one) for one in self.boundaries],
            "faults": [
                {
                    "kind": one.kind.value,
                    "boundary": str(one.boundary) if one.boundary else None,
                    "step": one.step,
                    "what": one.what,
                    "twice": list(one.twice),
                    "cure": one.cure,
                }
                for one in self.faults
            ],
        }

    def __str__(self) -> str:
        count = len(self.boundaries)
        lines = _wrapped(f"{self.call}: killed at {count} boundaries")
        if self.is_sound:
            return "\n".join([*lines, "sound: each run came to the same, and nothing happened twice"])
        groups = _grouped(self.faults)
        for faults in groups:
            lines += ["", *_tell(faults)]
        lines += ["", f"{len(groups)} fault{'s' if len(groups) != 1 else ''}"]
        return "\n".join(lines)


def _grouped(faults: Sequence[Fault]) -> list[list[Fault]]:
    """Return faults of one kind and step together, in the order in which they were first met."""
    groups: dict[tuple[str, str | None], list[Fault]] = {}
    for fault in faults:
        groups.setdefault((fault.kind, fault.step), []).append(fault)
    return list(groups.values())


def _tell(faults: list[Fault]) -> Iterable[str]:
    fault = faults[0]
    if fault.boundary is None:
        yield from _wrapped("✗ without any kill")
    else:
        more = f" (and at {len(faults) - 1} more)" if len(faults) > 1 else ""
        yield from _wrapped(f"✗ killed {fault.boundary}{more}")
    yield from _wrapped(fault.what, "  ")
    for line in fault.twice:
        yield from _wrapped(line, "    · ", "      ")
    yield from _wrapped(fault.cure, "  → ", "    ")


def _wrapped(text: str, first: str = "", rest: str | None = None) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=first if rest is None else rest,
        break_on_hyphens=False,
    )
