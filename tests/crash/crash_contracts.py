"""The workflows that are killed, and the small world of files that their effects change.

Every attempt of a step writes lines to one file that is only ever appended to, and the world is another, so that what
really ran, and how often, is known whatever the database says.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from actum import (
    Approved,
    Happened,
    NotHappened,
    Preview,
    Retry,
    RollBack,
    Signal,
    WorkflowFailed,
    attempt,
    contract,
    effect,
    request_approval,
    step,
)
from actum.sql import Database, connection

FOLDER = "ACTUM_TEST_CRASH"
"""The environment variable that names the folder of a test's files."""


def place(name: str) -> Path:
    return Path(os.environ[FOLDER]) / name


def append(path: Path, values: dict[str, Any]) -> None:
    """Add one line in one write: nothing is lost by a kill, nothing is mixed between processes."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, json.dumps(values).encode() + b"\n")
    finally:
        os.close(file)


def note(what: str, name: str, step_name: str) -> None:
    """Write that an attempt of a step begins or ends here and now."""
    now = attempt()
    values = {"what": what, "name": name, "step": step_name, "attempt": now.number, "epoch": now.epoch}
    append(place("steps"), {**values, "pid": os.getpid(), "at": time.monotonic_ns()})


def happen(kind: str, name: str) -> str:
    """Change the world: one more line under the attempt's key."""
    append(place("world"), {"kind": kind, "name": name, "key": attempt().key, "pid": os.getpid()})
    return f"{kind} of {name}"


def has_happened(key: str | None) -> bool:
    """Whether the world has a line under this key."""
    return any(line["key"] == key for line in read_lines(place("world")))


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the whole lines of a file that may be growing."""
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


async def gate(name: str) -> None:
    """Wait until the test opens a gate."""
    while not place(f"gate-{name}").exists():
        await asyncio.sleep(0.01)


async def short(name: str, step_name: str) -> str:
    note("begin", name, step_name)
    await asyncio.sleep(0)
    note("end", name, step_name)
    return f"{step_name} of {name}"


# six steps, as in the main example


@step
async def collect_context(name: str) -> str:
    return await short(name, "collect_context")


@step
def propose_change(name: str, context: str) -> str:
    note("begin", name, "propose_change")
    note("end", name, "propose_change")
    return f"change after {context}"


@step
async def run_checks(name: str, change: str) -> str:
    return await short(name, "run_checks")


@effect("world.change", timeout="2s", settle_after="100ms")
async def apply_change(name: str, change: str) -> str:
    return happen("world.change", name)


@apply_change.preview
async def _card(name: str, change: str) -> Preview:
    return Preview(f"Change {name}", target=name, facts={"change": change})


@apply_change.probe
async def _look(name: str, change: str) -> Happened[str] | NotHappened:
    return Happened(f"world.change of {name}") if has_happened(attempt().key) else NotHappened()


@step
async def summarize_result(name: str, checks: str, applied: str) -> str:
    await short(name, "summarize_result")
    return f"{name}: {checks}; {applied}"


@contract(on_failure="fail")
async def six_steps(name: str) -> str:
    context = await collect_context(name)
    change = await propose_change(name, context)
    checks = await run_checks(name, change)
    call = apply_change(name, change)
    match await request_approval(call):
        case Approved():
            return await summarize_result(name, checks, await call)
        case refusal:
            return f"{name}: not applied: {refusal}"


# everything a body may wait for

go_on = Signal("go_on", str)


@step
async def left(name: str) -> str:
    return await short(name, "left")


@step
async def right(name: str) -> str:
    return await short(name, "right")


@step
async def first(name: str) -> str:
    return await short(name, "first")


@step
async def second(name: str) -> str:
    return await short(name, "second")


@step
async def slow(name: str) -> str:
    note("begin", name, "slow")
    await asyncio.Event().wait()
    return "never"


@step
async def dropped(name: str) -> str:
    note("begin", name, "dropped")
    await asyncio.Event().wait()
    return "never"


@step
async def loser(name: str) -> str:
    note("begin", name, "loser")
    await asyncio.Event().wait()
    return "never"


@step
async def winner(name: str) -> str:
    return await short(name, "winner")


@step
async def meanwhile(name: str) -> str:
    return await short(name, "meanwhile")


@step(retry=Retry(attempts=3, first="20ms"))
async def flaky(name: str) -> str:
    note("begin", name, "flaky")
    if attempt().number == 1:
        raise ConnectionError("the first attempt always fails")
    note("end", name, "flaky")
    return f"flaky of {name}"


@step
async def child_step(name: str) -> str:
    return await short(name, "child_step")


@contract
async def child(name: str) -> str:
    return f"child with {await child_step(name)}"


@effect("world.charge", in_doubt="repeat", timeout="2s")
async def charge(name: str) -> str:
    """The other side honours the key: what is asked for twice happens once."""
    return f"world.charge of {name}" if has_happened(attempt().key) else happen("world.charge", name)


@effect("world.mail", timeout="2s")
async def mail(name: str) -> str:
    return happen("world.mail", name)


@contract(on_failure="fail")
async def everything(name: str) -> list[str]:
    parts = list(await asyncio.gather(left(name), right(name)))
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(first(name)), group.create_task(second(name))]
    parts += [task.result() for task in tasks]
    try:
        async with asyncio.timeout(0.1):
            parts.append(await slow(name))
    except TimeoutError:
        parts.append("timed out")
    parts.append(await child(name))
    await asyncio.sleep(0.3)
    parts.append(await go_on.wait())
    parts.append(await flaky(name))
    branch = asyncio.create_task(dropped(name))
    parts.append(await meanwhile(name))
    branch.cancel()
    race = {asyncio.create_task(winner(name)), asyncio.create_task(loser(name))}
    done, pending = await asyncio.wait(race, return_when=asyncio.FIRST_COMPLETED)
    parts += sorted(task.result() for task in done)
    for task in pending:
        task.cancel()
    parts.append(await charge(name))
    parts.append(await mail(name))
    return parts


# many small ones


@step
async def gated(name: str, number: int) -> str:
    note("begin", name, f"gated {number}")
    await gate(str(number))
    note("end", name, f"gated {number}")
    return f"gated {number} of {name}"


@contract
async def two_gates(name: str) -> str:
    return f"{await gated(name, 1)}, {await gated(name, 2)}"


@step
async def stage(name: str, number: int) -> str:
    if place("held").exists():
        append(place("holders"), {"pid": os.getpid()})
        while place("held").exists():
            await asyncio.sleep(0.005)
    return await short(name, f"stage {number}")


@contract
async def stages(name: str, count: int) -> int:
    for number in range(count):
        await stage(name, number)
    return count


nudge = Signal("nudge", int)


@contract
async def cycles(name: str) -> int:
    """Counts nudges until a negative one; sleeps a little after every seventh."""
    count = 0
    while await nudge.wait() >= 0:
        count += 1
        if count % 7 == 0:
            await asyncio.sleep(0.3)
    return count


@contract(on_failure="fail")
async def approved_mail(name: str) -> str:
    return await mail(name)


@step
async def deadly(name: str) -> str:
    note("begin", name, "deadly")
    os.kill(os.getpid(), signal.SIGKILL)
    return "never"


@contract
async def killer(name: str) -> str:
    return await deadly(name)


# poison: what the database cannot store


@effect("world.poison", timeout=timedelta(seconds=2))
async def poisoned(name: str) -> str:
    return happen("world.poison", name)


@poisoned.preview
async def _poison(name: str) -> Preview:
    return Preview(f"Poison {name}", relies_on="before\x00after")


@contract(on_failure="fail")
async def poisoned_mail(name: str) -> str:
    return await poisoned(name)


@step
async def enormous(name: str, size: int) -> str:
    return "x" * size


@contract
async def oversized(name: str, size: int) -> int:
    return len(await enormous(name, size))


# transactional effects, here and in another database

PATIENT = Retry(attempts=100, first="20ms", longest="100ms")
"""For what a test cuts again and again: its cuts must be over before the attempts are."""

BILLS = "ACTUM_TEST_BILLS"
"""The environment variable that names the other database; a file of this name in the test's folder holds it."""
bills = Database("bills", env=BILLS)


