"""A worker process for test_crash_loops: one contract kills whatever process runs it, the other minds its own business."""

from __future__ import annotations

import asyncio
import os
import signal

from actum import Worker, contract, step


@step
async def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@contract
async def deadly() -> None:
    await die()


@step
async def breathe(breath: int) -> int:
    await asyncio.sleep(0.3)
    return breath + 1


@contract
async def harmless() -> int:
    breaths = 0
    while breaths < 10:
        breaths = await breathe(breaths)
    return breaths


if __name__ == "__main__":
    asyncio.run(Worker([deadly, harmless], lease=2.0).run())
