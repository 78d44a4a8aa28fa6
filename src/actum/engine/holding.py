"""A held workflow: what it says about its failure, and how a person's retry, skip or edit lets it go on.

An intervention is tried on a replay in memory before it is recorded; what is recorded is one event, either way. If the
process dies before it, the message is still unreceived and the next holder tries it; after it, the next holder
replays with the failure set aside. See docs/design/hold.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from actum.authoring.contract import Contract
from actum.authoring.effect import Effect
from actum.authoring.failures import attribute_of, decode_failure, message_of
from actum.authoring.question import Question
from actum.engine.execution import Execution, as_data
from actum.engine.history import History, read_history
from actum.engine.log import Ended, Record, to_datetime, to_microseconds
from actum.engine.outsiders import Taking
from actum.engine.progress import Progress, is_failure
from actum.engine.reopening import edited
from actum.engine.replaying import stand_up
from actum.errors import InvalidInput, NotPossible, Refused
from actum.flow import Commands, Flow, Mismatch, Outcome, Raised
from actum.machine.holding import Failure, Verb, choose, read_block, require_open, require_possible
from actum.model.events import EventKind
from actum.model.workflow import Cause, Status
from actum.store.rows import MessageRow, RecordRow

if TYPE_CHECKING:
    from actum.engine.runner import Runner

K = EventKind
MOST_NAMED = 20
"""Failures that a block names; a fan-out may bring thousands."""


def describe_hold(error: BaseException, history: History, reason: str) -> str:
    """Return the data of the block: what was raised, the failures behind it, and their address where it is one."""
    failures = {
        one.outcome.address: one.outcome
        for one in history.progress.values()
        if one.is_ended and not one.is_aside and one.outcome is not None and is_failure(one.outcome)
    }
    meant = [failures[address] for address in dict.fromkeys(_addresses_in(error)) if address in failures]
    if not meant and failures:
        newest = max(one.at for one in failures.values())
        meant = [one for one in failures.values() if one.at == newest]
    return as_data(
        why=message_of(error),
        reason=reason,
        error_type=type(error).__name__,
        address=meant[0].address if len(meant) == 1 else None,
        failed=[_as_json(one) for one in meant[:MOST_NAMED]] or None,
    )


def _addresses_in(error: BaseException, depth: int = 0) -> Iterator[str]:
    """Yield the addresses of the failed calls behind an exception: in its groups, and in what it was raised from."""
    address = attribute_of(error, "address")
    if isinstance(address, str) and address:
        yield address
    elif depth < MOST_NAMED:
        inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
        for one in (*inner, error.__cause__ or error.__context__):
            if one is not None:
                yield from _addresses_in(one, depth + 1)


def _as_json(outcome: Outcome) -> dict[str, Any]:
    entry: dict[str, Any] = {"address": outcome.address, "step": outcome.name, "word": outcome.word}
    if outcome.word == "failed":
        failure = decode_failure(outcome.body)
        entry |= {"reason": failure.reason, "attempts": failure.attempts, "error_type": failure.error_type}
    return entry


class Holding:
    """The interventions of one held workflow.

    `records` are what was read when it was claimed held; a workflow that has run since is let go of and claimed anew.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self.records: Sequence[RecordRow] = ()

    def take(self, message: MessageRow) -> Taking:
        """Receive a retry, a skip or an edit: the workflow goes on, or is held still, with the refusal."""
        runner = self._runner
        if runner.status is not Status.BLOCKED or runner.cause != Cause.HELD:
            return Taking.NOBODY
        if not self.records:
            runner.wants_claim = True
            return Taking.LATER
        try:
            record, history, flow, commands = self._try(message)
        except (Refused, Mismatch) as refusal:
            self._refuse(message, refusal)
            return Taking.TAKEN
        self.records = ()
        runner.history = history
        runner.journal.queue(record)
        runner.go_on(flow, commands)
        return Taking.TAKEN

    def _try(self, message: MessageRow) -> tuple[Record, History, Flow, Commands]:
        """Return the event of an intervention, and the body as it stands with it; raises Refused and Mismatch."""
        runner, verb = self._runner, Verb(message.kind)
        require_open(self.records)
        deadline = runner.row.deadline
        if deadline is not None and to_microseconds(deadline) <= runner.worker.clock.now():
            raise NotPossible("its deadline has passed: roll it back, or cancel it")
        failure = choose(self.records, message.address) if message.address else None
        if failure is None:
            failure = Failure(int(message.name or 0), None, "", "raised", "", 1)
        elif message.name not in (None, str(failure.seq)):
            raise NotPossible(f"another failure stands at {failure.address} by now: look again")
        require_possible(failure, verb)
        if verb is Verb.SKIP:
            self._require_output(failure, message.body)
        record, row = self._reopened(message, verb, failure)
        history = read_history([*self.records, row])
        flow, commands = stand_up(runner.contract, runner.workflow_id, history)
        try:
            _require_reached(flow, failure, verb, message.body)
        except Refused:
            flow.close()
            raise
        return record, history, flow, commands

    def _require_output(self, failure: Failure, body: bytes | None) -> None:
        step = self._runner.contract.step_named(failure.step)
        try:
            step.codec.decode_result(body if body is not None else b"null")
        except InvalidInput as error:
            raise InvalidInput(f"the output does not fit: {error}", path=error.path) from None

    def _reopened(self, message: MessageRow, verb: Verb, failure: Failure) -> tuple[Record, RecordRow]:
        """Return the event as it is queued, and as the next holder will read it."""
        runner = self._runner
        at, address = runner.stamp_of(message), failure.address
        progress = runner.history.progress.get(address or "")
        outcome = progress.outcome if progress is not None else None
        hashed = outcome.argument_hash if outcome is not None else None
        kept = {Verb.SKIP: "output", Verb.EDIT: "input"}.get(verb)
        body = (message.body if message.body is not None else b"null") if kept else None
        data = as_data(failure=failure.seq, why=message.reason)
        record = Record(
            K.STEP_REOPENED, at, step=failure.step or None, address=address, outcome=verb.value,
            actor=message.actor, data=data, snapshot=kept, argument_hash=hashed if kept else None, body=body,
            extras=self._closings(address), received=message.id,
            ended=self._given(progress, body) if verb is Verb.SKIP else None,
        )  # fmt: skip
        row = RecordRow(
            runner.workflow_id, self.records[-1].seq + 1, to_datetime(at), record.kind.value, record.step,
            address, None, verb.value, None, message.actor, None, data, b"", record.argument_hash, kept, body,
        )  # fmt: skip
        return record, row

    def _given(self, progress: Progress | None, body: bytes | None) -> Ended | None:
        """Return the result that a person gives an effect which happened and whose own could not be kept.

        So whoever reaches its key is given it too, and its undo.
        """
        outcome = None if progress is None else progress.outcome
        if progress is None or outcome is None or outcome.word != "invalid" or progress.kind is None:
            return None
        return Ended(progress.kind, progress.key or "", progress.generation, "succeeded", body)

    def _closings(self, address: str | None) -> tuple[tuple[str, dict[str, Any]], ...]:
        """Return the row that closes what was approved and never used: the call is asked for anew."""
        progress = self._runner.history.progress.get(address or "")
        asked = progress.asked if progress is not None else None
        if asked is None or asked.is_closed:
            return ()
        workflow_id = str(self._runner.workflow_id)
        return (("closings", {"id": str(asked.approval_id), "workflow_id": workflow_id, "closed": "stale"}),)

    def _refuse(self, message: MessageRow, refusal: Exception) -> None:
        """Record that an intervention was not possible; the workflow is held as before."""
        runner = self._runner
        block = next(one for one in reversed(self.records) if one.kind == K.WORKFLOW_BLOCKED)
        place = f" of {message.address}" if message.address else ""
        data = {**read_block(self.records), "refused": f"{message.kind}{place}: {refusal}"}
        record = Record(
            K.WORKFLOW_BLOCKED,
            runner.stamp_of(message),
            reason=Cause.HELD.value,
            actor=message.actor,
            data=as_data(**data),
            received=message.id,
        )
        if block.body is not None:
            record.snapshot, record.body = "error", block.body
        runner.journal.queue(record)
        runner.consider()


