"""Random bodies that fail, are held, reopened, cut off and replayed: nothing done runs again, every replay is alike."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import orjson
import pytest

from actum.engine.history import History, find_unasked, misfit, read_history
from actum.engine.holding import describe_hold
from actum.engine.log import to_datetime
from actum.engine.reopening import ask_again, replay
from actum.errors import ActumError
from actum.flow import Command, Commands, Flow, Mismatch, Outcome, Raised, Started, Timer, current_flow
from actum.machine.holding import list_failures
from actum.model.events import EventKind as K
from actum.store.rows import RecordRow

WORKFLOW = UUID(int=7)
BEGIN = 1_700_000_000_000_000


class Broke(ActumError):
    """What the body sees of a call that failed."""


@dataclass(frozen=True)
class Asked:
    """A step or an effect, as a body asks for it."""

    name: str
    argument: str
    is_effect: bool

    @property
    def argument_hash(self) -> bytes:
        return hashlib.sha256(self.argument.encode()).digest()

    def receive(self, outcome: Outcome) -> str:
        if outcome.word == "failed":
            error = Broke(self.name)
            error.address = outcome.address
            raise error
        return (outcome.body or b"").decode()


async def call(name: str, argument: str, is_effect: bool) -> str:
    flow = current_flow()
    assert flow is not None
    return str(await flow.ask(Asked(name, argument, is_effect)))


class Body:
    """An author's function made up from a seed: calls, one after the other and together, failures caught and raised."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.told: list[str] = []

    async def __call__(self) -> list[str]:
        await self.node(random.Random(self.seed), 3, "n")
        return self.told

    async def node(self, rng: random.Random, depth: int, path: str) -> None:
        kind = (
            "call"
            if depth == 0
            else rng.choice(
                [
                    "call",
                    "call",
                    "effect",
                    "sleep",
                    "sequence",
                    "sequence",
                    "gather",
                    "patient",
                    "group",
                    "tidy",
                    "limit",
                ]
            )
        )
        await getattr(self, f"_{kind}")(rng, depth - 1, path)

    def _parts(self, rng: random.Random, path: str) -> list[tuple[random.Random, str]]:
        return [(random.Random(rng.random()), f"{path}{letter}") for letter in "abc"[: rng.randint(2, 3)]]

    async def _call(self, rng: random.Random, depth: int, path: str) -> None:
        argument = path if rng.random() < 0.7 else f"{path} after {len(self.told)}"
        self.told.append(await call(f"step {path}", argument, rng.random() < 0.3))

    async def _effect(self, rng: random.Random, depth: int, path: str) -> None:
        self.told.append(await call("notify", f"{path} after {len(self.told)}", True))

    async def _sleep(self, rng: random.Random, depth: int, path: str) -> None:
        await asyncio.sleep(rng.randint(1, 5))

    async def _sequence(self, rng: random.Random, depth: int, path: str) -> None:
        for inner, place in self._parts(rng, path):
            await self.node(inner, depth, place)

    async def _gather(self, rng: random.Random, depth: int, path: str) -> None:
        await asyncio.gather(*(self.node(inner, depth, place) for inner, place in self._parts(rng, path)))

    async def _patient(self, rng: random.Random, depth: int, path: str) -> None:
        parts = [self.node(inner, depth, place) for inner, place in self._parts(rng, path)]
        failures = [
            e for e in await asyncio.gather(*parts, return_exceptions=True) if isinstance(e, Exception)
        ]
        if failures:
            raise ExceptionGroup(path, failures)

    async def _group(self, rng: random.Random, depth: int, path: str) -> None:
        async with asyncio.TaskGroup() as tasks:
            for inner, place in self._parts(rng, path):
                tasks.create_task(self.node(inner, depth, place))

    async def _tidy(self, rng: random.Random, depth: int, path: str) -> None:
        (first, a), (second, b), *_ = self._parts(rng, path)
        is_swallowed = rng.random() < 0.3
        try:
            await self.node(first, depth, a)
        except Exception as failure:
            await call("notify", f"{path} failed", True)
            if not is_swallowed:
                raise RuntimeError("tidied up") from failure
        await self.node(second, depth, b)

    async def _limit(self, rng: random.Random, depth: int, path: str) -> None:
        try:
            async with asyncio.timeout(rng.randint(1, 9)):
                await self.node(random.Random(rng.random()), depth, path)
        except TimeoutError:
            self.told.append(f"{path} too late")


