"""What a user of the command line might have written."""

import time
from dataclasses import dataclass
from pathlib import Path

from actum import Owner, Preview, Retry, Signal, ask, contract, effect, step

OWNER = Owner(team="platform", escalation=["#platform"], runbook="runbook.md")
HOSTILE = "\x1b[2J\x1b]0;owned\x07 \u202egnp.exe\u2028 \x9b31m"

go = Signal("go", str)


@dataclass
class Task:
    title: str
    count: int = 1


@step
def shout(text: str) -> str:
    return text.upper()


@step(retry=Retry(attempts=2, first="10ms"))
def break_down(text: str) -> str:
    raise ValueError(f"{text} went wrong {HOSTILE}")


@step
def hold(name: str) -> str:
    with Path(f"{name}.ran").open("a") as file:
        file.write("ran\n")
    while not Path(f"{name}.go").exists():
        time.sleep(0.01)
    return name


@effect("file.write", in_doubt="repeat")
def write(task: Task) -> str:
    return f"{task.title} x {task.count}"


@write.preview
def _(task: Task) -> Preview:
    return Preview(
        f"Write 1 file called {task.title} {HOSTILE}",
        target=task.title,
        facts={"count": task.count},
        diff="\n".join(f"+line {number}" for number in range(60)),
        checks=["style: passed", "tests: failed"],
    )


@effect("bank.pay")
def pay(amount: int) -> int:
    raise ConnectionError("the line went dead")


@contract(owner=OWNER)
async def greet(name: str, times: int = 1) -> str:
    return await shout(name * times)


@contract(owner=OWNER)
async def fail(name: str) -> str:
    return await break_down(name)


@contract(owner=OWNER, on_failure="fail")
async def change(task: Task) -> str:
    return await write(task)


@contract(owner=OWNER, on_failure="fail")
async def spend(amount: int) -> int:
    return await pay(amount)


@contract(owner=OWNER)
async def listen() -> str:
    return await go.wait()


@contract(owner=OWNER)
async def survey(about: str) -> int:
    return await ask(f"How many {about}?", int, to="team:platform")


@contract(owner=OWNER)
async def linger(name: str) -> str:
    return await hold(name)


@step(retry=Retry(attempts=1))
def carry(parcel: str, stairs: int = 0) -> str:
    if not Path(f"{parcel}.mended").exists():
        raise ValueError(f"{parcel} is too heavy {HOSTILE}")
    return f"{parcel} carried {stairs} stairs"


@contract(owner=OWNER, on_failure="hold")
async def deliver(parcel: str) -> str:
    return await carry(parcel)


@effect("room.book", in_doubt="repeat")
def book(room: str) -> str:
    return f"booked {room}"


@book.undo
def _(booked: str, room: str) -> None:
    Path(f"{room}.freed").write_text(booked)


@contract(owner=OWNER, on_failure="hold")
async def reserve(room: str) -> str:
    booked = await book(room)
    return booked + await go.wait()
