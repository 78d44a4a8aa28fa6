"""Writes to a pretended database under a policy with every tier: what tests of ruling, of attacks and of notices stand on."""

from __future__ import annotations

from typing import Any

from actum import NotApproved, Preview, contract, effect
from actum.testing.harness import Harness

WORLD: dict[str, int] = {}
"""How many rows a table has by now, where it is another number than was asked for."""
DONE: list[str] = []
"""The tables that were written."""

POLICY = """
schema = 1
name = "tests"
owner = "platform"
default_tier = 2

[facts]
rows = "int"
table = "text"

[approvers.anybody]
by = ["anybody"]
expires = "1h"

[[rule]]
id = "few"
match = { kind = "db.write", rows = { le = 10 } }
tier = 0
why = "A few rows."

[[rule]]
id = "some"
match = { kind = "db.write", rows = { gt = 10, le = 100 } }
tier = 1
approvers = "anybody"
batch = { by = ["table"], window = "30m", max_items = 3 }
why = "Some rows."

[[rule]]
id = "many"
match = { kind = "db.write", rows = { gt = 100 } }
tier = 2
approvers = "anybody"
why = "Many rows."

[[deny]]
id = "audit"
match = { kind = "db.write", table = { glob = "audit_*" } }
why = "Nobody writes audit tables."
"""


def forget() -> None:
    """Have a world in which nothing was written."""
    WORLD.clear()
    DONE.clear()


@effect("db.write", editable=("rows",))
async def write(table: str, rows: int) -> str:
    DONE.append(table)
    return f"{rows} rows of {table}"


@write.preview
async def _(table: str, rows: int) -> Preview:
    found = WORLD.get(table, rows)
    return Preview(f"Write {found} rows of {table}", target=table, facts={"rows": found, "table": table})


@contract(on_failure="fail")
async def writes(table: str, rows: int) -> str:
    try:
        return await write(table, rows)
    except NotApproved as refusal:
        return f"{type(refusal.outcome).__name__}: {refusal}"


async def pending(actum: Harness) -> list[Any]:
    """Return the approvals that wait for a person once nothing moves any more."""
    await actum.run_until_idle()
    return list((await actum.inbox())[0])