class Life:
    """One workflow's life: its records are all that outlives a cut; everything else is made from them again."""

    def __init__(self, seed: int) -> None:
        self.seed, self.rng = seed, random.Random(seed * 31)
        self.records = [self._row(1, K.WORKFLOW_STARTED)]
        self.completed: Counter[tuple[str, str, str]] = Counter()
        self.acts: Counter[str] = Counter()
        self.breaks = 0.25
        self.interventions = self.refusals = 0
        self.stand()

    def _row(self, seq: int, kind: K, **fields: Any) -> RecordRow:
        blank = RecordRow(
            WORKFLOW, seq, to_datetime(BEGIN + seq * 700_000), kind.value, None, None, None, None, None, None, None,
            None, b"", None, None, None,
        )  # fmt: skip
        return replace(blank, **fields)

    def write(self, kind: K, **fields: Any) -> RecordRow:
        self.records.append(self._row(len(self.records) + 1, kind, **fields))
        return self.records[-1]

    def stand(self) -> None:
        """Make history and body from the records, as a new holder does."""
        self.history: History = read_history(self.records)
        self.flow = Flow(Body(self.seed), started_at=BEGIN, seed=WORKFLOW.bytes)
        commands = replay(self.flow, self.history)
        unasked = find_unasked(self.history, self.flow)
        if unasked is not None:
            raise unasked
        self.executing: dict[str, Command] = {}
        self.carry(commands)

    def carry(self, commands: Commands) -> None:
        for address in commands.stop:
            stopped = self.executing.pop(address)
            kind = K.TIMER_CANCELLED if isinstance(stopped.request, Timer) else K.STEP_ABANDONED
            self.history.at(address).is_ended = True
            self.write(kind, address=address, step=stopped.request.name)
        for command in commands.start:
            assert ask_again(self.history, command) is None
            assert misfit(self.history, command) is None
            self.executing[command.address] = command
        for command in commands.start:
            kept = self.history.at(command.address).kept
            if kept is not None and command.address in self.executing:
                self.history.at(command.address).kept = None
                kind = K.EFFECT_SHARED if getattr(command.request, "is_effect", False) else K.STEP_COMPLETED
                self.end(command, kind, "completed", kept.body)

    def end(self, command: Command, kind: K, word: str, body: bytes | None, **data: Any) -> None:
        address, request = command
        row = self.write(
            kind, address=address, step=request.name, argument_hash=request.argument_hash, body=body,
            data=orjson.dumps(data).decode() if data else None,
        )  # fmt: skip
        at = BEGIN + row.seq * 700_000
        outcome = Outcome(address, request.name, request.argument_hash, at, word, body)
        del self.executing[address]
        progress = self.history.at(address)
        progress.is_ended, progress.outcome = True, outcome
        self.carry(self.flow.advance((outcome,)))

    def move(self) -> None:
        """Let one thing that executes come to its end, or one effect begin."""
        command = self.executing[self.rng.choice(sorted(self.executing))]
        address, request = command
        if isinstance(request, Timer):
            self.end(command, K.TIMER_FIRED, "fired", None, due=request.due)
            return
        assert isinstance(request, Asked)
        progress = self.history.at(address)
        if request.is_effect and not progress.is_started:
            self.begin(command)
            return
        is_broken = self.rng.random() < self.breaks
        progress.is_started = False
        if is_broken:
            self.end(command, K.EFFECT_FAILED if request.is_effect else K.STEP_FAILED, "failed", b"{}")
            return
        self.completed[address, request.name, request.argument] += 1
        if request.is_effect:
            self.acts[progress.key or ""] += 1
        self.end(command, K.EFFECT_SUCCEEDED if request.is_effect else K.STEP_COMPLETED, "completed", b"done")

    def begin(self, command: Command) -> None:
        address, request = command
        progress = self.history.at(address)
        progress.key = progress.key or f"{address}{progress.mark}"
        progress.is_started = progress.has_started = True
        progress.attempts += 1
        row = self.write(
            K.EFFECT_STARTED, address=address, step=request.name, argument_hash=request.argument_hash,
            attempt=progress.attempts, data=orjson.dumps({"key": progress.key, "generation": 1}).decode(),
        )  # fmt: skip
        at = BEGIN + row.seq * 700_000
        self.carry(self.flow.advance((Started(address, request.name, request.argument_hash, at),)))

    def check_replay(self) -> None:
        """A new holder asks for the same, and knows the same."""
        mine = [(a, r.name, r.argument_hash) for a, r in self.flow.waiting.items()]
        keys = {address: (one.key, one.is_started, one.mark) for address, one in self._in_flight().items()}
        count = len(self.records)
        self.stand()
        assert mine == [(a, r.name, r.argument_hash) for a, r in self.flow.waiting.items()]
        assert keys == {
            address: (one.key, one.is_started, one.mark) for address, one in self._in_flight().items()
        }
        assert count == len(self.records), "a replay records nothing"

    def _in_flight(self) -> dict[str, Any]:
        return {address: self.history.at(address) for address in self.executing}

    def intervene(self) -> None:
        """Retry or skip what the body failed of; where that is refused, another failure that stands."""
        ending = self.flow.ending()
        assert isinstance(ending, Raised)
        held = orjson.loads(describe_hold(ending.exception, self.history, "other"))
        self.write(K.WORKFLOW_BLOCKED, reason="held", data=orjson.dumps(held).decode())
        named = {one["address"] for one in held.get("failed", ())}
        failures = list_failures(self.records)
        choices = [one for one in failures if one.address in named] + [
            one for one in failures if one.address not in named
        ]
        assert named, "a body fails only of calls here"
        for failure in choices:
            skips = self.rng.random() < 0.2
            before = list(self.records)
            failed = self.records[failure.seq - 1]
            self.write(
                K.STEP_REOPENED, address=failure.address, step=failure.step, outcome="skip" if skips else "retry",
                argument_hash=failed.argument_hash, body=b"skipped" if skips else None,
                data=orjson.dumps({"failure": failure.seq}).decode(),
            )  # fmt: skip
            try:
                self.stand()
                assert skips or failure.address in self.executing or self.flow.is_done
                self.interventions += 1
                return
            except Mismatch:
                self.refusals += 1
                self.records = before
        raise AssertionError("no failure could be reopened")

    def live(self) -> None:
        """Live to the end, cut and held on the way; the more often it was held, the less is broken."""
        for _ in range(3_000):
            if self.flow.is_done and not self.flow.waiting:
                if not isinstance(self.flow.ending(), Raised):
                    return
                self.intervene()
                self.breaks *= 0.7
            elif self.rng.random() < 0.2:
                self.check_replay()
            else:
                self.move()
        raise AssertionError("it does not come to an end")


@pytest.mark.parametrize(
    "seeds", [range(start, start + 40) for start in range(0, 200, 40)], ids=lambda r: f"from {r.start}"
)
def test_what_was_done_is_done_once_and_every_replay_is_alike(seeds: range) -> None:
    reopened = 0
    for seed in seeds:
        life = Life(seed)
        life.live()
        life.check_replay()
        reopened += life.interventions
        assert {1} >= set(life.completed.values()), f"seed {seed}: something completed ran again"
        assert {1} >= set(life.acts.values()), f"seed {seed}: a key was acted under twice"
    assert reopened > 10, "too few of these bodies were held"
