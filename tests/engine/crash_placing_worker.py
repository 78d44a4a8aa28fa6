"""A worker process for test_crash_placing: what it serves asks, and is placed once the database lets it."""

from __future__ import annotations

import asyncio

from actum import Preview, Worker, contract, effect


@effect("db.write")
async def write(table: str, rows: int) -> str:
    return f"{rows} rows of {table}"


@write.preview
def _(table: str, rows: int) -> Preview:
    return Preview(f"Write {rows} rows of {table}", target=table, facts={"rows": rows, "table": table})


@contract(on_failure="fail")
async def writes(table: str, rows: int) -> str:
    return await write(table, rows)


if __name__ == "__main__":
    asyncio.run(Worker([writes]).run())
