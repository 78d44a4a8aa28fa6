"""What is killed in the tests of `crash_everywhere`, with its world: everything a body may wait for, and ways to break."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import actum as a
from actum.authoring.approval import request_approval
from actum.testing import Question, world_folder

go_on = a.Signal("go_on", str)


def _line(text: str) -> None:
    file = os.open(world_folder() / "done", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, f"{text}\n".encode())
    finally:
        os.close(file)


def _lines() -> list[str]:
    path: Path = world_folder() / "done"
    return path.read_text().splitlines() if path.exists() else []


def reset() -> None:
    (world_folder() / "done").unlink(missing_ok=True)


def observe() -> list[str]:
    return sorted(line.split(" under ")[0] for line in _lines())


def acted() -> list[tuple[str, str]]:
    return [("line", line.split(" under ")[1]) for line in _lines() if " under " in line]


async def answer(question: Question) -> Any:
    return {"question": 7, "signal": "gone on"}[question.kind]


@a.step
async def collect(name: str) -> str:
    return f"context of {name}"


@a.step
def propose(context: str) -> str:
    return f"change after {context}"


@a.step
async def check(change: str) -> str:
    return f"{change}, checked"


@a.step
async def left(name: str) -> str:
    return f"left of {name}"


@a.effect("mail.send", in_doubt="ask", timeout="5s")
async def mail(to: str) -> str:
    _line(f"mail to {to} under {a.attempt().key}")
    return f"mailed {to}"


@a.effect("branch.make", timeout="1h")
async def make_branch(name: str) -> str:
    _line(f"branch {name} under {a.attempt().key}")
    return f"made {name}"


@make_branch.probe
async def _look(name: str) -> a.Happened[str] | a.NotHappened:
    found = any(line.endswith(f" under {a.attempt().key}") for line in _lines())
    return a.Happened(f"made {name}") if found else a.NotHappened()


@make_branch.undo
async def _remove(made: str, name: str) -> None:
    kept = [
        line
        for line in _lines()
        if not line.endswith(f" under {(a.attempt().key or '').removesuffix('/undo')}")
    ]
    (world_folder() / "done").write_text("".join(f"{line}\n" for line in kept))


@a.contract(on_failure="fail")
async def six_steps(name: str) -> str:
    change = await propose(await collect(name))
    checked = await check(change)
    call = make_branch(name)
    match await request_approval(call):
        case a.Approved():
            return f"{checked}: {await call}, {await left(name)}"
        case refusal:
            return str(refusal)


@a.contract
async def child(name: str) -> str:
    return await left(name)


@a.contract(on_failure="fail", deadline="60d")
async def waits_for_everything(name: str) -> list[Any]:
    parts: list[Any] = list(await asyncio.gather(left(name), collect(name)))
    await asyncio.sleep(30 * 86_400)
    parts.append(await child(name))
    parts.append(await a.ask("how many?", int))
    parts.append(await go_on.wait())
    parts.append(await mail(name))
    return parts


@a.contract(on_failure="rollback")
async def gives_up(name: str) -> str:
    await make_branch(name)
    raise a.RollBack("nobody wants it any more")


@a.contract
async def waits_for_nobody(name: str) -> str:
    nobody = a.Signal("nobody", str)
    return f"{name} {await nobody.wait()}"


@a.step
async def count_runs(name: str) -> int:
    _line(name)
    return os.getpid()


@a.contract
async def returns_its_process(name: str) -> int:
    return await count_runs(name)


@a.step
async def leave(code: int) -> None:
    os._exit(code)


@a.contract
async def ends_its_process(code: int) -> None:
    await leave(code)


@a.step(retry=a.Retry(attempts=1))
async def refuse(name: str) -> str:
    raise ValueError(f"nobody is called {name}")


@a.contract(on_failure="hold")
async def is_held(name: str) -> str:
    return await refuse(name)


@a.step
async def wait_for_ever(name: str) -> None:
    Path(os.environ["ACTUM_TEST_PID"]).write_text(str(os.getpid()))
    await asyncio.Event().wait()


@a.contract
async def waits_in_a_step(name: str) -> None:
    await wait_for_ever(name)


in_a_hurry = child("ada")


def made_on_demand() -> Any:
    return child("bob")


def _takes_long(turn: int) -> bool:
    """Whether it is this one's turn to be late: which it is, changes from one killed run to the next of its kind."""
    run = int(world_folder().parent.name.removeprefix("run-"))
    return run // 2 % 2 == turn


@a.step
async def odd() -> str:
    await asyncio.sleep(0.2 * _takes_long(0))
    return "odd"


@a.step
async def even() -> str:
    await asyncio.sleep(0.2 * _takes_long(1))
    return "even"


@a.contract
async def takes_turns() -> list[str]:
    return list(await asyncio.gather(odd(), even()))
