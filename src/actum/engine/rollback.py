"""Carries out a workflow's undos: one plan, newest first, each undo once, resumable anywhere.

The body has ended and everything it started is settled before the plan is made. The plan is the event
`workflow.rolling_back`; each undo then is an effect of its own (kind `….undo`, an intent in the ledger, retries, a
way out of doubt) at an address `undo.N`. A new holder reads plan and records, and goes on with the first entry that
has no outcome. An undo that fails stops the plan as `blocked`, and `resume` takes it up again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from actum.authoring.effect import Effect
from actum.engine.execution import as_data
from actum.engine.log import Record
from actum.engine.transactional_undo import undo_of
from actum.errors import NotFound
from actum.flow import Command
from actum.machine.ledger import EffectState
from actum.machine.rollback import HELD, Action, Entry, Standing, judge, plan
from actum.model.events import EventKind
from actum.model.workflow import FINAL, Cause, Status
from actum.store.rows import ChildRow, StandingRow
from actum.store.store import Store

if TYPE_CHECKING:
    from actum.engine.runner import Runner

logger = logging.getLogger("actum.rollback")

LOOK_AGAIN = 1_000_000
"""Microseconds between two looks at children that have not ended yet."""


async def read_standing(store: Store, workflow_id: UUID) -> tuple[list[StandingRow], list[ChildRow]]:
    """Return what a workflow and its descendants did and nobody undid, and the descendants."""
    family, children = [workflow_id], []
    level = family[:]
    while level:
        found = await store.effects.list_children(level)
        level = [child.id for child in found if child.id not in family]
        family += level
        children += found
    return await store.effects.list_standing(family), children


def stand(
    rows: Sequence[StandingRow],
    children: Sequence[ChildRow],
    reversibility: Callable[[StandingRow], str],
    now: datetime,
) -> list[Standing]:
    """Return ledger rows as the plan sees them: a child's effects stand where the child finished."""
    finished = {child.id: child for child in children}
    standing = []
    for row in rows:
        if row.state != "succeeded":
            continue
        ended = place = row.ended_at or now
        child = finished.get(row.workflow_id)
        while child is not None:
            place = child.finished_at or place
            child = finished.get(child.parent)
        standing.append(
            Standing(
                workflow_id=str(row.workflow_id),
                contract=row.contract,
                address=row.address,
                step=row.step,
                kind=row.kind,
                key=row.key,
                generation=row.generation,
                finished_at=place,
                within=ended,
                reversibility=reversibility(row),
                held_by_others=row.held_by_others,
            )
        )
    return standing


@dataclass(frozen=True, slots=True)
class UndoRequest:
    """What is undone: the effect, its arguments and result as recorded, and its key."""

    effect: Effect[..., Any]
    arguments: bytes
    result: bytes
    argument_hash: bytes
    key: str
    generation: int

    @property
    def name(self) -> str:
        """The name under which the undo is recorded."""
        return f"{self.effect.name}.undo"

    @property
    def kind(self) -> str:
        """The operation kind of the undo."""
        return f"{self.effect.kind}.undo"

    def receive(self, outcome: object) -> None:
        """An undo brings no body anything."""


