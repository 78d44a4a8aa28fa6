"""Random but deterministic bodies, and a driver that completes what they ask for in a random order.

Run as a program it replays recorded histories: `python flow_bodies.py FILE`. It needs nothing but actum and the standard
library, so that any Python can be asked.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import sys
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import asdict, dataclass
from typing import Any

from actum.flow import (
    Abandoned,
    Cancelled,
    CancelRequested,
    Command,
    Commands,
    Delivery,
    Flow,
    Mismatch,
    Outcome,
    Raised,
    Request,
    Returned,
    SignalReceived,
    Started,
    Timer,
    current_flow,
)

HISTORIES = int(os.environ.get("HISTORIES", "250"))
"""How many random bodies each campaign tries; `make test` says 2,000."""
BEGIN = 1_700_000_000_000_000
SECOND = 1_000_000


class StepBroke(Exception):
    """What a body sees of a step that failed."""


@dataclass(frozen=True)
class Step:
    """A request like those authors make: a value on `completed`, an exception on `failed`."""

    name: str
    argument: str = ""
    is_effect: bool = False

    @property
    def argument_hash(self) -> bytes:
        return hashlib.sha256(self.argument.encode()).digest()

    def receive(self, outcome: Outcome) -> str:
        text = (outcome.body or b"").decode()
        if outcome.word == "failed":
            raise StepBroke(text)
        return text


def flow_here() -> Flow:
    flow = current_flow()
    assert flow is not None
    return flow


async def step(name: str, argument: str = "") -> str:
    return str(await flow_here().ask(Step(name, argument)))


async def effect(name: str, argument: str = "") -> str:
    return str(await flow_here().ask(Step(name, argument, is_effect=True)))


def open_flow(body: Callable[[], Coroutine[Any, Any, Any]], seed: int = 0) -> Flow:
    return Flow(body, started_at=BEGIN, seed=str(seed).encode())


def complete(command: Command, at: int, body: bytes = b"done", word: str = "completed") -> Outcome:
    request = command.request
    if isinstance(request, Timer):
        return Outcome(command.address, "timer", request.argument_hash, max(at, request.due), "fired")
    return Outcome(command.address, request.name, request.argument_hash, at, word, body)


def start(command: Command, at: int) -> Started:
    return Started(command.address, command.request.name, command.request.argument_hash, at)


def describe_ending(flow: Flow) -> str:
    match flow.ending():
        case Returned(value=value):
            return f"returned {value!r}"
        case Raised(exception=exception):
            return f"raised {describe_error(exception)}"
        case Cancelled():
            return "cancelled"


def describe_error(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return f"[{', '.join(describe_error(inner) for inner in error.exceptions)}]"
    return f"{type(error).__name__}: {error}"


class RandomBody:
    """An author's function made up from a seed: nested concurrency, races, time-outs, errors, shared state.

    Every third one swallows cancellations that come together with something it catches.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.told: list[object] = []

    async def __call__(self) -> list[object]:
        await self.node(random.Random(self.seed), 3, "n")
        return [*self.told, str(flow_here().now()), flow_here().uuid4().hex, flow_here().random().random()]

    def go_on_unless_cancelled(self) -> None:
        task = asyncio.current_task()
        if task is not None and task.cancelling() and self.seed % 3:
            raise asyncio.CancelledError

    async def node(self, rnd: random.Random, depth: int, tag: str) -> str:
        simple = [self.one_step, self.one_effect, self.failing, self.sleeping, self.signalled]
        nested = [
            self.gathered, self.grouped, self.first, self.timed, self.waited_for, self.queued, self.cancelled,
            self.as_completed, self.shielded, self.locked, self.mixed_wait, self.reported,
        ]  # fmt: skip
        for number in range(rnd.randint(1, 3)):
            kind = rnd.choice(simple + nested * 2 if depth else simple)
            await kind(random.Random(rnd.random()), depth - 1, f"{tag}.{number}")
        return tag

    def nodes(self, rnd: random.Random, depth: int, tag: str, count: int) -> list[Coroutine[Any, Any, str]]:
        return [self.node(random.Random(rnd.random()), depth, f"{tag}/{k}") for k in range(count)]

    async def one_step(self, rnd: random.Random, depth: int, tag: str) -> None:
        self.told.append(await step(tag, tag))

    async def one_effect(self, rnd: random.Random, depth: int, tag: str) -> None:
        self.told.append(await effect(tag, tag))

    async def failing(self, rnd: random.Random, depth: int, tag: str) -> None:
        try:
            self.told.append(await step(tag, "may fail"))
        except StepBroke as error:
            self.told.append(f"{tag} broke: {error}")

    async def sleeping(self, rnd: random.Random, depth: int, tag: str) -> None:
        await asyncio.sleep(rnd.random() * 3)
        self.told.append([tag, asyncio.get_running_loop().time()])

    async def signalled(self, rnd: random.Random, depth: int, tag: str) -> None:
        try:
            async with asyncio.timeout(2 + rnd.random()):
                self.told.append([tag, (await flow_here().receive_signal("news")).decode()])
        except TimeoutError:
            self.told.append(f"{tag} no news")

    async def gathered(self, rnd: random.Random, depth: int, tag: str) -> None:
        results = await asyncio.gather(*self.nodes(rnd, depth, tag, 3), return_exceptions=True)
        self.told.append([describe_error(r) if isinstance(r, BaseException) else r for r in results])

    async def grouped(self, rnd: random.Random, depth: int, tag: str) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for node in self.nodes(rnd, depth, tag, 2):
                    group.create_task(node)
                if rnd.random() < 0.4:
                    group.create_task(self.breaking(tag))
        except* (StepBroke, ValueError) as errors:
            self.told.append(describe_error(errors))
        self.go_on_unless_cancelled()

    async def breaking(self, tag: str) -> None:
        await step(f"{tag}!", "x")
        raise ValueError(tag)

    async def first(self, rnd: random.Random, depth: int, tag: str) -> None:
        tasks = [
            asyncio.create_task(node, name=f"{k}") for k, node in enumerate(self.nodes(rnd, depth, tag, 3))
        ]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        self.told.append([task.get_name() for task in done])
        for task in pending:  # the order of a set, on purpose
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)

    async def timed(self, rnd: random.Random, depth: int, tag: str) -> None:
        try:
            async with asyncio.timeout(rnd.random() * 2):
                await self.node(rnd, depth, tag)
        except TimeoutError:
            self.told.append(f"{tag} late")

    async def waited_for(self, rnd: random.Random, depth: int, tag: str) -> None:
        try:
            self.told.append(await asyncio.wait_for(self.node(rnd, depth, tag), rnd.random() * 2))
        except TimeoutError:
            self.told.append(f"{tag} not in time")

    async def queued(self, rnd: random.Random, depth: int, tag: str) -> None:
        queue: asyncio.Queue[str] = asyncio.Queue(maxsize=rnd.randint(0, 1))

        async def put(k: int) -> None:
            await queue.put(await step(f"{tag}q{k}", str(k)))

        tasks = [asyncio.create_task(put(k)) for k in range(3)]
        for _ in tasks:
            self.told.append(await queue.get())

    async def cancelled(self, rnd: random.Random, depth: int, tag: str) -> None:
        task = asyncio.create_task(self.node(rnd, depth, f"{tag}c"))
        self.told.append(await step(tag, tag))
        task.cancel("no longer wanted")
        try:
            self.told.append(await task)
        except asyncio.CancelledError:
            self.told.append(f"{tag} cancelled")
            self.go_on_unless_cancelled()

    async def as_completed(self, rnd: random.Random, depth: int, tag: str) -> None:
        for result in asyncio.as_completed(self.nodes(rnd, depth, tag, 3), timeout=1 + 4 * rnd.random()):
            try:
                self.told.append(await result)
            except TimeoutError:
                self.told.append(f"{tag} incomplete")

    async def shielded(self, rnd: random.Random, depth: int, tag: str) -> None:
        inner = asyncio.ensure_future(self.node(rnd, depth, tag))
        try:
            await asyncio.wait_for(asyncio.shield(inner), rnd.random())
        except TimeoutError:
            self.told.append(f"{tag} goes on")
            self.told.append(await inner)

    async def locked(self, rnd: random.Random, depth: int, tag: str) -> None:
        lock, gate = asyncio.Lock(), asyncio.Semaphore(2)

        async def enter(k: int) -> None:
            async with gate:
                await step(f"{tag}s{k}", str(k))
            async with lock:
                self.told.append(await effect(f"{tag}l{k}", str(k)))

        await asyncio.gather(*(enter(k) for k in range(3)))

    async def mixed_wait(self, rnd: random.Random, depth: int, tag: str) -> None:
        both: list[Awaitable[Any]] = [
            asyncio.gather(*self.nodes(rnd, depth, f"{tag}{k}", 2)) for k in range(2)
        ]
        waiting = {asyncio.ensure_future(each): k for k, each in enumerate(both)}
        while waiting:
            done, _ = await asyncio.wait(set(waiting), return_when=asyncio.FIRST_COMPLETED, timeout=3)
            self.told.append([waiting.pop(each) for each in done])

    async def reported(self, rnd: random.Random, depth: int, tag: str) -> None:
        board, ready = asyncio.Condition(), asyncio.Event()
        lines: list[str] = []

        async def report(k: int) -> None:
            lines.append(await step(f"{tag}r{k}", str(k)))
            async with board:
                board.notify_all()
            if len(lines) == 3:
                ready.set()

        tasks = [asyncio.create_task(report(k)) for k in range(3)]
        async with board:
            await board.wait_for(lambda: len(lines) >= 2)
        self.told.append(list(lines))
        await ready.wait()
        await asyncio.gather(*tasks)


