"""Effects that a body has begun and will not hear of: it cannot be driven, by the code that runs here or at all.

Nobody knows whether such an effect happened, so it is put in doubt when its workflow is blocked, whatever for. A
person's word settles it while the body stays where it is, and a workflow that is cancelled or rolled back then ends
only once nothing is open. Everything is read from durable records: a block is followed by a claim that brings them,
and if the process dies, the next holder finds the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import orjson

from actum.authoring.effect import Effect
from actum.authoring.failures import encode_failure
from actum.engine.execution import as_data
from actum.engine.history import read_history
from actum.engine.log import Ended, Record, to_microseconds
from actum.engine.outsiders import Taking
from actum.engine.progress import Progress
from actum.errors import InvalidInput, NotFound
from actum.model.events import EventKind, Reason
from actum.store.rows import MessageRow, RecordRow

if TYPE_CHECKING:
    from actum.engine.runner import Runner

K = EventKind
UNDO = "undo."
"""How the addresses of a rollback's plan begin."""
WHY = "its workflow was blocked before its end was known"


class Orphans:
    """The effects in flight of one blocked workflow, by address; none while its body is driven."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._open: dict[str, Progress] = {}

    @property
    def are_open(self) -> bool:
        """Whether a person has to settle something before the workflow may end."""
        return bool(self._open)

    def adopt(self, records: Sequence[RecordRow]) -> None:
        """Find what the records of a claim leave open, and put in doubt what is not yet."""
        runner = self._runner
        runner.history = read_history(records)
        for address, progress in runner.history.progress.items():
            is_open = progress.is_started or progress.is_in_doubt
            if not is_open or progress.is_ended or address in runner.history.undone:
                continue
            self._open[address] = progress
            if not progress.is_in_doubt:
                self._doubt(address, progress)
        self.end_if_given_up()

    def settle(self, message: MessageRow) -> Taking:
        """A person says what became of one."""
        address = message.address or ""
        progress = self._open.get(address)
        if progress is None or to_microseconds(message.sent_at) < progress.started_at:
            return Taking.NOBODY
        record = self._record(address, progress, K.EFFECT_SETTLED, self._runner.stamp_of(message))
        record.outcome, record.actor, record.received = message.outcome, message.actor, message.id
        record.data = as_data(why=message.reason)
        match message.outcome:
            case "did_not_happen":
                record.ended, of_undo = _ended(progress, "failed"), "undo_failed"
            case "abandon":
                why = message.reason or "a person gave it up without knowing whether it happened"
                record.outcome, record.snapshot = "abandoned", "error"
                record.body = self._failure(progress, Reason.OPERATOR, why)
                record.ended, of_undo = _ended(progress, "abandoned"), "undo_failed"
            case _:
                record.body = message.body if message.body is not None else b"null"
                record.snapshot, misfit = "output", self._misfit(progress, record.body)
                if misfit is not None:
                    record.outcome, record.snapshot, record.body = "invalid", "error", misfit
                kept = record.body if misfit is None else None
                record.ended, of_undo = _ended(progress, "succeeded", kept), "undone"
        if address.startswith(UNDO):
            record.also_ended = _undone(progress, of_undo)
            if of_undo == "undone":
                self._runner.history.undone.add(address)
        del self._open[address]
        progress.is_started = progress.is_in_doubt = False
        self._runner.record(record)
        self.end_if_given_up()
        return Taking.TAKEN

    def end_if_given_up(self) -> None:
        """End as a person asked for, once nothing is open."""
        runner, history = self._runner, self._runner.history
        if self._open or history.given_up is None:
            return
        if history.rollback_wanted is not None:
            runner.roll_back(Reason.OPERATOR, history.rollback_wanted, history.rollback_actor)
        else:
            actor, why = history.given_up
            runner.ending.cancel_blocked(runner.now(), actor, why or None, None)

    def _doubt(self, address: str, progress: Progress) -> None:
        record = self._record(address, progress, K.EFFECT_DOUBTED, self._runner.now())
        record.reason, record.data = Reason.WORKER_LOST.value, as_data(why=WHY, way="ask")
        record.snapshot, record.body = "error", self._failure(progress, Reason.WORKER_LOST, WHY)
        record.ended = _ended(progress, "in_doubt")
        progress.is_in_doubt, progress.doubted_at = True, record.at
        self._runner.record(record)

    def _record(self, address: str, progress: Progress, kind: EventKind, at: int) -> Record:
        return Record(
            kind,
            at,
            step=progress.name,
            address=address,
            attempt=progress.attempts,
            argument_hash=progress.argument_hash,
        )

    def _failure(self, progress: Progress, reason: Reason, why: str) -> bytes:
        return encode_failure(progress.name or "", reason.value, RuntimeError(why), max(progress.attempts, 1))

    def _misfit(self, progress: Progress, body: bytes) -> bytes | None:
        """Return the refusal of a result that the code which runs here could not take, where it has the effect."""
        try:
            effect = self._runner.contract.step_named(progress.name or "")
            if isinstance(effect, Effect):
                effect.codec.decode_result(body)
        except NotFound:
            return None
        except InvalidInput as error:
            message = f"it happened, and the result given does not fit: {error}"
            return orjson.dumps({"message": message, "path": error.path})
        return None


def _ended(progress: Progress, state: str, result: bytes | None = None) -> Ended:
    return Ended(progress.kind or "", progress.key or "", progress.generation, state, result)


def _undone(progress: Progress, state: str) -> Ended:
    """Return the move of the entry that an undo is about."""
    kind = (progress.kind or "").removesuffix(".undo")
    return Ended(kind, progress.key or "", progress.generation, state)
