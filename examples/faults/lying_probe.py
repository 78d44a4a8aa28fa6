"""Fault: a probe that looks at the wrong place, and says that nothing happened."""

from __future__ import annotations

from actum import Happened, NotHappened, attempt, contract, effect
from faults.world import do, is_done


@effect("mail.send", timeout="2s", settle_after="1s")
async def send(to: str) -> str:
    do(f"mail to {to}", attempt().key)
    return "sent"


@send.probe
async def _look_by_address(to: str) -> Happened[str] | NotHappened:
    return Happened("sent") if is_done(to) else NotHappened()  # mails are kept by key, not by address


@effect("mail.send", timeout="2s", settle_after="1s")
async def send_once(to: str) -> str:
    do(f"mail to {to}", attempt().key)
    return "sent"


@send_once.probe
async def _look_by_key(to: str) -> Happened[str] | NotHappened:
    return Happened("sent") if is_done(attempt().key) else NotHappened()


@contract(on_failure="fail")
async def faulty(to: str) -> str:
    return await send(to)


@contract(on_failure="fail")
async def mended(to: str) -> str:
    return await send_once(to)
