"""Fault: a write in a step, which may run again after a crash."""

from __future__ import annotations

from actum import attempt, contract, effect, step
from faults.world import do, is_done


@step
async def summarize(ticket: str) -> str:
    do(f"comment on {ticket}")  # two comments, if the process dies now
    return f"summary of {ticket}"


@step
async def summarize_only(ticket: str) -> str:
    return f"summary of {ticket}"


@effect("ticket.comment", in_doubt="repeat")
async def comment(ticket: str, text: str) -> None:
    if not is_done(attempt().key):
        do(f"comment on {ticket}", attempt().key)


@contract
async def faulty(ticket: str) -> str:
    return await summarize(ticket)


@contract(on_failure="fail")
async def mended(ticket: str) -> str:
    text = await summarize_only(ticket)
    await comment(ticket, text)
    return text
