"""Fault: an effect that says it may be repeated, and ignores the key that would make that harmless."""

from __future__ import annotations

from actum import attempt, contract, effect, step
from faults.world import do, is_done


@step
async def price(order: str) -> int:
    return 40 + len(order)


@effect("card.charge", in_doubt="repeat")
async def charge(order: str, amount: int) -> str:
    do(f"charge {order} {amount}", attempt().key)  # the key is written down, and nobody looks at it
    return f"charged {amount}"


@effect("card.charge", in_doubt="repeat")
async def charge_once(order: str, amount: int) -> str:
    if not is_done(attempt().key):
        do(f"charge {order} {amount}", attempt().key)
    return f"charged {amount}"


@contract(on_failure="fail")
async def faulty(order: str) -> str:
    return await charge(order, await price(order))


@contract(on_failure="fail")
async def mended(order: str) -> str:
    return await charge_once(order, await price(order))
