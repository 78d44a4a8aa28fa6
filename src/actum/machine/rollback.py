"""Which effects a rollback undoes, in which order, and which it leaves standing, by name and reason.

A rollback is a plan, made once from what stands in the ledger and written down before anything is undone: newest
first, a child's effects together at the place where the child finished. The plan is carried out entry by entry and
can be taken up again anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

HELD: Final = "another workflow holds it under the same key"
"""Why an effect is left standing although it could be undone."""


class Action(StrEnum):
    """What the plan does about one effect."""

    UNDO = "undo"
    COMPENSATE = "compensate"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Standing:
    """An effect that happened and was not undone.

    `finished_at` is when it happened, or when the child that did it finished; `within` orders the effects of one
    child among themselves. `reversibility` is `undoable`, `compensable` or `final`; `held_by_others` says that another
    unfinished or completed workflow counts on it.
    """

    workflow_id: str
    contract: str
    address: str
    step: str
    kind: str
    key: str
    generation: int
    finished_at: datetime
    within: datetime
    reversibility: str
    held_by_others: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the plan; `address` is its own, `undo.1` being the first to be carried out."""

    address: str
    action: Action
    why: str
    of: Standing


def plan(standing: Sequence[Standing]) -> list[Entry]:
    """Return the plan for what stands, newest first; effects to be left are entries too, so that the report names them."""
    ordered = sorted(standing, key=lambda one: (one.finished_at, one.within, one.address), reverse=True)
    return [_entry(number, one) for number, one in enumerate(ordered, start=1)]


def _entry(number: int, one: Standing) -> Entry:
    address = f"undo.{number}"
    if one.held_by_others:
        return Entry(address, Action.LEAVE, HELD, one)
    match one.reversibility:
        case "undoable":
            return Entry(address, Action.UNDO, "its exact reverse is declared", one)
        case "compensable":
            return Entry(address, Action.COMPENSATE, "its counter-action is declared", one)
        case _:
            return Entry(
                address, Action.LEAVE, "nothing can put it back: neither undo nor compensate is declared", one
            )


def judge(entries: Sequence[Entry], undone: frozenset[str]) -> str:
    """Return `complete`, or `partial` when anything was left standing or not undone."""
    whole = all(entry.action is not Action.LEAVE and entry.address in undone for entry in entries)
    return "complete" if whole else "partial"