class Driver:
    """Carries out the commands of a flow in a random order, in flushes of one to four records."""

    def __init__(self, flow: Flow, rnd: random.Random, history: list[Delivery]) -> None:
        self.flow = flow
        self.rnd = rnd
        self.history = list(history)
        self.now = max([BEGIN, *(record.at for record in history)])
        self.live: dict[str, Request] = {}
        self.started = {record.address for record in history if isinstance(record, Started)}
        self.is_cancelled = any(isinstance(record, CancelRequested) for record in history)

    def drive(self, cut: int | None = None) -> None:
        """Go on until the body has ended and nothing started is open, or until the history is `cut` long."""
        commands = self.flow.advance(self.history)
        while not self._note(commands) and (cut is None or len(self.history) < cut):
            flush = self._flush()
            assert flush, "nothing to wait for"
            self.history += flush
            commands = self.flow.advance(flush)

    def _note(self, commands: Commands) -> bool:
        self.live.update(commands.start)
        for address in commands.stop:
            self.live.pop(address, None)
        return self.flow.is_done and not self.flow.waiting

    def _flush(self) -> list[Delivery]:
        records: list[Delivery] = []
        for address, request in self.flow.abandoned.items():
            records.append(Abandoned(address, request.name, self.now))
        if (self.flow.awaited_signals and self.rnd.random() < 0.5) or (not self.live and not records):
            records.append(SignalReceived("news", self._tick(), f"{self.now % 1000}".encode()))
        if not self.is_cancelled and self.rnd.random() < 0.01:
            self.is_cancelled = True
            records.append(CancelRequested(self._tick(), "stop"))
        for _ in range(min(self.rnd.randint(1, 4), len(self.live))):
            records += self._carry_out(self.rnd.choice(sorted(self.live)))
        return records

    def _carry_out(self, address: str) -> list[Delivery]:
        if address not in self.live:
            return []
        request = self.live[address]
        command = Command(address, request)
        if (
            isinstance(request, Step)
            and request.is_effect
            and address not in self.started
            and self.rnd.random() < 0.7
        ):
            self.started.add(address)
            return [start(command, self.now)]
        del self.live[address]
        at = max(self._tick(), request.due) if isinstance(request, Timer) else self._tick()
        self.now = at
        breaks = isinstance(request, Step) and request.argument == "may fail" and self.rnd.random() < 0.5
        return [complete(command, at, request.name.encode(), "failed" if breaks else "completed")]

    def _tick(self) -> int:
        self.now += self.rnd.randint(0, SECOND // 2)
        return self.now


def record(
    seed: int, schedule: int, history: list[Delivery], cut: int | None = None
) -> tuple[list[Delivery], str]:
    """Drive the body of `seed` on from a history; return the whole history and how the body ended ("" if it was cut)."""
    flow = open_flow(RandomBody(seed), seed)
    driver = Driver(flow, random.Random(schedule), history)
    driver.drive(cut)
    ending = describe_ending(flow) if flow.is_done else ""
    flow.close()
    return driver.history, ending


def replay(seed: int, history: list[Delivery]) -> str:
    flow = open_flow(RandomBody(seed), seed)
    try:
        flow.advance(history)
        return describe_ending(flow) if flow.is_done else "goes on"
    except Mismatch as mismatch:
        return str(mismatch)
    finally:
        flow.close()


def to_json(delivery: Delivery) -> list[object]:
    fields = {k: v.hex() if isinstance(v, bytes) else v for k, v in asdict(delivery).items()}
    return [type(delivery).__name__, fields]


def from_json(kind: str, fields: dict[str, Any]) -> Delivery:
    kinds = {k.__name__: k for k in (Outcome, Started, Abandoned, SignalReceived, CancelRequested)}
    for name in ("argument_hash", "body"):
        if isinstance(fields.get(name), str):
            fields[name] = bytes.fromhex(fields[name])
    return kinds[kind](**fields)


def main(file: str) -> None:
    """Print, one a line, the seeds whose history ends otherwise here than where it was recorded."""
    litter = [object() for _ in range(random.randrange(100_000))]  # another memory layout
    with open(file) as lines:
        for line in lines:
            seed, history, ending = json.loads(line)
            replayed = replay(seed, [from_json(*each) for each in history])
            if replayed != ending:
                print(seed, "recorded:", ending, "| replayed:", replayed)
    assert litter is not None


if __name__ == "__main__":
    main(sys.argv[1])
