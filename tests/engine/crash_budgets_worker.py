"""A worker process for test_crash_budgets: a step that kills its process once, an effect that waits, and a question."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

from actum import Budget, Preview, Spending, Worker, ask, contract, effect, report_usage, step

WORLD = Path(os.environ.get("CRASH_BUDGETS_WORLD", "."))


@step(spends=Spending(model_calls=3))
async def think() -> str:
    died = WORLD / "died"
    if not died.exists():
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    report_usage(model="ours", cost=1)
    return "thought"


@contract(budget=Budget(model_calls=10))
async def thinks() -> str:
    return await think()


@effect("mail.send", spends=Spending(tool_calls=1))
async def send() -> str:
    return "sent"


@send.preview
def _() -> Preview:
    """Look; once approved, only when the test says so."""
    if (WORLD / "approved").exists() and not (WORLD / "go").exists():
        (WORLD / "looking").touch()
        deadline = time.monotonic() + 60
        while not (WORLD / "go").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
    return Preview("Send one mail.")


@contract(on_failure="fail", budget=Budget(tool_calls=1))
async def sends() -> str:
    return await send()


@contract(budget=Budget(prompts=1, over="fail"))
async def wonders() -> str:
    return await ask("Which?", str)


if __name__ == "__main__":
    asyncio.run(Worker([thinks, sends, wonders], lease=2.0).run())
