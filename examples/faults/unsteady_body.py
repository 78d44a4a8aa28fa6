"""Fault: a body that looks at the clock, and so asks for something else each time it is replayed."""

from __future__ import annotations

import time

from actum import contract, now, step


@step
async def read(name: str) -> str:
    return f"text of {name}"


@step
async def put_away(text: str, at: float) -> str:
    return f"{text}, put away"


@step
async def tell(text: str) -> str:
    return f"{text}, told"


@contract
async def faulty(name: str) -> str:
    text = await read(name)
    text = await put_away(text, time.time())  # another instant in every replay
    return await tell(text)


@contract
async def mended(name: str) -> str:
    text = await read(name)
    text = await put_away(text, now().timestamp())
    return await tell(text)
