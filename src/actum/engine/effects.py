"""One effect call in flight: approval, intent, attempt, outcome; and after a crash, the way out of doubt.

Every move is a record, and the next move follows from the records alone: the same code goes on after a crash.
The ledger row is the intent. The attempt begins only once that row is durable, so whoever finds `started` without an
outcome knows: it may have happened.
"""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import Any

import orjson

from actum.authoring.failures import message_of
from actum.engine.asking import Answers, Asking, key_of
from actum.engine.attempts import Tried
from actum.engine.budgeting import LOOK_AGAIN
from actum.engine.doubting import DoubtfulExecution
from actum.engine.execution import fail_over_budget
from actum.engine.intents import intent_of
from actum.engine.log import Record
from actum.engine.policing import BY_FREEZE, Raised
from actum.engine.reaching import Reaching
from actum.engine.reopening import edited_at
from actum.engine.steps import reason_of
from actum.engine.withdrawing import withdraw
from actum.errors import NotDone
from actum.machine.keys import outside_key
from actum.machine.policy import Ruling
from actum.model.budget import Over
from actum.model.events import EventKind, Reason
from actum.outcomes import Approved

K = EventKind
REASONS = {
    "rejected": Reason.HUMAN_REJECTED,
    "expired": Reason.HUMAN_EXPIRED,
    "key_conflict": Reason.CONFLICT,
}
"""Why a call ended that never began; everything else is a matter of permission."""
TAKEN_BACK = 200_000
"""Microseconds in which a message says why an approval does not permit any more, before it is asked for anew."""
FROZEN = 5_000_000
"""Microseconds between two looks at a freeze."""