class Rollback:
    """The rollback of one held workflow."""

    def __init__(self, runner: Runner, reason: str, actor: str | None, why: str) -> None:
        self._runner = runner
        history = runner.history
        self._reason = history.plan_reason or reason
        self._actor = actor
        self._why = history.plan_why if history.plan_reason else why
        self._plan: list[dict[str, Any]] = []
        self._rows: dict[tuple[str, str, int], StandingRow] = {}
        self._family = "{}"
        self.is_reading = False
        self.due: int | None = None

    def begin(self) -> None:
        """Read what stands and make the plan, or go on with the one that is recorded."""
        self._plan = self._runner.history.plan
        self.is_reading, self.due = True, None
        self._runner.when_durable(lambda: self._runner.spawn(self._read, "rollback"))

    async def _read(self) -> None:
        runner = self._runner
        rows, children = await read_standing(runner.store, runner.workflow_id)
        self.is_reading = False
        if runner.is_over:
            return
        if any(child.status not in FINAL for child in children):
            self.due = runner.now() + LOOK_AGAIN
            runner.consider()
            return
        self.due = None
        self._rows = {(row.kind, row.key, row.generation): row for row in rows}
        self._family = "{" + ",".join(map(str, (runner.workflow_id, *(child.id for child in children)))) + "}"
        # What a person said about an undo waited for it to be there; while that is read, nothing is parked.
        runner.outsiders.read_anyway()
        runner.guarded(self._start, rows, children)
        runner.consider()

    def _start(self, rows: list[StandingRow], children: list[ChildRow]) -> None:
        if not self._plan:
            self._write_plan(rows, children)
        elif self._leave_what_is_held():
            self._record_plan("another workflow has come to hold what was to be undone")
        elif self._runner.status is not Status.ROLLING_BACK:
            self._runner.record(
                Record(EventKind.WORKFLOW_ROLLING_BACK, self._runner.now(), actor=self._actor)
            )
        self._next()

    def _write_plan(self, rows: list[StandingRow], children: list[ChildRow]) -> None:
        runner = self._runner
        now = runner.worker.clock.now_as_datetime()
        standing = stand(rows, children, self._reversibility, now)
        to = runner.history.rollback_to
        if to is not None:
            limit = runner.history.ended_at.get(to)
            standing = [one for one in standing if limit is None or one.finished_at > limit]
        self._plan = [_as_json(entry) for entry in plan(standing)]
        self._record_plan(self._why)

    def _record_plan(self, why: str) -> None:
        runner = self._runner
        runner.history.plan = self._plan
        record = Record(
            EventKind.WORKFLOW_ROLLING_BACK,
            runner.now(),
            reason=self._reason,
            actor=self._actor,
            data=as_data(why=why, plan=self._plan),
        )
        runner.record(record)

    def _leave_what_is_held(self) -> bool:
        """Change the plan where somebody joined an effect after it was made; whether anything changed."""
        changed = False
        for entry in self._plan:
            row = self._rows.get((entry["kind"], entry["key"], entry["generation"]))
            is_held = row is not None and row.held_by_others and row.state == EffectState.SUCCEEDED
            if is_held and entry["action"] != Action.LEAVE:
                entry["action"], entry["why"] = Action.LEAVE.value, HELD
                changed = True
        return changed

    def _reversibility(self, row: StandingRow) -> str:
        effect = self._effect(row.contract, row.step)
        return "final" if effect is None else effect.reversibility

    def _effect(self, contract: str, step: str) -> Effect[..., Any] | None:
        found = self._runner.worker.contracts.get(contract)
        try:
            effect = found.step_named(step) if found is not None else None
        except NotFound:
            return None
        return effect if isinstance(effect, Effect) else None

    # carrying out

    def _next(self) -> None:
        runner = self._runner
        for entry in self._plan:
            if entry["action"] == Action.LEAVE or entry["address"] in runner.history.undone:
                continue
            self._undo(entry)
            return
        self._finish()

    def _undo(self, entry: dict[str, Any]) -> None:
        runner = self._runner
        effect = self._effect(entry["contract"], entry["step"])
        row = self._rows.get((entry["kind"], entry["key"], entry["generation"]))
        if effect is None or row is None:
            self._stop(
                f"{entry['step']} of {entry['contract']} is not in the code that is running: deploy what has it, and resume"
            )
            return
        digest = sha256(row.arguments + (row.result or b"")).digest()
        request = UndoRequest(
            effect, row.arguments, row.result or b"null", digest, entry["key"], entry["generation"]
        )
        address = entry["address"]
        execution = undo_of(effect.transactional)(
            runner, Command(address, request), runner.history.at(address)
        )
        execution.begins_undo = row.state != EffectState.UNDOING
        execution.on_done = self._undone
        execution.on_failed = self._stop
        execution.on_held = self._held
        execution.family = self._family
        runner.executions[address] = execution
        execution.start()

    def _undone(self, address: str) -> None:
        self._runner.history.undone.add(address)
        self._runner.executions.pop(address, None)
        self._next()

    def _held(self) -> None:
        """The ledger would not let go of an effect: look who holds it, and go on with what stands then."""
        self._runner.executions.clear()
        self.due = self._runner.now() + LOOK_AGAIN
        self._runner.consider()

    def _stop(self, why: str) -> None:
        runner = self._runner
        runner.executions.clear()
        logger.error("the rollback of %s stopped: %s", runner.workflow_id, why)
        runner.queue_block(Cause.UNDO_FAILED, as_data(why=why))
        runner.consider()

    def _finish(self) -> None:
        runner = self._runner
        undone = frozenset(runner.history.undone)
        entries = [_from_json(entry) for entry in self._plan]
        report = {
            "reason": self._reason,
            "why": self._why,
            "outcome": judge(entries, undone),
            "entries": [
                {**entry, "outcome": "undone" if entry["address"] in undone else "left standing"}
                for entry in self._plan
            ],
        }
        runner.ending.rolled_back(self._reason, self._why, orjson.dumps(report))


def _as_json(entry: Entry) -> dict[str, Any]:
    of = entry.of
    return {
        "address": entry.address,
        "action": entry.action.value,
        "why": entry.why,
        "workflow_id": of.workflow_id,
        "contract": of.contract,
        "of": of.address,
        "step": of.step,
        "kind": of.kind,
        "key": of.key,
        "generation": of.generation,
        "at": of.within.isoformat(),
    }


def _from_json(entry: dict[str, Any]) -> Entry:
    at = datetime.fromisoformat(entry["at"])
    standing = Standing(
        entry["workflow_id"], entry["contract"], entry["of"], entry["step"], entry["kind"], entry["key"],
        entry["generation"], at, at, "", False,
    )  # fmt: skip
    return Entry(entry["address"], Action(entry["action"]), entry["why"], standing)
