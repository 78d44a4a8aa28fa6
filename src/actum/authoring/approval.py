"""Asking for approval of exactly these calls, before they run."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson

from actum.authoring.call import Call, approval_refusal, running_flow, unknown_word
from actum.authoring.effect import Effect
from actum.authoring.failures import decode_failure
from actum.errors import InvalidInput, NotApproved
from actum.outcomes import ApprovalOutcome, Approved, NotNeeded

if TYPE_CHECKING:
    from actum.flow.records import Outcome

_OUTSIDE = "request_approval was used outside a workflow: await it in the body of a @contract"


async def request_approval(*calls: Call[Any]) -> ApprovalOutcome:
    """Ask now for exactly these effect calls, and return the answer; several make one card with rows.

    Each call's arguments and address are fixed here, so what is approved is what a later `await call` runs, without
    a second prompt; where a person approved other values of parameters in `editable=`, `Approved.calls` shows them, and
    those run. Returns Approved, NotNeeded, Rejected or Expired; none of them is raised. Raises InvalidInput
    for anything but calls of effects, NotPossible for a call that was already awaited, NotApproved where policy
    denies the calls whoever asks, StepFailed where a preview or a key function failed. After a crash the same request is found again, and nobody is asked twice.
    """
    _check(calls)
    flow = running_flow(_OUTSIDE)
    for call in calls:
        call.take_address()
    return await flow.ask(ApprovalRequest(calls))  # type: ignore[no-any-return]  # what `receive` returned


class ApprovalRequest:
    """What `request_approval` asks of the engine: a ruling, and where policy wants it an approval, for `calls`."""

    __slots__ = ("argument_hash", "calls")

    name = "request_approval"

    def __init__(self, calls: tuple[Call[Any], ...]) -> None:
        self.calls = calls
        rows = [[_effect_of(call).kind, call.address, call.argument_hash.hex()] for call in calls]
        self.argument_hash = sha256(orjson.dumps(rows)).digest()

    def receive(self, outcome: Outcome) -> ApprovalOutcome:
        """Return the record that `outcome` stands for."""
        match outcome.word:
            case "approved":
                values = orjson.loads(outcome.body or b"{}")
                edits: dict[str, Any] = values.get("edits") or {}
                calls = tuple(
                    call.edited(edits[call.address]) if call.address in edits else call for call in self.calls
                )
                return Approved(tuple(values.get("by") or ()), values.get("rationale") or "", calls)
            case "not_needed":
                return NotNeeded(self.calls)
            case "rejected" | "expired":
                return approval_refusal(outcome)  # type: ignore[return-value]  # these two words are never a Denied
            case "denied":
                record = approval_refusal(outcome)
                names = ", ".join(call.name for call in self.calls)
                failure = NotApproved(f"{names}: denied by policy: {record.reason}", outcome=record)
                failure.address = outcome.address
                raise failure
            case "failed":
                given_up = decode_failure(outcome.body).as_step_failed()
                given_up.address = outcome.address
                raise given_up
        raise unknown_word(self.name, outcome)


def _check(calls: tuple[object, ...]) -> None:
    if not calls:
        raise InvalidInput("request_approval() asks for nothing: pass the calls of effects to approve")
    for call in calls:
        if not isinstance(call, Call) or not isinstance(call.subject, Effect):
            raise InvalidInput(
                f"request_approval takes calls of effects, and {call!r} is none: "
                "only what acts on the outside world is approved"
            )
    if len({id(call) for call in calls}) != len(calls):
        raise InvalidInput("request_approval was given one call twice: pass each call once")


def _effect_of(call: Call[Any]) -> Effect[..., Any]:
    subject = call.subject
    assert isinstance(subject, Effect)  # noqa: S101  # `_check` has refused all others
    return subject
