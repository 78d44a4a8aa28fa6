"""`request_approval`: a body asks for several effect calls at once, and goes on when every word is in."""

from __future__ import annotations

from typing import Any

import orjson

from actum.authoring.call import Call
from actum.engine.asking import Answers, Asking
from actum.engine.budgeting import LOOK_AGAIN
from actum.engine.execution import Execution, fail_over_budget
from actum.engine.log import Record
from actum.engine.progress import Asked
from actum.engine.reopening import edited_at
from actum.engine.withdrawing import withdraw
from actum.machine.policy import Ruling
from actum.model.budget import Over
from actum.model.events import EventKind

K = EventKind


class ApprovalExecution(Execution):
    """`request_approval(*calls)`: asks for each call, and answers the body when every word is in."""

    needs = "approval"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._is_over = False
        self._over_why: str | None = None
        self._free: set[str] = set()
        self._askings = [self._asking_for(call) for call in self.request.calls]
        self.runner.asking.append(self)

    def _asking_for(self, call: Call[Any]) -> Asking:
        address = call.address or ""
        call = edited_at(self.runner.history, call)
        asking = Asking(self.runner, call, address, self.address, self._answers_for(address))
        if len(self.request.calls) > 1:
            asking.card = f"{self.runner.workflow_id} {self.address}"
        return asking

    def ask_edited(self, address: str) -> None:
        """Have one of the calls ruled and asked for anew, with the arguments that a person approved instead."""
        for place, call in enumerate(self.request.calls):
            if call.address == address and not self._is_over:
                self._askings[place] = self._asking_for(call)
                self._askings[place].begin()

    def _answers_for(self, address: str) -> Answers:
        def free(_: Ruling) -> None:
            self._free.add(address)
            self.decided()

        return Answers(self._failed, free, self._denied, self._rejected, self._over_budget, self._unruled)

    @property
    def is_active(self) -> bool:  # type: ignore[override]  # derived here, a plain attribute elsewhere
        """Whether a preview executes."""
        return any(asking.is_active for asking in self._askings)

    def act(self) -> None:
        self.due, self._over_why, self.needs = None, None, "approval"
        self.start()

    def _over_budget(self, over: Over, why: str) -> None:
        """Hold what a budget lets nobody be asked for, or end the request; what was asked for goes on meanwhile."""
        if self._is_over:
            return
        if over == "fail":
            self._is_over = True
            self.leave()
            self._withdraw_rest()
            fail_over_budget(self, why)
        else:
            self.needs, self._over_why = "budget", why
            self.due = self.runner.now() + LOOK_AGAIN

    def _unruled(self, why: str) -> None:
        """Hold a request that nobody here can rule; what was asked for goes on meanwhile."""
        if not self._is_over:
            self.needs, self._over_why = "policy", why
            self.due = self.runner.now() + LOOK_AGAIN

    def start(self) -> None:
        for asking in self._askings:
            asked = asking.progress.asked
            is_open = (asked is None or asked.is_closed) and not asking.is_active
            if is_open and not self._is_over and asking.address not in self._free:
                asking.progress.asked = asking.progress.preview = None
                asking.begin()
        self.decided()

    def covers(self, address: str) -> bool:
        """Whether this request asks for the call at `address`."""
        return any(call.address == address for call in self.request.calls)

    def decided(self) -> None:
        """Answer the body if a word makes the answer certain."""
        if self._is_over:
            return
        asked = [one.progress.asked for one in self._askings if one.progress.asked is not None]
        refused = next((one for one in asked if one.ruling in ("rejected", "expired")), None)
        if refused is not None:
            self._refuse(refused)
        elif len(asked) + len(self._free) < len(self._askings):
            return
        elif not asked and not self._edits():
            self._answer("not_needed", {})
        elif all(one.ruling == "approved" for one in asked):
            by = sorted({voter for one in asked for voter in one.voters})
            rationale = "; ".join(dict.fromkeys(one.rationale for one in asked if one.rationale))
            self._answer("approved", {"by": by, "rationale": rationale, "edits": self._edits()})

    def _edits(self) -> dict[str, Any]:
        """Return the arguments that people gave in place of those asked for, by the address of their call."""
        edits = {call.address: self.runner.history.at(call.address).edit for call in self.request.calls}
        return {address: orjson.loads(edit) for address, edit in edits.items() if edit is not None}

    def _refuse(self, refused: Asked) -> None:
        if refused.ruling == "expired":
            self._withdraw_rest()
            self._answer("expired", {"reason": refused.rationale or "nobody decided in time"})
        else:
            self._rejected(refused.rationale or "", refused.by)

    def stop(self) -> None:
        self._is_over = True
        self.leave()
        self._withdraw_rest()
        super().stop()

    def leave(self) -> None:
        for asking in self._askings:
            asking.leave()

    def waits(self) -> dict[str, Any]:
        held = {} if self._over_why is None else {"why": self._over_why}
        return {**super().waits(), "calls": [call.name for call in self.request.calls], **held}

    def _rejected(self, reason: str, by: str | None) -> None:
        if self._is_over:
            return
        self._withdraw_rest()
        self._answer("rejected", {"reason": reason, "by": [by] if by else []})

    def _denied(self, told: dict[str, Any], data: str) -> None:
        if self._is_over:
            return
        self._withdraw_rest()
        self._answer("denied", told, data)

    def _answer(self, word: str, values: dict[str, Any], data: str | None = None) -> None:
        self._is_over = True
        self.leave()
        body = orjson.dumps(values)
        record = Record(
            K.STEP_COMPLETED,
            self.runner.now(),
            outcome=word,
            data=data,
            snapshot="output",
            argument_hash=self.request.argument_hash,
            body=body,
        )
        self.deliver(record, word, body)

    def _withdraw_rest(self) -> None:
        for asking, call in zip(self._askings, self.request.calls, strict=True):
            asked = asking.progress.asked
            if asked is not None and asked.ruling is None:
                withdraw(self.runner, asking.progress, call.address, call.name)

    def _failed(self, error: BaseException) -> None:
        if self._is_over:
            return
        self._is_over = True
        self.leave()
        self._withdraw_rest()
        self.runner.fail_address(self, error)
