"""Child workflows and questions: what a body waits for that somebody else brings."""

from __future__ import annotations

import secrets
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson

from actum.authoring.contract import Contract
from actum.engine.budgeting import LOOK_AGAIN
from actum.engine.ending import cancel_message
from actum.engine.execution import Execution, as_data, fail_over_budget
from actum.engine.log import Record, to_datetime
from actum.engine.prompting import ALONE
from actum.machine.chain import FIRST_SEQ, GENESIS, link, payload_hash
from actum.model.budget import Over
from actum.model.events import EventKind
from actum.model.ids import new_id
from actum.store.records import as_text
from actum.store.rows import MessageRow

K = EventKind


class ChildExecution(Execution):
    """A contract awaited inside another: a workflow of its own, born in its parent's flush."""

    abandoned_kind = K.CHILD_CANCELLED
    needs = "child"

    def start(self) -> None:
        if self.progress.child_id is None:
            self._give_birth()

    def stop(self) -> None:
        child_id = self.progress.child_id
        record = Record(self.abandoned_kind, self.runner.now())
        if child_id is not None:
            record.data = as_data(child=str(child_id))
            record.extras = (("messages", cancel_message(str(self.runner.workflow_id), str(child_id))),)
            record.then = [lambda: self.runner.wake_others([child_id])]
        self.record(record)

    def receive(self, message: MessageRow) -> bool:
        child_id = self.progress.child_id  # another child may have been given up at this address before
        if message.kind != "child" or child_id is None or message.actor != f"workflow:{child_id}":
            return False
        word = "completed" if message.outcome == "completed" else "failed"
        record = Record(
            K.CHILD_FINISHED,
            self.runner.stamp_of(message),
            outcome=word,
            actor=message.actor,
            data=as_data(child=str(self.progress.child_id), status=message.outcome),
            snapshot="output" if word == "completed" else "error",
            argument_hash=self.request.argument_hash,
            body=message.body,
            received=message.id,
        )
        self.deliver(record, word, message.body)
        return True

    def waits(self) -> dict[str, Any]:
        return {**super().waits(), "child": str(self.progress.child_id)}

    def _give_birth(self) -> None:
        runner = self.runner
        contract: Contract[..., Any] = self.request.subject
        child_id = self.progress.child_id = new_id(runner.now() // 1000)
        row = _child_row(self, contract, child_id)
        record = Record(
            K.CHILD_STARTED,
            runner.now(),
            data=as_data(child=str(child_id)),
            snapshot="input",
            argument_hash=self.request.argument_hash,
            extras=(("children", row),),
            then=[runner.hint_ready],
        )
        self.record(record)


def _child_row(execution: ChildExecution, contract: Contract[..., Any], child_id: UUID) -> dict[str, Any]:
    runner = execution.runner
    at, salt = runner.now(), secrets.token_bytes(16)
    arguments = execution.request.arguments
    argument_hash = sha256(arguments).digest()  # the request's own is what the body asked for
    hashed = payload_hash(salt, argument_hash, arguments)
    team = contract.owner.team if contract.owner else runner.row.team
    actor = f"workflow:{runner.workflow_id}"
    data = as_data(parent=str(runner.workflow_id), address=execution.address)
    deadlines = [d for d in (runner.row.deadline,) if d is not None]
    if contract.deadline is not None:
        deadlines.append(to_datetime(at) + contract.deadline)
    head = link(
        GENESIS, child_id.bytes, FIRST_SEQ, at, K.WORKFLOW_STARTED.value, None, None, None, None, None, actor,
        contract.name, team, None, None, 0, hashed, data,
    )  # fmt: skip
    return {
        "id": str(child_id),
        "contract": contract.name,
        "shape_hash": contract.shape_hash.hex(),
        "document_hash": runner.worker.documents[contract.name].hex(),
        "changes": list(contract.changes),
        "team": team,
        "requester": runner.row.requester,
        "queue": contract.queue,
        "parent": str(runner.workflow_id),
        "parent_address": execution.address,
        "salt": salt.hex(),
        "hash": head.hex(),
        "deadline": as_text(min(deadlines)) if deadlines else None,
        "at": as_text(to_datetime(at)),
        "actor": actor,
        "data": data,
        "payload_hash": hashed.hex() if hashed else None,
        "argument_hash": argument_hash.hex(),
        "arguments": arguments.hex(),
    }


class QuestionExecution(Execution):
    """A question to people: a row until somebody answers."""

    abandoned_kind = K.QUESTION_WITHDRAWN
    needs = "answer"

    _over_why: str | None = None

    def start(self) -> None:
        if self.progress.is_asked:
            return
        prompting = self.runner.budgeting.prompting if self.runner.budgeting is not None else None
        if prompting is None:
            self._ask()
        else:
            self.is_active = True
            prompting.pay(f"question/{self.address}", ALONE, self._paid, self._ask_paid, self._over_budget)

    def act(self) -> None:
        self.due, self._over_why, self.needs = None, None, "answer"
        self.start()

    def _paid(self) -> None:
        self.is_active = False

    def _ask_paid(self) -> bool:
        """Ask for the prompt that was taken, unless the body has given the question up meanwhile."""
        if self.runner.executions.get(self.address) is not self:
            return False
        self._ask()
        return True

    def _over_budget(self, over: Over, why: str) -> None:
        if self.runner.executions.get(self.address) is not self:
            return
        if over == "fail":
            fail_over_budget(self, why)
        else:
            self.needs, self._over_why = "budget", why
            self.due = self.runner.now() + LOOK_AGAIN

    def _ask(self) -> None:
        self.progress.is_asked = True
        runner = self.runner
        row = {
            "workflow_id": str(runner.workflow_id),
            "address": self.address,
            "question": self.request.question,
            "schema": orjson.dumps(self.request.schema).decode(),
            "addressee": self.request.to,
            "contract": runner.row.contract,
            "team": runner.row.team,
            "asked_at": as_text(to_datetime(runner.now())),
        }
        self.record(
            Record(
                K.QUESTION_ASKED,
                runner.now(),
                data=as_data(question=self.request.question, arguments=self.request.argument_hash.hex()),
                extras=(("questions", row),),
                then=[runner.hint_people],
            )
        )

    def stop(self) -> None:
        self.due = None
        row = {"workflow_id": str(self.runner.workflow_id), "address": self.address}
        self.record(Record(self.abandoned_kind, self.runner.now(), extras=(("unasked", row),)))

    def receive(self, message: MessageRow) -> bool:
        if message.kind != "answer":
            return False
        record = Record(
            K.QUESTION_ANSWERED,
            self.runner.stamp_of(message),
            actor=message.actor,
            snapshot="output",
            argument_hash=self.request.argument_hash,
            body=message.body,
            received=message.id,
        )
        self.deliver(record, "completed", message.body)
        return True

    def waits(self) -> dict[str, Any]:
        held = {} if self._over_why is None else {"why": self._over_why}
        return {**super().waits(), "question": self.request.question, **held}
