"""Carries out a workflow's undos: one plan, newest first, each undo once, resumable anywhere.

The body has ended and everything it started is settled before the plan is made. The plan is the event
`workflow.rolling_back`; each undo then is an effect of its own (kind `….undo`, an intent in the ledger, retries, a
way out of doubt) at an address `undo.N`. A new holder reads plan and records, and goes on with the first entry that
has no outcome. An undo that fails stops the plan as `blocked`, and `resume` takes it up again.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson

from actum.authoring.effect import Effect
from actum.engine.execution import as_data
from actum.engine.log import Record
from actum.engine.standing import Found, read_found
from actum.engine.transactional_undo import undo_of
from actum.errors import NotFound
from actum.flow import Command
from actum.machine.ledger import EffectState
from actum.machine.rollback import HELD, Action, Entry, Standing, judge
from actum.model.events import EventKind
from actum.model.workflow import FINAL, Cause, Status
from actum.store.rows import StandingRow

if TYPE_CHECKING:
    from actum.engine.runner import Runner

logger = logging.getLogger("actum.rollback")

LOOK_AGAIN = 1_000_000
"""Microseconds between two looks at children that have not ended yet."""
_NEEDED = {Action.UNDO: "undoable", Action.COMPENSATE: "compensable"}
"""What an effect has to be for an entry's action: a counter-action is no reverse."""


@dataclass(frozen=True, slots=True)
class UndoRequest:
    """What is undone: the effect, its arguments and result as recorded, and its key.

    Without a result it happened, and its result could not be kept: a person undoes it.
    """

    effect: Effect[..., Any]
    arguments: bytes
    result: bytes | None
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
        found = await read_found(runner.store, runner.workflow_id)
        self.is_reading = False
        if runner.is_over:
            return
        if any(child.status not in FINAL for child in found.children):
            self.due = runner.now() + LOOK_AGAIN
            runner.consider()
            return
        self.due = None
        self._rows = {(row.kind, row.key, row.generation): row for row in found.rows}
        family = (runner.workflow_id, *(child.id for child in found.children))
        self._family = "{" + ",".join(map(str, family)) + "}"
        # What a person said about an undo waited for it to be there; while that is read, nothing is parked.
        runner.outsiders.read_anyway()
        runner.guarded(self._start, found)
        runner.consider()

    def _start(self, found: Found) -> None:
        if not self._plan:
            self._write_plan(found)
        elif self._leave_what_is_held():
            self._record_plan("another workflow has come to hold what was to be undone")
        elif self._runner.status is not Status.ROLLING_BACK:
            self._runner.record(
                Record(EventKind.WORKFLOW_ROLLING_BACK, self._runner.now(), actor=self._actor)
            )
        self._next()

    def _write_plan(self, found: Found) -> None:
        to = self._runner.history.rollback_to
        if to is not None and to not in found.course.ends:
            logger.error(
                "the rollback of %s undoes nothing: nothing has ended at %s", self._runner.workflow_id, to
            )
        self._plan = [_as_json(entry) for entry in found.plan(to)]
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
        if effect.reversibility != _NEEDED[entry["action"]]:
            self._stop(
                f"{entry['step']} of {entry['contract']} declares no {entry['action']} in the code that is running: "
                "deploy what has it, and resume"
            )
            return
        digest = sha256(row.arguments + (row.result or b"")).digest()
        request = UndoRequest(effect, row.arguments, row.result, digest, entry["key"], entry["generation"])
        address = entry["address"]
        execution = undo_of(effect.transactional)(
            runner, Command(address, request), runner.history.at(address)
        )
        execution.begins_undo = row.state != EffectState.UNDOING
        execution.takes_over = row.undo_by not in (None, runner.workflow_id)
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
        entries = [from_json(entry) for entry in self._plan]
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
        "at": of.at.isoformat(),
        "state": of.state.value,
    }


def from_json(entry: dict[str, Any]) -> Entry:
    """Return an entry of a recorded plan."""
    standing = Standing(
        workflow_id=entry["workflow_id"],
        contract=entry["contract"],
        address=entry["of"],
        step=entry["step"],
        kind=entry["kind"],
        key=entry["key"],
        generation=entry["generation"],
        at=datetime.fromisoformat(entry["at"]),
        place=(),
        state=EffectState(entry["state"]),
        reversibility="",
    )
    return Entry(entry["address"], Action(entry["action"]), entry["why"], standing)