@effect("order.place", transactional=True, retry=PATIENT)
async def order(name: str) -> str:
    note("begin", name, "order")
    await connection().execute("insert into orders (name) values ($1)", name)
    note("end", name, "order")
    return f"order of {name}"


@order.undo
async def _unorder(result: str, name: str) -> None:
    await connection().execute("insert into orders (name) values ($1)", f"undo {name}")


@effect("bill.write", transactional=bills, retry=PATIENT)
async def bill(name: str) -> str:
    note("begin", name, "bill")
    await connection().execute("insert into bills (name) values ($1)", name)
    note("end", name, "bill")
    return f"bill of {name}"


@bill.undo
async def _unbill(result: str, name: str) -> None:
    await connection().execute("insert into bills (name) values ($1)", f"undo {name}")


@contract(on_failure="fail")
async def purchase(name: str) -> list[str]:
    async def chain() -> str:
        for number in range(6):
            await stage(name, number)
        return "staged"

    return list(await asyncio.gather(order(name), chain(), bill(name)))


@contract(on_failure="rollback")
async def regretted(name: str) -> None:
    await order(name)
    await bill(name)
    raise RollBack("not wanted")


@contract(on_failure="fail")
async def regret(name: str) -> str:
    try:
        await regretted(name)
    except WorkflowFailed as failed:
        return failed.status
    return "kept"


CONTRACTS = {
    one.name: one
    for one in (
        six_steps,
        everything,
        child,
        two_gates,
        stages,
        cycles,
        approved_mail,
        poisoned_mail,
        oversized,
        killer,
        purchase,
        regretted,
        regret,
    )
}
