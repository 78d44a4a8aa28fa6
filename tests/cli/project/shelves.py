"""Effects that a policy puts into batches, and some that it does not."""

import asyncio
import time
from pathlib import Path

from actum import Owner, Preview, contract, effect, step

OWNER = Owner(team="shop", escalation=["#shop"], runbook="runbook.md")


@effect("shelf.fill", in_doubt="repeat", editable=("rows",))
def fill(shelf: str, rows: int) -> str:
    with Path("filled").open("a") as file:
        file.write(f"{shelf} {rows}\n")
    return shelf


@fill.preview
def _(shelf: str, rows: int) -> Preview:
    facts = {"rows": rows, "room": shelf.split()[0]}
    return Preview(
        f"Fill {rows} rows of shelf {shelf}", target=shelf, facts=facts, diff=f"+{rows} of {shelf}"
    )


@fill.undo
def _(done: str, shelf: str, rows: int) -> None:
    Path(f"{shelf}.emptied").touch()


@effect("shelf.sell", in_doubt="repeat")
def sell(shelf: str) -> str:
    return shelf


@sell.preview
def _(shelf: str) -> Preview:
    return Preview(f"Sell 1 shelf: {shelf}", target=shelf, facts={"amount": "12.00 EUR"})


@step
def wait_for(file: str) -> str:
    while not Path(file).exists():
        time.sleep(0.01)
    return file


@contract(owner=OWNER, on_failure="fail")
async def stock(shelf: str, rows: int) -> str:
    return await fill(shelf, rows)


@contract(owner=OWNER, on_failure="fail")
async def stock_busily(shelf: str, rows: int) -> str:
    """Do something else meanwhile: as long as it does, its batch may grow."""
    filled, _ = await asyncio.gather(fill(shelf, rows), wait_for(f"{shelf}.go"))
    return filled


@contract(owner=OWNER, on_failure="fail")
async def part(shelf: str) -> str:
    return await sell(shelf)
