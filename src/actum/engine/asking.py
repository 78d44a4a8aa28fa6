"""Asking for approval: one look at the world, one row for a person, and the wait for their word.

A request is bound to its action: kind, target, full arguments, operation key and address. Row, event and parking go
into one flush. If the worker dies before that flush, nobody was asked; after it, the row is found again and nobody is
asked twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import BaseModel

from actum.authoring.attempt import Attempt
from actum.authoring.call import Call
from actum.authoring.effect import Effect
from actum.engine.attempts import Tried, Try
from actum.engine.execution import Execution, as_data
from actum.engine.history import Asked, Progress
from actum.engine.log import Record, to_datetime
from actum.engine.looking import preview_of
from actum.engine.steps import Limits
from actum.errors import InvalidInput
from actum.machine.keys import action_hash, default_key
from actum.machine.policy import rule_without_policy
from actum.model.events import EventKind
from actum.model.ids import new_id
from actum.outcomes import Preview
from actum.store.records import as_text

if TYPE_CHECKING:
    from actum.engine.runner import Runner

K = EventKind


def key_of(runner: Runner, call: Call[Any], address: str) -> str:
    """Return the operation key of an effect call: its author's, or origin workflow and address.

    Raises what the author's key function raises, and InvalidInput for a key that cannot be stored.
    """
    effect: Effect[..., Any] = call.subject  # type: ignore[assignment]  # only effects have keys
    args, kwargs = effect.codec.decode_arguments(call.arguments)
    return effect.key_for(args, kwargs) or default_key(
        runner.row.origin, address + runner.history.at(address).mark
    )


def preview_body(preview: Preview) -> bytes:
    """Return a preview as JSON bytes, facts of any shape included."""
    facts = preview.facts
    if isinstance(facts, BaseModel):
        facts = facts.model_dump(mode="json")
    elif is_dataclass(facts) and not isinstance(facts, type):
        facts = asdict(facts)
    values = {
        "sentence": preview.sentence,
        "target": preview.target,
        "facts": facts,
        "diff": preview.diff,
        "checks": list(preview.checks),
        "blast_radius": preview.blast_radius,
        "relies_on": preview.relies_on,
    }
    return orjson.dumps(values, default=str)


class Asking:
    """Brings one effect call before a person: previews it, then queues its approval row and event."""

    def __init__(
        self,
        runner: Runner,
        call: Call[Any],
        address: str,
        asked_by: str | None,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._runner = runner
        self._call = call
        self._address = address
        self._asked_by = asked_by
        self._failed = failed
        self._try: Try | None = None
        self.effect: Effect[..., Any] = call.subject  # type: ignore[assignment]  # request_approval takes no others
        self.progress: Progress = runner.history.at(address)

    @property
    def is_active(self) -> bool:
        """Whether the preview executes."""
        return self._try is not None

    def begin(self) -> None:
        """Look, then ask. The look waits until everything it stands on is durable."""
        hook = self.effect.hooks.get("preview")
        if hook is None or self.progress.preview is not None:
            self._ask()
            return
        self._try = Try(self._runner.loop, lambda tried: self._runner.guarded(self._previewed, tried), None)
        self._runner.when_durable(self._preview)

    def look_again(self, done: Callable[[bool], None]) -> None:
        """Look once more before the effect begins; `done` is told whether what the approval relies on is as it was."""
        relied = orjson.loads(self.progress.preview or b"{}").get("relies_on")
        if not relied:
            done(True)
            return
        runner = self._runner
        self._try = Try(
            runner.loop, lambda tried: runner.guarded(self._looked_again, tried, relied, done), None
        )
        runner.when_durable(self._preview)

    def _looked_again(self, tried: Tried, relied: str, done: Callable[[bool], None]) -> None:
        self._try = None
        if tried.was_stopped or self._runner.is_over:
            self._runner.consider()
        elif tried.error is not None or tried.limit is not None:
            self._failed(tried.error or TimeoutError(f"the preview of {self.effect.name} took too long"))
        else:
            done(isinstance(tried.value, Preview) and tried.value.relies_on == relied)
            self._runner.consider()

    def leave(self) -> None:
        """Stop looking."""
        if self._try is not None:
            self._try.stop()

    def _preview(self) -> None:
        running, runner = self._try, self._runner
        if running is None or runner.is_over or running.is_stopped:
            self._try = None
            return
        hook = self.effect.hooks["preview"]
        args, kwargs = self.effect.codec.decode_arguments(self._call.arguments)
        running.start(
            preview_of(hook, self.effect.transactional, runner.worker.databases),
            args,
            kwargs,
            Attempt(number=1, epoch=runner.epoch),
            is_async=hook.is_async,
            limit=Limits.of(self.effect).attempt,
            limit_name="timeout.attempt",
            executor=runner.executor,
        )

    def _previewed(self, tried: Tried) -> None:
        self._try = None
        runner = self._runner
        if tried.was_stopped or runner.is_over:
            runner.consider()
            return
        if tried.error is not None or tried.limit is not None:
            self._failed(tried.error or TimeoutError(f"the preview of {self.effect.name} took too long"))
            return
        if not isinstance(tried.value, Preview):
            self._failed(
                InvalidInput(f"{self.effect.name}.preview returned {tried.value!r}: return a Preview(…)")
            )
            return
        try:
            body = preview_body(tried.value)
        except TypeError as error:
            self._failed(InvalidInput(f"{self.effect.name}.preview: its facts cannot be stored: {error}"))
            return
        self.progress.preview = body
        self._runner.record(
            Record(
                K.PREVIEW_COMPLETED,
                runner.now(),
                step=self.effect.name,
                address=self._address,
                snapshot="preview",
                argument_hash=self._call.argument_hash,
                body=body,
            )
        )
        runner.when_going(self._ask)

    def _ask(self) -> None:
        runner, call, effect = self._runner, self._call, self.effect
        try:
            key = self.progress.key or key_of(runner, call, self._address)
        except Exception as error:  # the author's key function
            self._failed(error)
            return
        shown: dict[str, Any] = orjson.loads(self.progress.preview) if self.progress.preview else {}
        ruling = rule_without_policy(runner.row.team)
        hashed = action_hash(effect.kind, shown.get("target", ""), call.arguments, key, self._address)
        approval_id = new_id(runner.now() // 1000)
        self.progress.key = key
        self.progress.asked = Asked(approval_id, hashed, self._asked_by, effect.name)
        now = to_datetime(runner.now())
        row = {
            "id": str(approval_id),
            "workflow_id": str(runner.workflow_id),
            "address": self._address,
            "asked_by": self._asked_by,
            "step": effect.name,
            "kind": effect.kind,
            "key": key,
            "action_hash": hashed.hex(),
            "arguments": call.arguments.hex(),
            "preview": self.progress.preview.decode() if self.progress.preview else None,
            "relies_on": shown.get("relies_on"),
            "tier": ruling.tier,
            "rule": ruling.rule,
            "policy_hash": None,
            "contract": runner.row.contract,
            "team": runner.row.team,
            "requester": runner.row.requester,
            "approvers": list(ruling.approvers),
            "asked_at": as_text(now),
            "expires_at": None,
        }
        runner.record(
            Record(
                K.APPROVAL_REQUESTED,
                runner.now(),
                step=effect.name,
                address=self._address,
                tier=ruling.tier,
                data=as_data(
                    approval_id=str(approval_id),
                    action_hash=hashed.hex(),
                    asked_by=self._asked_by,
                    arguments=call.argument_hash.hex(),
                    rule=ruling.rule,
                ),
                extras=(("approvals", row),),
                then=[runner.hint_people],
            )
        )


def withdraw(runner: Runner, progress: Progress, address: str, step: str) -> None:
    """Close an approval that is open or unused, because nobody wants its answer any more."""
    asked = progress.asked
    if asked is None or asked.is_closed or asked.ruling == "rejected":
        return
    asked.is_closed = True
    closed = "withdrawn" if asked.ruling is None else "stale"
    row = {"id": str(asked.approval_id), "workflow_id": str(runner.workflow_id), "closed": closed}
    runner.record(
        Record(
            K.APPROVAL_WITHDRAWN,
            runner.now(),
            step=step,
            address=address,
            outcome=closed,
            data=as_data(approval_id=str(asked.approval_id)),
            extras=(("closings", row),),
        )
    )


class ApprovalExecution(Execution):
    """`request_approval(*calls)`: asks for each call, and answers the body when every word is in."""

    needs = "approval"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._is_over = False
        self._askings = [
            Asking(self.runner, call, call.address, self.address, self._failed) for call in self.request.calls
        ]

    @property
    def is_active(self) -> bool:  # type: ignore[override]  # derived here, a plain attribute elsewhere
        """Whether a preview executes."""
        return any(asking.is_active for asking in self._askings)

    def start(self) -> None:
        for asking in self._askings:
            asked = asking.progress.asked
            if (asked is None or asked.is_closed) and not self._is_over:
                asking.progress.asked = asking.progress.preview = None
                asking.begin()
        self.decided()

    def covers(self, address: str) -> bool:
        """Whether this request asks for the call at `address`."""
        return any(call.address == address for call in self.request.calls)

    def decided(self) -> None:
        """Answer the body if a word makes the answer certain."""
        asked = [asking.progress.asked for asking in self._askings]
        if self._is_over or any(one is None for one in asked):
            return
        rejected = [one for one in asked if one is not None and one.ruling == "rejected"]
        if rejected:
            self._withdraw_rest()
            by = [one.by for one in rejected if one.by]
            self._answer("rejected", {"reason": rejected[0].rationale or "", "by": by})
        elif all(one is not None and one.ruling == "approved" for one in asked):
            by = sorted({one.by for one in asked if one is not None and one.by})
            rationale = "; ".join(
                dict.fromkeys(one.rationale for one in asked if one is not None and one.rationale)
            )
            self._answer("approved", {"by": by, "rationale": rationale})

    def stop(self) -> None:
        self._is_over = True
        self.leave()
        self._withdraw_rest()
        super().stop()

    def leave(self) -> None:
        for asking in self._askings:
            asking.leave()

    def waits(self) -> dict[str, Any]:
        return {**super().waits(), "calls": [call.name for call in self.request.calls]}

    def _answer(self, word: str, values: dict[str, Any]) -> None:
        self._is_over = True
        body = orjson.dumps(values)
        record = Record(
            K.STEP_COMPLETED,
            self.runner.now(),
            outcome=word,
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
