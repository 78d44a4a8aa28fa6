"""A payment that a process of its own can import, for test_alone."""

from __future__ import annotations

from pathlib import Path

from actum import Preview, contract, effect


@effect("pay.it")
async def pay(place: str) -> str:
    Path(place).write_text("paid")
    return "paid"


@pay.preview
async def _(place: str) -> Preview:
    return Preview("Pay 1", target=place, facts={"amount": 1})


@contract(on_failure="fail")
async def pays(place: str) -> str:
    return await pay(place)
