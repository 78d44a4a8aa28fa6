"""For testing contracts: the pytest fixture `actum` with a database of its own, a clock that tests move, and crashes.

Names are imported at first use, because pytest loads this package wherever Actum is installed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actum.testing.crashing.everywhere import crash_everywhere
    from actum.testing.crashing.judging import Fault, FaultKind
    from actum.testing.crashing.notes import Boundary
    from actum.testing.crashing.report import Report
    from actum.testing.crashing.world import Question, world_folder
    from actum.testing.harness import Harness

__all__ = [
    "Boundary",
    "Fault",
    "FaultKind",
    "Harness",
    "Question",
    "Report",
    "crash_everywhere",
    "world_folder",
]

_HOME_OF = {
    "Boundary": "crashing.notes",
    "Fault": "crashing.judging",
    "FaultKind": "crashing.judging",
    "Harness": "harness",
    "Question": "crashing.world",
    "Report": "crashing.report",
    "crash_everywhere": "crashing.everywhere",
    "world_folder": "crashing.world",
}


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'actum.testing' has no attribute {name!r}")
    value = getattr(import_module(f"actum.testing.{home}"), name)
    globals()[name] = value
    return value
