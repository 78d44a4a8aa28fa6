"""Effects: workflows of ten effects that policy lets run, beside workflows of ten plain steps, in turns on one server.

Says how many flushes ten effects in a row cost, the rate of effects as a share of the rate of steps at a hundred in
flight, and how much more worker processor time an effect with its logged decision takes. Sizes: BENCH_WORKFLOWS,
BENCH_IN_FLIGHT, BENCH_ROUNDS.
"""

from __future__ import annotations

import asyncio
import os

import actum
from actum.machine.policy import parse_policy
from arena import Arena, announce, median, number, open_arena, say
from ours import CONTRACTS, STEPS

WORKFLOWS = number("WORKFLOWS", 1_500)
IN_FLIGHT = number("IN_FLIGHT", 100)
ROUNDS = number("ROUNDS", 5)
POLICY = """
schema = 1
name = "bench"
owner = "bench"
default_tier = 2

[[rule]]
id = "nothing-happens"
match = { kind = "bench.act" }
tier = 0
why = "It changes nothing."
"""


async def allow() -> None:
    """Activate the policy under which the effects run without asking."""
    async with actum.Client.open(actor="user:bench") as client:
        await client.policies.activate(parse_policy(POLICY), reason="to measure")


async def run(arena: Arena, contract: str, workflows: int) -> dict[str, float]:
    """Start all, let one worker work them off; return rate, processor time in microseconds and flushes."""
    async with actum.Client.open(actor="service:bench") as client:
        await client.start_many([CONTRACTS[contract](one) for one in range(workflows)])
    worker = arena.process("ours", "work", contract, "--concurrency", str(IN_FLIGHT))
    began = worker.heard()
    await arena.emptied("actum")
    ended = worker.stop()
    steps = workflows * STEPS
    return {
        "rate": steps / (await arena.last_end("actum") - began["at"]),
        "us": (ended["cpu"] - began["cpu"]) * 1e6 / steps,
        "flushes": ended["flushes"],
    }


async def main() -> None:
    """Run all rounds and announce the medians."""
    shares, extra, rates, cpu = [], [], [], []
    async with open_arena() as arena:
        os.environ["ACTUM_DATABASE_URL"] = arena.actum_url
        await allow()
        alone = await run(arena, "ten_effects", 1)
        say(f"{STEPS} effects in a row of one workflow: {alone['flushes']:.0f} flushes")
        for one in range(ROUNDS):
            plain = await run(arena, "ten_steps", WORKFLOWS)
            acting = await run(arena, "ten_effects", WORKFLOWS)
            shares.append(acting["rate"] / plain["rate"])
            extra.append(acting["us"] - plain["us"])
            rates.append(acting["rate"])
            cpu.append(acting["us"])
            say(
                f"round {one + 1} of {ROUNDS}: {plain['rate']:,.0f} steps/s, {acting['rate']:,.0f} effects/s "
                f"({shares[-1]:.0%}), {extra[-1]:.0f} us CPU more for each"
            )
    announce(
        {
            "workload": "effects",
            "effects": STEPS,
            "flushes": alone["flushes"],
            "effects_per_s": median(rates),
            "share_of_steps": median(shares),
            "us_cpu_per_effect": median(cpu),
            "us_cpu_above_a_step": median(extra),
        }
    )


if __name__ == "__main__":
    asyncio.run(main())
