"""What an effect call does that finds its operation key taken: join, wait, take over, or refuse.

The ledger is read by a statement of its own, after the intent was refused; what follows is a conditional write, and
where that finds the entry changed, it is read again. If the process dies in between, nothing was written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from actum.engine.execution import as_data
from actum.engine.log import Intent, Record
from actum.engine.withdrawing import withdraw
from actum.machine import ledger
from actum.machine.ledger import EffectState
from actum.model.events import EventKind
from actum.model.ids import short
from actum.store.rows import ReachedRow

if TYPE_CHECKING:
    from actum.engine.effects import EffectExecution

WAIT_FOR_OTHER, WAIT_AT_MOST = 1_000_000, 60_000_000
"""Microseconds between two looks at a key that another workflow is busy with: doubled each time, up to a minute."""


class Reaching:
    """One effect call and what stands under its key.

    `is_reading` says that the ledger is being read, `is_joining` that a record that holds the entry too is under way.
    """

    def __init__(self, execution: EffectExecution) -> None:
        self._execution = execution
        self._looks = -1
        self.is_reading = False
        self.is_joining = False

    def begin(self) -> None:
        """Read what stands under the key, and do what the ledger says."""
        self.is_reading = True
        self._execution.runner.spawn(self._read, f"reach {self._execution.progress.key}")

    async def _read(self) -> None:
        execution = self._execution
        runner, kind, key = execution.runner, execution.effect.kind, execution.progress.key or ""
        found = (await runner.store.effects.reach([(kind, key)])).get((kind, key))
        self.is_reading = False
        if runner.is_over or runner.executions.get(execution.address) is not execution:
            return
        mine = ledger.Mine(runner.workflow_id, execution.address, execution.argument_hash)
        runner.when_going(lambda: self._reached(ledger.reach(_existing(found), mine), found))
        runner.consider()

    def _reached(self, reached: ledger.Reached, found: ReachedRow | None) -> None:
        execution, progress = self._execution, self._execution.progress
        match reached:
            case ledger.Take():
                execution.mode, progress.has_open_doubt = "first", False
                execution.intend()
            case ledger.Own(existing) if found is not None and existing.state is EffectState.SUCCEEDED:
                self._join(found)
            case ledger.Own(existing):
                self._go_on_from(existing)
            case ledger.Join() if found is not None:
                self._join(found)
            case ledger.WaitForOther():
                self._looks += 1
                execution.look_before_use()
                execution.wait(min(WAIT_FOR_OTHER * 2**self._looks, WAIT_AT_MOST), "key", execution.intend)
            case ledger.TakeOver(state):
                progress.has_open_doubt = state is EffectState.ABANDONED
                execution.mode = "take_over_doubt" if progress.has_open_doubt else "take_over"
                progress.generation = found.generation if found else 1
                execution.intend()
            case ledger.NewGeneration(generation):
                execution.mode, progress.has_open_doubt = "first", False
                progress.generation = generation
                execution.intend()
            case ledger.Conflict(workflow_id):
                message = (
                    f"the key {progress.key!r} of {execution.effect.kind} already stands for other arguments "
                    f"(workflow {str(workflow_id)[-8:]}): one key is one operation, so give this one another"
                )
                execution.end_unstarted("key_conflict", {"message": message, "key": progress.key})

    def _go_on_from(self, existing: ledger.Existing) -> None:
        """The entry is this very call's, from before its outcome was set aside."""
        execution = self._execution
        if existing.state in (EffectState.FAILED, EffectState.ABANDONED, EffectState.IN_DOUBT):
            execution.mode = "again"
            execution.progress.has_open_doubt = existing.state is not EffectState.FAILED
            execution.attempts = max(execution.attempts, existing.attempt)
            execution.intend()
        else:
            execution.wait(WAIT_FOR_OTHER, "key", execution.intend)

    def _join(self, found: ReachedRow) -> None:
        """Hold what stands under the key and take its result: refused where it is being undone by now.

        Where no result could be kept, this call happened too, and its result is as unusable as the first one's.
        """
        execution = self._execution
        runner, request = execution.runner, execution.request
        withdraw(runner, execution.progress, execution.address, execution.name)
        self.is_joining = True
        record = Record(
            EventKind.EFFECT_SHARED,
            runner.now(),
            step=execution.name,
            address=execution.address,
            outcome="invalid" if found.result is None else None,
            data=as_data(kind=found.kind, key=found.key, by=str(found.workflow_id)),
            snapshot="error" if found.result is None else "output",
            argument_hash=request.argument_hash,
            body=_lost(found) if found.result is None else found.result,
            intent=Intent(
                mode="join",
                kind=found.kind,
                key=found.key,
                generation=found.generation,
                origin=runner.row.origin,
                step=execution.name,
                argument_hash=execution.argument_hash,
                arguments=request.arguments,
                tier=0,
                approval_id=None,
                action_hash=None,
                policy_hash=None,
            ),
        )
        runner.intend(execution, record)


def _lost(found: ReachedRow) -> bytes:
    """Return what a body is told that reaches an effect whose result could not be kept."""
    return orjson.dumps(
        {
            "message": f"it happened for workflow {short(found.workflow_id)}, and its result could not be kept: "
            "what happened there says why",
            "path": "",
        }
    )


def _existing(found: ReachedRow | None) -> ledger.Existing | None:
    if found is None:
        return None
    return ledger.Existing(
        found.workflow_id,
        found.address,
        found.argument_hash,
        EffectState(found.state),
        found.generation,
        found.attempt,
        found.result,
    )
