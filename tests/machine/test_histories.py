"""Random histories of one workflow: whatever is tried, the row, the log and the chain stay true to each other."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from actum.machine.chain import FIRST_SEQ, GENESIS, Intact, link_event, verify
from actum.machine.fold import Row, advance, fold
from actum.machine.retry import Again, GiveUp, decide
from actum.machine.transitions import TABLE, IllegalTransition
from actum.model.contract import Retry
from actum.model.events import Event, EventKind, Reason
from actum.model.workflow import Cause, Status

WORKFLOW = UUID(int=7)
BORN_AT = datetime(2025, 1, 1, tzinfo=UTC)
RETRY = Retry(attempts=3, elapsed="10m")
ADDRESSES = ["1", "2", "2.1"]
LEGAL_SOMEWHERE = sorted({kind for _, kind in TABLE})
IN_FLIGHT = (
    Status.PENDING,
    Status.RUNNING,
    Status.WAITING,
    Status.PAUSED,
    Status.BLOCKED,
    Status.ROLLING_BACK,
)


class Histories(RuleBasedStateMachine):
    """A holder that tries anything, keeps what the machine lets it write, and knows its row by heart."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []
        self.row: Row | None = None
        self.failures: dict[str, int] = {}
        self.given_up: set[str] = set()

    def write(self, event: Event) -> bool:
        """Try to add one event; return whether the machine let it through, having changed nothing if not."""
        row, count = self.row, len(self.events)
        head = GENESIS if row is None else row.chain_head
        event = replace(event, seq=FIRST_SEQ if row is None else row.next_seq)
        event = replace(event, hash=link_event(head, event))
        try:
            self.row = advance(row, event)
        except IllegalTransition:
            assert (row, count) == (self.row, len(self.events))
            return False
        self.events.append(event)
        return True

    def event(self, kind: EventKind, **fields: object) -> Event:
        at = BORN_AT + timedelta(seconds=len(self.events))
        return replace(Event(WORKFLOW, 0, at, kind, contract="triage"), **fields)

    @initialize()
    def start(self) -> None:
        assert self.write(self.event(EventKind.WORKFLOW_STARTED))

    @rule(
        kind=st.sampled_from(LEGAL_SOMEWHERE),
        cause=st.sampled_from(list(Cause)),
        step=st.sampled_from([None, "read", "answer"]),
        data=st.none() | st.text(max_size=5),
    )
    def try_any_kind(self, kind: EventKind, cause: Cause, step: str | None, data: str | None) -> None:
        assert self.row is not None
        before = self.row
        reason = cause.value if kind is EventKind.WORKFLOW_BLOCKED else None
        written = self.write(self.event(kind, reason=reason, step=step, current_step=step, data=data))
        assert ((before.status, kind) in TABLE) is written
        assert not (before.status.is_final and written)

    @precondition(lambda self: self.row.status in IN_FLIGHT)
    @rule(
        address=st.sampled_from(ADDRESSES),
        jitter=st.floats(0, 1, exclude_max=True),
        seconds=st.integers(0, 700),
    )
    def an_attempt_fails(self, address: str, jitter: float, seconds: int) -> None:
        if address in self.given_up:
            return
        attempt = self.failures.get(address, 0) + 1
        word = decide(
            retry=RETRY,
            attempt=attempt,
            elapsed=timedelta(seconds=seconds),
            reason=Reason.TOOL_ERROR,
            is_final=False,
            retry_after=None,
            jitter=jitter,
        )
        match word:
            case Again(after):
                assert timedelta(0) < after
                kind = EventKind.ATTEMPT_FAILED
            case GiveUp():
                kind = EventKind.STEP_FAILED
                self.given_up.add(address)
        assert self.write(self.event(kind, address=address, attempt=attempt, attempt_count=attempt))
        self.failures[address] = attempt

    @invariant()
    def the_row_is_the_sum_of_its_events(self) -> None:
        assert self.row == (fold(self.events) if self.events else None)

    @invariant()
    def a_cause_belongs_to_blocked_and_an_end_to_final(self) -> None:
        if self.row is not None:
            assert (self.row.status is Status.BLOCKED) == (self.row.cause is not None)
            assert self.row.status.is_final == (self.row.finished_at is not None)

    @invariant()
    def attempts_stay_within_their_budget(self) -> None:
        assert all(count <= RETRY.attempts for count in self.failures.values())

    def teardown(self) -> None:
        assert self.row is not None
        assert Intact() == verify(self.events, self.row.chain_head, self.row.next_seq)
        self.walk_to_an_end()
        assert self.row.status.is_final

    def walk_to_an_end(self) -> None:
        """Do what a person can do to any workflow that still lives: roll it back."""
        assert self.row is not None
        if not self.row.status.is_final:
            assert self.write(self.event(EventKind.WORKFLOW_ROLLING_BACK))
            assert self.write(self.event(EventKind.WORKFLOW_ROLLED_BACK))


TestHistories = Histories.TestCase
TestHistories.settings = settings.get_profile("ci")
