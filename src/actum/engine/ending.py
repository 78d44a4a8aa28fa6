"""How a workflow ends: by its body, by a person, by its deadline, or by a fault; and what is put in order then.

An ending is the last record of a workflow, and the only one after which nothing is recorded. What is still open
(children, approvals, questions) is closed by the same statement.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from actum.authoring.failures import attribute_of, encode_workflow_failure, message_of, text_of
from actum.engine.execution import as_data
from actum.engine.holding import describe_hold
from actum.engine.log import Record
from actum.engine.steps import reason_of
from actum.errors import InvalidInput, RollBack
from actum.flow import Cancelled, Flow, Raised, Returned
from actum.model.events import EventKind, Reason
from actum.model.workflow import Cause

if TYPE_CHECKING:
    from actum.engine.runner import Runner

K = EventKind
DEADLINE_PASSED = "the deadline of the workflow had passed"


class Ending:
    """The ways out of one held workflow."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def of(self, flow: Flow) -> None:
        """End as the body did."""
        runner, history = self._runner, self._runner.history
        if history.rollback_wanted is not None:
            runner.roll_back(Reason.OPERATOR, history.rollback_wanted, history.rollback_actor)
            return
        match flow.ending():
            case Returned(value):
                self._complete(value)
            case Cancelled():
                self._cancelled()
            case Raised(exception) if history.cancel_reason and isinstance(exception, asyncio.CancelledError):
                self._cancelled()
            case Raised(exception):
                self._raised(exception)

    def stuck(self) -> None:
        """End a body that waits for nothing."""
        self.fail(
            Reason.BUG, "the body waits for something that can never come, such as a future nobody sets", ""
        )

    def fail(self, reason: Reason, message: str, error_type: str) -> None:
        """End as failed."""
        body = self._failure("failed", reason.value, message, error_type)
        record = Record(
            K.WORKFLOW_FAILED, self._runner.now(), reason=reason.value, snapshot="error", body=body
        )
        self._finally(record, "failed", body)

    def cancel_blocked(self, at: int, actor: str | None, why: str | None, received: int | None) -> None:
        """End a workflow whose body cannot be driven any more, because a person says so."""
        reason = Reason.OPERATOR.value
        body = self._failure("cancelled", reason, why or "it was cancelled")
        record = Record(
            K.WORKFLOW_CANCELLED,
            at,
            reason=reason,
            actor=actor,
            data=as_data(why=why),
            snapshot="error",
            body=body,
            received=received,
        )
        self._finally(record, "cancelled", body)

    def rolled_back(self, reason: str, why: str, report: bytes) -> None:
        """End with everything undone that the plan could undo; the rest is named in the report."""
        body = self._failure("rolled_back", reason, why or "it was rolled back")
        record = Record(
            K.WORKFLOW_ROLLED_BACK,
            self._runner.now(),
            reason=reason,
            data=report.decode(),
            snapshot="error",
            body=body,
        )
        self._finally(record, "rolled_back", body)

    def _complete(self, value: object) -> None:
        try:
            body = self._runner.contract.codec.encode_result(value)
        except InvalidInput as error:
            self._raised(error)
            return
        self._finally(
            Record(K.WORKFLOW_COMPLETED, self._runner.now(), snapshot="output", body=body), "completed", body
        )

    def _cancelled(self) -> None:
        runner = self._runner
        reason = runner.history.cancel_reason or Reason.OPERATOR.value
        if reason == Reason.TIMEOUT_TOTAL.value:
            if runner.contract.on_failure == "rollback":
                runner.roll_back(Reason.TIMEOUT_TOTAL, DEADLINE_PASSED, None)
            else:
                self.fail(Reason.TIMEOUT_TOTAL, DEADLINE_PASSED, "TimeoutError")
            return
        body = self._failure("cancelled", reason, "it was cancelled")
        record = Record(K.WORKFLOW_CANCELLED, runner.now(), reason=reason, snapshot="error", body=body)
        self._finally(record, "cancelled", body)

    def _raised(self, error: BaseException) -> None:
        """Follow the contract's `on_failure`."""
        runner = self._runner
        reason = _reason_of(error)
        has_acted = any(
            one.has_started or one.child_id is not None for one in runner.history.progress.values()
        )
        if isinstance(error, RollBack):
            runner.roll_back(Reason.CHECK_FAILED, text_of(error), None)
        elif runner.contract.on_failure == "rollback" and has_acted:
            runner.roll_back(reason, text_of(error), None)
        elif runner.contract.on_failure == "hold":
            body = self._failure("blocked", reason.value, text_of(error), type(error).__name__)
            data = describe_hold(error, runner.history, reason.value)
            runner.close_flow()
            runner.queue_block(Cause.HELD, data, body)
            runner.consider()
        else:
            self.fail(reason, message_of(error), type(error).__name__)

    def _failure(self, status: str, reason: str, message: str, error_type: str = "") -> bytes:
        runner = self._runner
        return encode_workflow_failure(
            runner.contract.name, str(runner.workflow_id), status, reason, message, error_type=error_type
        )

    def _finally(self, record: Record, outcome: str, body: bytes) -> None:
        runner, parent = self._runner, self._runner.row.parent
        record.is_final = True
        record.then = [lambda: runner.worker.hints.send(f"ended:{runner.workflow_id}")]
        extras, children = self._close_what_is_open()
        if children:
            record.then.append(lambda: runner.wake_others(children))
        if parent is not None:
            message = {
                "workflow_id": str(runner.workflow_id),
                "recipient": str(parent),
                "kind": "child",
                "address": runner.row.parent_address,
                "outcome": outcome,
                "body": body.hex(),
                "actor": f"workflow:{runner.workflow_id}",
            }
            extras.append(("messages", message))
            record.then.append(lambda: runner.wake_others([parent]))
        record.extras = tuple(extras)
        runner.queue_final(record)

    def _close_what_is_open(self) -> tuple[list[tuple[str, dict[str, Any]]], list[Any]]:
        """Return rows that cancel children and close what people were asked, and the children to wake."""
        workflow_id = str(self._runner.workflow_id)
        extras: list[tuple[str, dict[str, Any]]] = []
        children = []
        for address, progress in self._runner.history.progress.items():
            asked = progress.asked
            if asked is not None and not (asked.is_closed or asked.is_used):
                row = {"id": str(asked.approval_id), "workflow_id": workflow_id, "closed": "withdrawn"}
                extras.append(("closings", row))
            if progress.is_ended:
                continue
            if progress.is_asked:
                extras.append(("unasked", {"workflow_id": workflow_id, "address": address}))
            if progress.child_id is not None:
                children.append(progress.child_id)
                extras.append(("messages", cancel_message(workflow_id, str(progress.child_id))))
        return extras, children


def cancel_message(sender: str, child: str) -> dict[str, Any]:
    """Return the message by which a parent cancels its child."""
    return {
        "workflow_id": sender,
        "recipient": child,
        "kind": "cancel",
        "actor": f"workflow:{sender}",
        "reason": "its parent does not wait for it any more",
    }


def _reason_of(error: BaseException) -> Reason:
    """Return why a body's own exception ended it: a failed step's reason, else what the exception is."""
    found = attribute_of(error, "reason")
    try:
        return Reason(found) if isinstance(found, str) else reason_of(error)
    except ValueError:
        return reason_of(error)
