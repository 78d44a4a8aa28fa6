"""What stands of a workflow and its descendants, read from ledger and log: what a rollback's plan is made of.

The plan of a worker and the one that a client shows beforehand are made of the same rows by the same rule, so that
they say the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from actum.machine.ledger import EffectState
from actum.machine.rollback import (
    CHILD,
    FACTS,
    LAST,
    Course,
    Entry,
    Fact,
    Operation,
    Standing,
    plan,
    read_course,
)
from actum.model.events import EventKind
from actum.store.rows import ChildRow, FactRow, StandingRow
from actum.store.store import Store

_EMPTY = Course()


@dataclass(frozen=True, slots=True)
class Found:
    """What stands of one workflow and its descendants, the descendants, and the course that each of them took."""

    workflow_id: UUID
    rows: Sequence[StandingRow]
    children: Sequence[ChildRow]
    courses: Mapping[UUID, Course]

    @property
    def course(self) -> Course:
        """In which order things ended in the workflow itself."""
        return self.courses.get(self.workflow_id, _EMPTY)

    def plan(self, to: str | None) -> list[Entry]:
        """Return the plan of a rollback, of what came after the end of the address `to` where one is given."""
        return plan(self.stand(), self.course, to)

    def stand(self) -> list[Standing]:
        """Return the rows as a plan sees them; without what another workflow did when this one's attempt had failed."""
        born = {child.id: child for child in self.children}
        family = [self.workflow_id, *born]
        standing = []
        for row in self.rows:
            operation = row.kind, row.key
            if row.workflow_id in family:
                standing.append(self._stand(row, row.workflow_id, operation, born))
                continue
            sharer = next((one for one in family if self._shares(one, operation)), None)
            if sharer is not None:
                standing.append(self._stand(row, sharer, operation, born))
        return standing

    def _shares(self, workflow_id: UUID, operation: Operation) -> bool:
        end = self.courses.get(workflow_id, _EMPTY).ended.get(operation)
        return end is not None and (end.kind is EventKind.EFFECT_SHARED or end.outcome == "abandoned")

    def _stand(
        self, row: StandingRow, by: UUID, operation: Operation, born: Mapping[UUID, ChildRow]
    ) -> Standing:
        state, end = EffectState(row.state), self.courses.get(by, _EMPTY).ended.get(operation)
        is_open = end is None or state in (EffectState.STARTED, EffectState.IN_DOUBT)
        place: tuple[float, ...] = (LAST if end is None or is_open else end.seq,)
        child = born.get(by)
        while child is not None:
            place = (self._place(child), *place)
            child = born.get(child.parent)
        is_own = by == row.workflow_id
        return Standing(
            workflow_id=str(by),
            contract=row.contract,
            address=row.address if is_own or end is None else end.address,
            step=row.step,
            kind=row.kind,
            key=row.key,
            generation=row.generation,
            at=row.ended_at or row.started_at,
            place=place,
            state=state,
            reversibility=row.reversibility,
            held_by_others=row.held_by_others,
            is_shared=not is_own,
            undo=None if row.undo_state is None else EffectState(row.undo_state),
            is_result_lost=row.result is None,
        )

    def _place(self, child: ChildRow) -> float:
        """Return where a child finished in its parent's course; its parent may have stopped waiting for it before."""
        course = self.courses.get(child.parent, _EMPTY)
        end = course.ended.get((CHILD, str(child.id)))
        if end is not None:
            return end.seq
        return LAST if child.finished_at is None else course.find(child.finished_at)


async def read_found(store: Store, workflow_id: UUID) -> Found:
    """Return what a workflow and its descendants did and nobody undid, and the course they took."""
    family, children = [workflow_id], []
    level = family[:]
    while level:
        found = await store.effects.list_children(level)
        level = [child.id for child in found if child.id not in family]
        family += level
        children += found
    rows = await store.effects.list_standing(family)
    return Found(workflow_id, rows, children, await read_courses(store, family))


async def read_courses(store: Store, ids: Sequence[UUID]) -> dict[UUID, Course]:
    """Return the course of each of these workflows."""
    facts: dict[UUID, list[Fact]] = {}
    for row in await store.effects.list_facts(ids, FACTS):
        facts.setdefault(row.workflow_id, []).append(_fact(row))
    return {workflow_id: read_course(found) for workflow_id, found in facts.items()}


def _fact(row: FactRow) -> Fact:
    of = None
    if row.of_key is not None:
        of = row.of_kind or "", row.of_key
    elif row.of_child is not None:
        of = CHILD, row.of_child
    return Fact(row.seq, row.at, EventKind(row.kind), row.address, row.step, row.outcome, of)
