"""Callers, crashes, late requests and probes around one key: in no order does the effect happen twice.

The world outside is the worst one: it honours no key and counts every request that arrives. A request that has left
its process may arrive at any time until the attempt's time-out and settling time have passed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from actum.machine.doubt import (
    Answer,
    AskPerson,
    ProbeAgainAt,
    Probed,
    ProbeNow,
    RepeatNow,
    SettleHappened,
    SettleNotHappened,
    Way,
    decide,
)
from actum.machine.ledger import (
    Conflict,
    EffectState,
    Existing,
    Join,
    Mine,
    NewGeneration,
    Own,
    Take,
    TakeOver,
    WaitForOther,
    move,
    reach,
)

TIMEOUT, SETTLE = timedelta(seconds=2), timedelta(seconds=1)
E = EffectState


@dataclass(frozen=True)
class Request:
    """A request under way to the outside, and until when it may arrive."""

    generation: int
    until: datetime


@dataclass(frozen=True)
class Look:
    """A probe that has looked and whose answer has not been heard."""

    begun_at: datetime
    answer: Answer
    returned_at: datetime | None


class EffectOnce(RuleBasedStateMachine):
    """One key, its ledger, and a world that counts."""

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2025, 1, 1, tzinfo=UTC)
        self.entries: list[Existing] = []
        self.world: dict[int, int] = {}
        self.completed: dict[int, int] = {}
        self.under_way: list[Request] = []
        self.started_at = self.now
        self.body_is_here = False
        self.returned_at: datetime | None = None
        self.look: Look | None = None
        self.probed: Probed | None = None

    @property
    def entry(self) -> Existing | None:
        return self.entries[-1] if self.entries else None

    @property
    def state(self) -> EffectState | None:
        return self.entry.state if self.entry else None

    def go(self, state: EffectState, **fields: object) -> None:
        assert self.entry is not None
        self.entries[-1] = replace(self.entry, state=move(self.entry.state, state), **fields)
        if state is E.SUCCEEDED:
            self.completed[self.entry.generation] = self.completed.get(self.entry.generation, 0) + 1

    def begin_attempt(self, generation: int) -> None:
        self.started_at, self.body_is_here, self.returned_at = self.now, True, None
        self.look = self.probed = None
        self.under_way.append(Request(generation, self.now + TIMEOUT + SETTLE))

    @rule(caller=st.integers(1, 3))
    def a_call_reaches_the_key(self, caller: int) -> None:
        mine = Mine(UUID(int=caller), "1", b"same")
        match reach(self.entry, mine):
            case Take():
                self.entries.append(Existing(mine.workflow_id, "1", b"same", move(None, E.STARTED), 1, 1))
                self.begin_attempt(1)
            case NewGeneration(number):
                self.entries.append(
                    Existing(mine.workflow_id, "1", b"same", move(None, E.STARTED), number, 1)
                )
                self.begin_attempt(number)
            case TakeOver(state, attempt):
                assert self.state is state
                self.go(E.STARTED, workflow_id=mine.workflow_id, attempt=attempt)
                self.begin_attempt(self.entries[-1].generation)
            case Own(existing) if existing.state in (E.FAILED, E.ABANDONED):
                self.go(E.STARTED, attempt=existing.attempt + 1)
                self.begin_attempt(existing.generation)
            case Own(existing) if existing.state is E.STARTED and not self.body_is_here:
                self.go(E.IN_DOUBT)
            case Join(result):
                assert result == b"result"
            case Own() | WaitForOther():
                pass
            case Conflict():
                raise AssertionError("the arguments are the same")

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def a_request_arrives(self, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from(self.under_way))
        self.under_way.remove(request)
        self.world[request.generation] = self.world.get(request.generation, 0) + 1

    @precondition(lambda self: self.body_is_here)
    @rule(is_rescued=st.booleans())
    def the_process_dies(self, is_rescued: bool) -> None:
        self.body_is_here, self.returned_at = False, None
        self.look = None
        if is_rescued:
            self.go(E.IN_DOUBT)

    @property
    def has_happened(self) -> bool:
        return self.entry is not None and self.world.get(self.entry.generation, 0) > 0

    @precondition(lambda self: self.body_is_here and self.has_happened)
    @rule()
    def the_body_returns_its_result(self) -> None:
        self.body_is_here = False
        self.go(E.SUCCEEDED, result=b"result")

    @precondition(lambda self: self.body_is_here and not self.has_happened)
    @rule()
    def the_body_says_that_it_did_not_happen(self) -> None:
        self.body_is_here = False
        self.under_way.clear()
        self.go(E.FAILED)

    @precondition(lambda self: self.body_is_here)
    @rule()
    def the_body_fails_without_knowing(self) -> None:
        self.body_is_here, self.returned_at = False, self.now
        until = self.now + SETTLE  # its sender has given up, and it may still be in a queue
        self.under_way = [replace(one, until=min(one.until, until)) for one in self.under_way]
        self.go(E.IN_DOUBT)

    @precondition(lambda self: self.returned_at is not None)
    @rule()
    def the_process_dies_after_its_body_returned(self) -> None:
        self.returned_at = None
        self.look = None

    @rule(seconds=st.sampled_from([1, 3]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self.under_way = [request for request in self.under_way if self.now < request.until]

    @precondition(lambda self: self.state is E.IN_DOUBT and self.look is None)
    @rule(can_look=st.sampled_from([True, True, True, False]))
    def a_probe_looks(self, can_look: bool) -> None:
        answer = Answer.HAPPENED if self.has_happened else Answer.NOT_HAPPENED
        self.look = Look(self.now, answer if can_look else Answer.FAILED, self.returned_at)

    @precondition(lambda self: self.look is not None)
    @rule()
    def a_probe_answers(self) -> None:
        assert self.look is not None
        failures = (
            (self.probed.failures if self.probed else 0) + 1 if self.look.answer is Answer.FAILED else 0
        )
        self.probed = Probed(self.look.answer, self.look.begun_at, self.look.returned_at, failures)
        self.look = None
        self.carry_out()

    def carry_out(self) -> None:
        word = decide(
            way=Way.PROBE,
            started_at=self.started_at,
            attempt_timeout=TIMEOUT,
            settle_after=SETTLE,
            now=self.now,
            probed=self.probed,
        )
        match word:
            case SettleHappened():
                self.go(E.SUCCEEDED, result=b"result")
            case SettleNotHappened():
                assert self.under_way == []
                self.go(E.FAILED)
            case ProbeAgainAt(instant):
                assert self.now < instant
            case AskPerson():
                assert self.probed is not None
                assert self.probed.failures == 3
                self.probed = None
            case ProbeNow():
                returned = self.probed.returned_at if self.probed else None
                assert self.now >= (returned or self.started_at + TIMEOUT) + SETTLE
            case RepeatNow():
                raise AssertionError("a probe was declared")

    @precondition(lambda self: self.state in (E.SUCCEEDED, E.UNDO_FAILED))
    @rule()
    def an_undo_begins(self) -> None:
        self.go(E.UNDOING)

    @precondition(lambda self: self.state is E.UNDOING)
    @rule(after=st.sampled_from([E.UNDONE, E.UNDO_FAILED]))
    def an_undo_ends(self, after: EffectState) -> None:
        self.go(after)

    @invariant()
    def it_happens_at_most_once_in_each_generation(self) -> None:
        assert all(count <= 1 for count in self.world.values())

    @invariant()
    def a_key_completes_at_most_once_and_only_if_it_happened(self) -> None:
        assert all(count == 1 == self.world.get(generation) for generation, count in self.completed.items())

    @invariant()
    def a_certain_failure_did_not_happen(self) -> None:
        if self.entry is not None and self.entry.state is E.FAILED:
            assert self.world.get(self.entry.generation, 0) == 0


TestEffectOnce = EffectOnce.TestCase
TestEffectOnce.settings = settings.get_profile("ci")
