"""The undo of an effect in doubt: it started, and nobody recorded how it ended; and the ways out.

The effect's own way out decides: the undo is repeated, the effect's probe looks whether the effect is still there, or
a person is asked. What follows is derived from the records alone, so a new holder goes on where the last one was.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from actum.authoring.attempt import Attempt
from actum.authoring.effect import Effect
from actum.authoring.failures import message_of
from actum.engine.execution import as_data
from actum.engine.log import Ended, Record
from actum.engine.settling import Settling
from actum.errors import InvalidInput
from actum.machine import doubt
from actum.machine.keys import outside_key
from actum.machine.retry import Again, GiveUp
from actum.model.events import EventKind
from actum.store.rows import MessageRow

if TYPE_CHECKING:
    from actum.engine.rollback import UndoRequest

K = EventKind
_TURNED = {
    doubt.Answer.HAPPENED: doubt.Answer.NOT_HAPPENED,
    doubt.Answer.NOT_HAPPENED: doubt.Answer.HAPPENED,
}


class DoubtfulUndo(Settling):
    """What an undo in flight does when nobody knows whether it happened; and what it records."""

    on_done: Callable[[str], None]
    on_failed: Callable[[str], None]
    on_held: Callable[[], None]
    begins_undo = True
    """Whether its first intent moves the effect to `undoing`: not where an earlier holder's did."""
    takes_over = False
    """Whether a child's own rollback tried it before, and it certainly did not happen."""
    family = "{}"
    """The workflows that are rolled back together, as an array's text: their holding keeps nothing standing."""

    @property
    def effect(self) -> Effect[..., Any]:
        """The effect being undone."""
        request: UndoRequest = self.request
        return request.effect

    def why_unfit(self) -> str | None:
        """Return why the code cannot undo what was recorded, if that is so, and the ways out.

        It knows no result where none could be kept, and another version's where the types have changed since.
        """
        codec, request = self.effect.codec, self.request
        if request.result is None:
            return (
                f"{self.effect.name} happened, and its result could not be kept, so its undo has nothing to go by: "
                f"undo it by hand and settle {self.address} as happened"
            )
        try:
            codec.decode_arguments(request.arguments)
            codec.decode_result(request.result)
        except InvalidInput as error:
            return (
                f"what {self.effect.name} recorded does not fit the code any more ({error}): undo it by hand and settle "
                f"{self.address} as happened, or deploy the version that did it and settle {self.address} as not happened"
            )
        return None

    # recording

    def _succeeded(self, kind: EventKind, outcome: str | None, message: MessageRow | None) -> None:
        self.progress.is_started = self.progress.is_in_doubt = False
        self._move(kind, outcome, "succeeded", "undone", message)
        self.on_done(self.address)

    def _move(
        self,
        kind: EventKind,
        outcome: str | None,
        state: str,
        original: str | None,
        message: MessageRow | None,
    ) -> None:
        self.record(self.moved(kind, outcome, state, original, message))

    def moved(
        self,
        kind: EventKind,
        outcome: str | None,
        state: str,
        original: str | None,
        message: MessageRow | None,
    ) -> Record:
        """Return the record of one move of the undo's own ledger entry, and of the entry it undoes."""
        record = Record(
            kind,
            self.runner.now(),
            attempt=self.attempts,
            outcome=outcome,
            actor=message.actor if message else None,
            data=as_data(why=message.reason if message else None),
            ended=self._ended(state),
            received=message.id if message else None,
        )
        if original is not None:
            record.also_ended = self._original(original)
        record.address, record.step = self.address, self.name
        return record

    def _ended(self, state: str, result: bytes | None = None) -> Ended:
        return Ended(self.request.kind, self.request.key, self.request.generation, state, result)

    def _original(self, state: str) -> Ended:
        return Ended(self.effect.kind, self.request.key, self.request.generation, state, self.request.result)

    # attempt

    def _give_up(self, record: Record, error: BaseException) -> None:
        record.also_ended = self._original("undo_failed")
        self.record(record)
        self.on_failed(f"{self.name} at {self.address} failed: {message_of(error)}")

    def _attempt(self, key: str) -> Attempt:
        """Return what a try is told; `key` is what is appended to the effect's own key."""
        own = outside_key(self.request.key, self.request.generation)
        return Attempt(number=max(self.attempts, 1), key=own + key, epoch=self.runner.epoch)

    # doubt

    def _resolve_doubt(self) -> None:
        unfit = self.why_unfit()
        if unfit is None:
            super()._resolve_doubt()
        else:
            self.needs, self.needs_person = unfit, True

    def _probe_attempt(self) -> Attempt:
        """Tell the probe the effect's own key, since it looks for the effect: under the undo's it would find nothing."""
        return self._attempt("")

    def _read_answer(self, found: object) -> doubt.Answer:
        """Return what was seen of the effect, turned round: what is still there was not undone."""
        answer = super()._read_answer(found)
        return _TURNED.get(answer, answer)

    def _found_happened(self) -> None:
        self._succeeded(K.EFFECT_SETTLED, "happened", None)

    def _repeat(self) -> None:
        """Undo it again, as often and as patiently as its retry allows; then a person is asked."""
        verdict = self._decide()
        if isinstance(verdict, Again):
            self._wait_for_retry(verdict, self.progress.doubted_at)
        else:
            self.needs, self.needs_person = f"{self.attempts} attempts to undo it ended in doubt", True

    def _settle_not_happened(self, message: MessageRow | None) -> None:
        """It was not undone: a person's word has it undone at once, a probe's as often as its retry allows."""
        verdict = self._decide() if message is None else None
        self.progress.is_started = self.progress.is_in_doubt = self.progress.has_open_doubt = False
        original = "undo_failed" if isinstance(verdict, GiveUp) else None
        self._move(K.EFFECT_SETTLED, "did_not_happen", "failed", original, message)
        match verdict:
            case None:
                self.intend()
            case Again():
                self._wait_for_retry(verdict, self.runner.now())
            case GiveUp():
                self.on_failed(
                    f"{self.name} at {self.address} was tried {self.attempts} times, and it stands"
                )

    def _wait_for_retry(self, verdict: Again, since: int) -> None:
        """Wait from `since` on: counted from each claim instead, a wait that is parked would never end."""
        self.needs, self._then = "retry", self.intend
        self.due = since + int(verdict.after / timedelta(microseconds=1))

    def _unblock(self, actor: str) -> None:
        self.runner.go_on_rolling_back(actor)

    def _settle_happened(self, message: MessageRow) -> None:
        self._succeeded(K.EFFECT_SETTLED, "happened", message)

    def _settle_abandoned(self, message: MessageRow) -> None:
        self.progress.is_started = self.progress.is_in_doubt = False
        self.progress.has_open_doubt = True
        self._move(K.EFFECT_SETTLED, "abandoned", "abandoned", "undo_failed", message)
        self.on_failed(f"{self.name} at {self.address} was given up: {message.reason or 'nobody could tell'}")
