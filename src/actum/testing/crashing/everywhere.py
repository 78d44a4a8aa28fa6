"""The sweep: two runs that nobody kills, then one run for each boundary, several at a time.

Which flush carries what may differ from run to run, so a sweep by number can pass over something. What both unkilled
runs made durable and no boundary had is therefore aimed at afterwards, by what it is.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from actum.authoring.call import Call
from actum.client.starting import contract_of
from actum.errors import InvalidInput, NotPossible
from actum.testing.crashing.judging import Fault, Reference, compare_unkilled, judge, judge_unkilled, steps_of
from actum.testing.crashing.notes import Boundary, Moment
from actum.testing.crashing.processes import Nursery
from actum.testing.crashing.report import Report
from actum.testing.crashing.trial import Seen, Target, Trials
from actum.testing.crashing.world import World
from actum.testing.folder import remove_folder
from actum.testing.server import TestServer

PATIENCE = 60.0
AT_ONCE = 2
When = Literal["before", "after"]
WHENS: tuple[When, ...] = ("before", "after")


async def crash_everywhere(
    call: Call[Any],
    *,
    world: str | ModuleType,
    at_once: int | None = None,
    patience: float = PATIENCE,
    server: TestServer | None = None,
    tell: Callable[[Boundary], None] | None = None,
) -> Report:
    """Run a workflow once for each durable boundary, kill its process there, resume it, and compare.

    `world` is a module (or its name) with `reset()`, which puts the outside back before each run, and `observe()`,
    which returns as JSON how the outside looks; perhaps with `acted()`, a list of (kind, key) for everything that was
    done, and `answer(question)` for questions and signals. Approvals are given, and timers pass at once. `at_once` is
    how many runs are made at a time: two where `reset` asks for `world_folder()`, else one. `patience` is how many
    seconds one run may take. `server` is a test server that is open, such as the fixture `actum_server`; otherwise
    that of `ACTUM_DATABASE_URL`, or an embedded one, is used. `tell` is called with each boundary once its run is over.

    Raises InvalidInput, NotFound and InvalidContract for what cannot be meant, NotPossible where processes cannot be
    killed or end by themselves. It is safe to call again; if this process dies, those it started end with it, and
    databases named `actum_test_…` may be left on a given server.

        report = await crash_everywhere(change_repository(task), world="mytests.world")
        report.assert_sound()
    """
    contract = contract_of(call)
    _ = call.argument_hash  # refused arguments are refused here
    _check(at_once, patience)
    found = World.find(world)
    started = time.monotonic()
    async with _place(server) as (folder, used), Nursery(contract, found, folder) as nursery:
        trials = Trials(call, found, used, nursery, folder, patience)
        boundaries, faults = await _sweep(trials, steps_of(contract), at_once, tell)
    return Report(_named(call), boundaries, faults, time.monotonic() - started)


def _check(at_once: int | None, patience: float) -> None:
    if sys.platform == "win32":
        raise NotPossible("crash_everywhere kills processes as Linux and macOS do: run it there")
    if at_once is not None and at_once < 1:
        raise InvalidInput(f"at_once={at_once} makes no run: say 1 or more", path="at_once")
    if patience <= 0:
        raise InvalidInput(
            f"patience={patience} lets no run end: say how many seconds one may take", path="patience"
        )


@asynccontextmanager
async def _place(server: TestServer | None) -> AsyncIterator[tuple[Path, TestServer]]:
    """Give a folder for the runs, and a server that is closed where it was opened here."""
    folder = Path(tempfile.mkdtemp(prefix="actum-crashtest-"))
    token = secrets.token_hex(5)
    opened = None
    try:
        opened = None if server is not None else await asyncio.to_thread(TestServer.open, token)
        used = server or opened
        assert used is not None
        yield folder, used
    finally:
        if opened is not None:
            await opened.close()
            await asyncio.to_thread(remove_folder, token)
        shutil.rmtree(folder, ignore_errors=True)


async def _sweep(
    trials: Trials,
    steps: dict[str, Any],
    at_once: int | None,
    tell: Callable[[Boundary], None] | None,
) -> tuple[tuple[Boundary, ...], tuple[Fault, ...]]:
    first = await trials.run()
    unended = judge_unkilled(first)
    if unended is not None:
        return (), (unended,)
    second = await trials.run()
    unended = judge_unkilled(second)
    if unended is not None:
        return (), (unended,)
    reference, faults = compare_unkilled(first, second)
    sweep = _Sweep(trials, reference, steps, tell)
    lanes = at_once or (AT_ONCE if trials.is_alone else 1)
    await sweep.work(sweep.next_flushes(), lanes)
    await sweep.work(sweep.next_missed(set(first.sent) & set(second.sent)), lanes)
    return sweep.boundaries, (*faults, *sweep.faults)


class _Sweep:
    """Boundary after boundary, until a run ends before it comes to the next one; then what was passed over."""

    def __init__(
        self,
        trials: Trials,
        reference: Reference,
        steps: dict[str, Any],
        tell: Callable[[Boundary], None] | None,
    ) -> None:
        self._tell = tell
        self._trials = trials
        self._reference = reference
        self._steps = steps
        self._is_past = {"before": False, "after": False}
        self._seen: list[Seen] = []

    async def work(self, orders: Iterator[tuple[Target, When]], lanes: int) -> None:
        """Carry out orders, in several lanes."""
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(lanes):
                    group.create_task(self._work(orders), name=f"crash lane {number + 1}")
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _work(self, orders: Iterator[tuple[Target, When]]) -> None:
        for target, when in orders:
            seen = await self._trials.run(target, when)
            if seen.boundary is None:
                self._is_past[when] = True
                continue
            self._seen.append(seen)
            if self._tell is not None:
                self._tell(seen.boundary)

    @property
    def boundaries(self) -> tuple[Boundary, ...]:
        return tuple(seen.boundary for seen in self._in_order() if seen.boundary is not None)

    @property
    def faults(self) -> tuple[Fault, ...]:
        judged = [judge(self._reference, seen, self._steps) for seen in self._in_order()]
        return tuple(fault for fault in judged if fault is not None)

    def _in_order(self) -> list[Seen]:
        return sorted(self._seen, key=_order)

    def next_flushes(self) -> Iterator[tuple[Target, When]]:
        """Give the flushes by number, until there are no more."""
        number = 0
        while not all(self._is_past.values()):
            number += 1
            for when in WHENS:
                if not self._is_past[when]:
                    yield number, when

    def next_missed(self, usual: Iterable[Moment]) -> Iterator[tuple[Target, When]]:
        """Give what usually becomes durable, and did not at any boundary so far."""
        for moment in sorted(usual, key=str):
            for when in WHENS:
                if not any(moment in one.moments and one.when == when for one in self.boundaries):
                    yield moment, when


def _order(seen: Seen) -> tuple[int, bool]:
    boundary = seen.boundary
    return (0, False) if boundary is None else (boundary.number, boundary.when == "after")


def _named(call: Call[Any]) -> str:
    arguments = call.arguments.decode()
    return f"{call.name}({arguments if len(arguments) <= 50 else arguments[:49] + '…'})"
