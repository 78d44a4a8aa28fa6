"""A worker process for test_crash_holding: what is retried kills its process the first time, after it has acted."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from actum import NotDone, Retry, Worker, attempt, contract, effect, step

WORLD = Path(os.environ.get("CRASH_HOLDING_WORLD", "."))


def note(what: str) -> int:
    """Write a line about what is done, durable at once, and return how many there are about it."""
    with (WORLD / what).open("a") as file:
        file.write(f"{attempt().number} {attempt().key or '-'}\n")
        file.flush()
        os.fsync(file.fileno())
    return len((WORLD / what).read_text().splitlines())


def die_at(count: int, fatal: int) -> None:
    if count == fatal:
        os.kill(os.getpid(), signal.SIGKILL)


@step
async def sibling(name: str) -> str:
    note(name)
    return name


@step(retry=Retry(attempts=1))
async def count() -> int:
    times = note("count")
    if times == 1:
        raise ValueError("not yet")
    die_at(times, 2)
    return times


@effect("mail.send", in_doubt="repeat", retry=Retry(attempts=3))
async def send(to: str) -> str:
    times = note("send")
    if times <= 3:
        raise NotDone("not yet")
    die_at(times, 4)
    return f"sent to {to}"


@contract(on_failure="hold")
async def counts() -> list[object]:
    return await asyncio.gather(count(), sibling("one"), sibling("two"))


@contract(on_failure="hold")
async def sends() -> str:
    await sibling("one")
    return await send("ana") + await sibling(" and told")


if __name__ == "__main__":
    asyncio.run(Worker([counts, sends], lease=2.0).run())