class EffectExecution(DoubtfulExecution):
    """One effect call in flight."""

    _asking: Asking | None = None
    _is_intending = False
    _is_busy = False
    _ruling: Ruling | None = None
    """What policy said of the attempt that is about to be intended."""
    _raised: Raised | None = None
    """What has a person decide it at tier 2: a freeze, or its budget."""
    _reaching: Reaching | None = None
    """Made where its key is taken: it points back, and a circle keeps a whole workflow until the collector comes."""
    is_effect = True

    @property
    def is_active(self) -> bool:
        """Whether its preview, its attempt or its probe executes, or the ledger is being read."""
        return (
            self._is_busy
            or (self._reaching is not None and self._reaching.is_reading)
            or (self._asking is not None and self._asking.is_active)
        )

    @is_active.setter
    def is_active(self, value: bool) -> None:
        self._is_busy = value

    @property
    def argument_hash(self) -> bytes:
        """The hash of the arguments it acts with, where a person gave others than the body did."""
        if self.progress.edit is None:
            hashed: bytes = self.request.argument_hash
            return hashed
        return sha256(self.request.arguments).digest()

    def start(self) -> None:
        progress = self.progress
        self.attempts = progress.attempts
        if self.runner.history.rollback_wanted is not None and not progress.is_started:
            self.end_unstarted(
                "denied", {"reason": "the workflow is being rolled back: it asks for no new effects"}
            )
        elif progress.is_in_doubt:
            self._resolve_doubt()
        elif progress.is_started:
            self.found_started()
        elif progress.again_at is not None and progress.again_at > self.runner.now():
            self.due, self._then = progress.again_at, self.intend
        else:
            if progress.attempts:
                self.mode = "again"
            self.decided()

    def found_started(self) -> None:
        """Go on from an intent that an earlier process left without an outcome."""
        self._doubt(Reason.WORKER_LOST, None, "the worker was lost while it executed")

    def stop(self) -> None:
        self.leave()
        self._give_back()
        if self.progress.asked is not None and self.progress.asked.ruling is None:
            withdraw(self.runner, self.progress, self.address, self.name)
        self.record(Record(self.abandoned_kind, self.runner.now()))

    def leave(self) -> None:
        super().leave()
        if self._asking is not None:
            self._asking.leave()

    def waits(self) -> dict[str, Any]:
        return {**super().waits(), "kind": self.effect.kind, "key": self.progress.key}

    # approval

    def decided(self) -> None:
        """Go on from what is known about the approval."""
        if not (self.progress.is_started or self._is_under_way):
            self._proceed()

    def ask_edited(self, address: str) -> None:
        """Have the call ruled and asked for anew, with the arguments that a person approved instead."""
        self.request = edited_at(self.runner.history, self.request)
        self.decided()

    @property
    def _is_under_way(self) -> bool:
        return self._is_intending or self._is_joining or self.is_active

    @property
    def _is_joining(self) -> bool:
        return self._reaching is not None and self._reaching.is_joining

    def _proceed(self) -> None:
        """Have the call ruled, asked for or looked at once more, whichever comes next; then intend it."""
        asked = self.progress.asked
        self.needs = None
        if self.runner.is_asked_for(self.address):
            self.needs = "approval"
        elif asked is None or asked.is_closed:
            ruling = self._let_run_unseen()
            if ruling is not None:
                self._free(ruling)
                return
            self.needs = "approval"
            self._new_asking().begin()
        elif asked.ruling is None:
            self.needs = "approval"
        elif asked.ruling == "approved":
            unreadable = self.runner.worker.policing.unreadable
            if unreadable is not None:
                self._unruled(unreadable)
                return
            asking = self._new_asking()
            if self.mode != "again":
                asking.look_again(self._ruled_again)
            else:
                self._ruled_again(asking.rule_again())
        elif asked.ruling == "expired":
            self._expired(asked.rationale)
        else:
            self._rejected(asked.rationale or "", asked.by)

    def _let_run_unseen(self) -> Ruling | None:
        """Return the ruling if there is nothing to look at and policy lets it run; everything else is looked at."""
        effect, row = self.effect, self.runner.row
        if self._raised is not None or "preview" in effect.hooks:
            return None
        return self.runner.worker.policing.lets_run(effect.kind, row.contract, row.team, effect.reversibility)

    def _new_asking(self) -> Asking:
        answers = Answers(
            self._unbegun, self._free, self._denied, self._rejected, self._over_prompts, self._unruled
        )
        self._asking = Asking(self.runner, self.request, self.address, None, answers)
        self._asking.raised = self._raised
        return self._asking

    def _free(self, ruling: Ruling) -> None:
        """Policy lets it run: nobody is asked, and the ruling goes into the intent's event."""
        self._ruling = ruling
        self.needs = None
        self.runner.when_going(self.intend)

    def _ruled_again(self, ruling: Ruling | None) -> None:
        """The world was looked at once more: go on, or have what it is now decided anew."""
        self._asking = None
        if ruling is not None:
            self._ruling = ruling
            self.runner.when_going(self.intend)
            return
        self.runner.when_going(self._ask_anew)

    def _denied(self, told: dict[str, Any], data: str) -> None:
        self.end_unstarted("denied", told, data)

    def _rejected(self, reason: str, by: str | None) -> None:
        self.end_unstarted("rejected", {"reason": reason, "by": [by] if by else []})

    def _expired(self, why: str | None) -> None:
        self.end_unstarted("expired", {"reason": why or "nobody decided in time"})

    def _give_back(self) -> None:
        """Release what is reserved for an attempt that will not begin."""
        if self.runner.budgeting is not None:
            self.runner.budgeting.release(self.address)

    def _leave_to_person(self, why: str) -> bool:
        """Whether it is in doubt, so that a repeat which cannot begin ends nothing: a person is asked."""
        if self.progress.is_in_doubt:
            self.needs = f"it may have happened, and its repeat was not let run: {why}"
            self.needs_person = True
            self.runner.consider()
        return self.progress.is_in_doubt

    def _unbegun(self, error: BaseException) -> None:
        """End the call, because what has to run before it (its key, its preview) failed."""
        if not self._leave_to_person(message_of(error)):
            self.runner.fail_address(self, error)

    def end_unstarted(self, word: str, values: dict[str, Any], data: str | None = None) -> None:
        """End the call before it began, as `word`; `data` is the event's. In doubt, only a person can end it."""
        self._give_back()
        if self._leave_to_person(word):
            return
        body = orjson.dumps(values)
        reason = REASONS.get(word, Reason.PERMISSION)
        record = Record(
            K.STEP_FAILED,
            self.runner.now(),
            outcome=word,
            reason=reason.value,
            data=data,
            snapshot="error",
            argument_hash=self.request.argument_hash,
            body=body,
        )
        self.deliver(record, word, body)

    # intent

    def intend(self) -> None:
        """Queue the intent; `intended` or `refused` follows."""
        is_gone = self.runner.executions.get(self.address) is not self
        if self._is_intending or self._is_joining or is_gone:
            return
        if self._ruling is None:
            self._proceed()
            return
        progress = self.progress
        if progress.key is None:
            try:
                progress.key = key_of(self.runner, self.request, self.address)
            except (Exception, SystemExit) as error:  # the author's key function
                self._unbegun(error)
                return
        budgeting = self.runner.budgeting
        if budgeting is not None and not budgeting.is_let_in(self, self.attempts + 1, self.intend):
            return
        self._is_intending = True
        self.attempts += 1
        self.runner.intend(self, intent_of(self, self._ruling, progress.key))

    def look_before_use(self) -> None:
        """Have the call ruled by another look before it is intended: by then the one it had is old."""
        self._ruling = None

    def taken_back(self) -> None:
        """The intent was never sent: it is made anew by another ruling."""
        self._is_intending = False
        self.attempts -= 1

    def over_budget(self, over: Over, why: str) -> None:
        """Hold an attempt that its budget does not let in, have a person approve it, or end the effect."""
        if over == "fail":
            self._end_over_budget(why)
        elif over == "tier_2" and self._raised is None:
            self._raised = ("budget", f"it is above its budget: {why}.")
            self._ruling = None
            self._ask_anew()
        else:
            self._ruling, self.over_why = None, why
            self.wait(LOOK_AGAIN, "budget", self._proceed)

    def _end_over_budget(self, why: str) -> None:
        if not self._leave_to_person(why):
            fail_over_budget(self, why)

    def _over_prompts(self, over: Over, why: str) -> None:
        """Hold an effect for which a budget lets nobody be asked, or end it."""
        if over == "fail":
            self._end_over_budget(why)
        else:
            self.over_why = why
            self.wait(LOOK_AGAIN, "budget", self._proceed)

    def _unruled(self, why: str) -> None:
        """Hold an effect that nobody here can rule: neither its approval nor its refusal is made up."""
        self._ruling, self.over_why = None, why
        self.wait(LOOK_AGAIN, "policy", self._proceed)

    def intended(self, record: Record) -> None:
        """The intent is durable: from here on the effect may happen; or it has, and this workflow holds it too."""
        if self._is_joining:
            self._give_back()
            self.show(record, record.outcome or "completed", record.body)
            return
        self._is_intending = False
        self._ruling = self._raised = None
        if self.progress.asked is not None:
            self.progress.asked.use()
        self.progress.has_open_doubt = self.progress.has_open_doubt or self.progress.is_in_doubt
        self.progress.is_started = True
        self.progress.is_in_doubt = False
        self.progress.started_at = record.at
        self.progress.again_at = None
        self.mode = "again"
        self._returned_at = None
        self._probed = self.progress.probes_failed = None
        self._begin()

    def refused(self, why: str) -> None:
        """The database refused the intent; nothing was written, and nothing has happened."""
        if self._reaching is not None and self._reaching.is_joining:
            self._reaching.is_joining = False
        else:
            self._is_intending = False
            self.attempts -= 1
        match why:
            case "key":
                self._reaching = self._reaching or Reaching(self)
                self._reaching.begin()
            case "frozen":
                self._ruling = None
                self.wait(FROZEN, "freeze", self._proceed)
            case "policy":
                self._ruling, self._is_busy = None, True
                self.runner.spawn(self._learn_policy, "read the policy")
            case "approval":  # it may have been taken back a moment ago: who did that is told first
                self._ruling = None
                self.runner.outsiders.read_anyway()
                self.wait(TAKEN_BACK, "approval", self._ask_anew)
            case _:
                self._ruling, self._raised = None, self._raised or (BY_FREEZE if why == "tier" else None)
                self._ask_anew()

    def _ask_anew(self) -> None:
        withdraw(self.runner, self.progress, self.address, self.name)
        self.progress.asked = self.progress.preview = None
        self._proceed()

    async def _learn_policy(self) -> None:
        """Another policy is active than the one this was ruled under: have it ruled anew."""
        await self.runner.worker.policing.refresh_once()
        self._is_busy = False
        if not self.runner.is_over and self.runner.executions.get(self.address) is self:
            self.runner.when_going(self._proceed)
            self.runner.consider()

    # attempt

    @property
    def attempt_key(self) -> str | None:
        return outside_key(self.progress.key or "", self.progress.generation)

    @property
    def attempt_approval(self) -> Approved | None:
        asked = self.progress.asked
        return None if asked is None else Approved(asked.voters, asked.rationale or "")

    def _tried(self, tried: Tried) -> None:
        self._try = None
        self._is_busy = False
        if self.runner.is_over:
            return
        self._returned_at = self.runner.now()
        error = tried.error
        if error is None:
            self._succeeded(tried.value)
        elif isinstance(error, (NotDone, *self.effect.not_done)):
            self._not_done(error)
        elif tried.limit is not None:
            self._doubt(
                Reason(tried.limit), error, f"its {tried.limit.removeprefix('timeout.')} time-out had passed"
            )
        elif tried.was_stopped or isinstance(error, asyncio.CancelledError):
            self._doubt(Reason.OPERATOR, error, "it was interrupted while it executed")
        else:
            self._doubt(reason_of(error), error, message_of(error))
