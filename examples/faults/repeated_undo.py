"""Fault: an undo that gives back again what it has given back already."""

from __future__ import annotations

from actum import RollBack, attempt, contract, effect
from faults.world import do, is_done


@effect("seat.reserve", in_doubt="repeat")
async def reserve(seat: str) -> str:
    if not is_done(attempt().key):
        do(f"take {seat}", attempt().key)
    return seat


@reserve.undo
async def _give_back(taken: str, seat: str) -> None:
    do(f"give back {taken}")


@effect("seat.reserve", in_doubt="repeat")
async def reserve_once(seat: str) -> str:
    if not is_done(attempt().key):
        do(f"take {seat}", attempt().key)
    return seat


@reserve_once.undo
async def _give_back_once(taken: str, seat: str) -> None:
    if not is_done(attempt().key):
        do(f"give back {taken}", attempt().key)


@contract(on_failure="rollback")
async def faulty(seat: str) -> str:
    await reserve(seat)
    raise RollBack("the show is cancelled")


@contract(on_failure="rollback")
async def mended(seat: str) -> str:
    await reserve_once(seat)
    raise RollBack("the show is cancelled")
