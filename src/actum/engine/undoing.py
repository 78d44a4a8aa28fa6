"""One undo being carried out: an effect of its own, whose way out of doubt is the probe of what it undoes.

After a crash in the middle of an undo, the effect's probe looks: if the effect is gone, the undo happened; if it is
still there, the undo did not. Where the other side honours keys it is simply repeated; otherwise a person is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from actum.authoring.failures import message_of
from actum.engine.attempts import Tried, Try
from actum.engine.execution import as_data
from actum.engine.log import Intent, Record
from actum.engine.progress import is_doubted
from actum.engine.steps import Limits, reason_of
from actum.engine.undo_asking import ask_for_undo
from actum.engine.undo_doubting import DoubtfulUndo
from actum.engine.withdrawing import withdraw
from actum.errors import NotDone
from actum.machine.policy import STRICTEST
from actum.model.events import EventKind, Reason

if TYPE_CHECKING:
    from actum.engine.rollback import UndoRequest

K = EventKind
LOOK_AGAIN = 5_000_000
"""Microseconds after which an undo that was held back is tried again."""


class UndoExecution(DoubtfulUndo):
    """One entry of a rollback's plan in flight."""

    def start(self) -> None:
        self.attempts = self.progress.attempts
        if self.progress.is_in_doubt:
            self._resolve_doubt()
        elif self.progress.is_started:
            self.found_started()
        elif self.progress.again_at is not None and self.progress.again_at > self.runner.now():
            self.due, self._then = self.progress.again_at, self.intend
        else:
            asked = self.progress.asked
            if asked is not None and asked.ruling in (
                "rejected",
                "expired",
            ):  # since then somebody resumed it
                self.progress.asked = None
            self.intend()

    def found_started(self) -> None:
        """Go on from an intent that an earlier process left without an outcome."""
        self._doubt(Reason.WORKER_LOST, None, "the worker was lost while it was undone")

    def leave(self) -> None:
        if self._try is not None:
            self._try.stop()

    def waits(self) -> dict[str, Any]:
        return {**super().waits(), "kind": self.request.kind, "key": self.request.key}

    # intent

    def intend(self) -> None:
        request: UndoRequest = self.request
        asked = self.progress.asked
        let = asked if asked is not None and asked.ruling == "approved" and not asked.is_closed else None
        self.attempts += 1
        first = "take_over" if self.takes_over else "first"
        intent = Intent(
            mode=first if self.progress.key is None else "again",
            kind=request.kind,
            key=request.key,
            generation=request.generation,
            origin=self.runner.row.origin,
            step=self.name,
            argument_hash=request.argument_hash,
            arguments=request.arguments,
            tier=0 if let is None else STRICTEST,
            approval_id=None if let is None else let.approval_id,
            action_hash=None if let is None else let.action_hash,
            policy_hash=None,
            family=self.family if self.begins_undo else None,
        )
        record = Record(
            K.EFFECT_STARTED,
            self.runner.now(),
            attempt=self.attempts,
            tier=intent.tier,
            data=as_data(
                kind=request.kind,
                key=request.key,
                generation=request.generation,
                arguments=request.argument_hash.hex(),
                open_doubt=is_doubted(self.progress),
            ),
            intent=intent,
        )
        record.address, record.step = self.address, self.name
        self.runner.intend(self, record)

    def intended(self, record: Record) -> None:
        """The undo may happen from here on."""
        asked = self.progress.asked
        if asked is not None and asked.ruling is None:  # the freeze was lifted before anybody decided
            withdraw(self.runner, self.progress, self.address, self.name)
        elif asked is not None:
            asked.use()
        self.begins_undo = False
        self.progress.key, self.progress.generation = self.request.key, self.request.generation
        self.progress.has_open_doubt = self.progress.has_open_doubt or self.progress.is_in_doubt
        self.progress.is_started, self.progress.is_in_doubt = True, False
        self.progress.started_at = record.at
        self._probed = self.progress.probes_failed = self._returned_at = None
        self._begin()

    def refused(self, why: str) -> None:
        """The ledger refused the undo: somebody holds the effect by now, or is at it, or a freeze holds it back."""
        self.attempts -= 1
        match why:
            case "held":
                self.on_held()
            case "frozen":
                if self.progress.asked is None or self.progress.asked.is_closed:
                    ask_for_undo(self)
                self._wait_for("approval")
            case "approval" | "expired":
                self.progress.asked = None
                self._wait_for("freeze")
            case _:
                self._wait_for(why)

    def _wait_for(self, what: str) -> None:
        """Try again in a while, or when somebody decides."""
        self.needs, self._then = what, self.intend
        self.due = self.runner.now() + LOOK_AGAIN
        self.runner.consider()

    def decided(self) -> None:
        """A person lets the undo through although a freeze holds it back, or does not."""
        asked = self.progress.asked
        if asked is None or self.is_active or self.progress.is_started:
            return
        self.needs, self.due, self._then = None, None, None
        if asked.ruling is None:
            self._wait_for("approval")
        elif asked.ruling == "approved":
            self.intend()
        else:
            self.on_failed(
                f"{self.name} at {self.address} was {asked.ruling}: {asked.rationale or 'no reason'}"
            )

    # attempt

    def _begin(self) -> None:
        if not self.runner.may_begin(self):
            return
        unfit = self.why_unfit()
        if unfit is not None:
            self._doubt(Reason.SCHEMA_INVALID, None, unfit)
            return
        hook = self.effect.hooks.get("undo") or self.effect.hooks["compensate"]
        args, kwargs = self.effect.codec.decode_arguments(self.request.arguments)
        result = self.effect.codec.decode_result(self.request.result or b"")
        self.is_active = True

        def ended(tried: Tried) -> None:
            if self._try is running:  # else a person has settled the doubt, and nobody listens any more
                self.runner.guarded(self._tried, tried)

        running = self._try = Try(self.runner.loop, ended, None)
        running.start(
            self.body(hook.function),
            (result, *args),
            kwargs,
            self._attempt("/undo"),
            is_async=hook.is_async,
            limit=Limits.of(self.effect).attempt,
            limit_name="timeout.attempt",
            executor=self.runner.executor,
        )

    def body(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return what an attempt runs."""
        return function

    def _tried(self, tried: Tried) -> None:
        self._try, self.is_active = None, False
        if self.runner.is_over:
            return
        self._returned_at = self.runner.now()
        if tried.error is None:
            self._succeeded(K.EFFECT_SUCCEEDED, None, None)
        elif isinstance(tried.error, (NotDone, *self.effect.not_done)):
            self._not_done(tried.error)
        else:
            reason = Reason(tried.limit) if tried.limit is not None else reason_of(tried.error)
            self._doubt(reason, tried.error, message_of(tried.error))
