"""Actum's side: the contracts of all workloads, and the process that works on them.

`python ours.py work CONTRACT [--concurrency N] [--elsewhere]` is a worker as a user would start one.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from pathlib import Path

import actum
from actum.cli.serving import run_on_fastest_loop
from actum.engine import process
from arena import own_cpu, tell

PAD = "x" * 60
STEPS = 10
PLACE = Path(os.environ.get("BENCH_PLACE", "."))


@actum.step
async def compute(number: int, step: int) -> dict[str, int | str]:
    """Do no work, so that only the engine's is measured."""
    return {"workflow": number, "step": step, "value": number * 1000 + step, "pad": PAD}


@actum.contract
async def ten_steps(number: int) -> int:
    """Ten steps, one after the other."""
    total = 0
    for step in range(STEPS):
        found = await compute(number, step)
        total += int(found["value"])
    return total


@actum.effect("bench.act")
async def act(number: int, step: int) -> dict[str, int | str]:
    """Change nothing; with all that an effect costs: ruling, key, ledger, intent and outcome."""
    return {"workflow": number, "step": step, "value": number * 1000 + step, "pad": PAD}


@actum.contract(on_failure="fail")
async def ten_effects(number: int) -> int:
    """Ten effects, one after the other."""
    total = 0
    for step in range(STEPS):
        found = await act(number, step)
        total += int(found["value"])
    return total


@actum.contract
async def one_step(number: int) -> int:
    """One step."""
    found = await compute(number, 0)
    return int(found["value"])


@actum.step
async def labour(number: int, step: int) -> int:
    """Leave a mark, then work for 50 ms."""
    leave_mark("actum", number, step)
    await asyncio.sleep(0.05)
    return step


@actum.contract
async def laborious(number: int) -> int:
    """Ten steps that take a while."""
    return sum([await labour(number, step) for step in range(STEPS)])


def leave_mark(who: str, number: int, step: int) -> None:
    """Note that a step began: one line, written whole, that a SIGKILL does not take back."""
    with (PLACE / f"{who}.marks").open("ab", buffering=0) as marks:
        marks.write(f"{time.time()} {number} {step}\n".encode())


CONTRACTS = {one.name: one for one in (ten_steps, ten_effects, one_step, laborious)}


async def work(contract: str, concurrency: int, elsewhere: bool) -> None:
    """Work until a line comes in; say when the first claim was about to happen, and the processor time at both."""
    if elsewhere:
        process.machine = lambda: "another machine"
    async with actum.Worker([CONTRACTS[contract]], concurrency=concurrency) as worker:
        tell(at=time.time(), cpu=own_cpu(), instance=str(worker.instance))
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        tell(
            at=time.time(),
            cpu=own_cpu(),
            flushes=worker.recorder.flushes,
            rows=worker.recorder.rows,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=["work"])
    parser.add_argument("contract", choices=sorted(CONTRACTS))
    parser.add_argument("--concurrency", type=int, default=100)
    parser.add_argument("--elsewhere", action="store_true")
    chosen = parser.parse_args()
    run_on_fastest_loop(work(chosen.contract, chosen.concurrency, chosen.elsewhere))