def _require_reached(flow: Flow, failure: Failure, verb: Verb, body: bytes | None) -> None:
    """Raise Refused unless the body, replayed without the failure, has come to where the intervention helps."""
    if failure.address is None:
        if flow.is_done and isinstance(flow.ending(), Raised):
            raise NotPossible("the body fails again at the same place: mend its code first")
        return
    if verb is Verb.SKIP:
        return
    request: Any = flow.waiting.get(failure.address)
    if request is None or request.name != failure.step:
        raise NotPossible(f"the body does not wait for {failure.step} at {failure.address} any more")
    if verb is Verb.EDIT:
        edited(request, body or b"{}")


class KeptExecution(Execution):
    """A call whose outcome a replay left aside, asked for again: the outcome is recorded once more, and nothing runs."""

    def start(self) -> None:
        kept = self.progress.kept
        if kept is None:
            return
        self.progress.kept = None
        record = Record(
            _kind_of(self.request),
            self.runner.now(),
            outcome=None if kept.word == "completed" else kept.word,
            data=as_data(kept=True),
            snapshot="output",
            argument_hash=self.request.argument_hash,
            body=kept.body,
        )
        self.deliver(record, kept.word, kept.body)


def _kind_of(request: Any) -> EventKind:
    subject = getattr(request, "subject", None)
    if isinstance(request, Question):
        return K.QUESTION_ANSWERED
    if isinstance(subject, Contract):
        return K.CHILD_FINISHED
    return K.EFFECT_SHARED if isinstance(subject, Effect) else K.STEP_COMPLETED
