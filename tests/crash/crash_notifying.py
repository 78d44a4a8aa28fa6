"""A worker that asks a person and has them told, and kills itself at one exact moment of that.

    python crash_notifying.py MOMENT

Its settings are those of the environment. `never` is a moment that does not come.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from actum import Worker, contract, effect
from actum.engine.webhook import Webhook
from actum.store.notifications import Notifications

MOMENTS: dict[str, tuple[type, str, Callable[[Any], bool]]] = {
    "after it is kept": (Notifications, "tell_approvals", bool),
    "after it is taken": (Notifications, "claim", bool),
    "after it is sent": (Webhook, "send", lambda failure: failure is None),
    "after that is written": (Notifications, "conclude", bool),
}


@effect("mail.send")
async def send(to: str) -> str:
    return to


@contract(on_failure="fail")
async def sends(to: str) -> str:
    return await send(to)


def arm(moment: str) -> None:
    """Have this process kill itself at a moment."""
    if moment not in MOMENTS:
        return
    owner, method, counts = MOMENTS[moment]
    carry_out = getattr(owner, method)

    async def bounded(self: object, *args: Any, **values: Any) -> Any:
        found = await carry_out(self, *args, **values)
        if counts(found):
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    setattr(owner, method, bounded)


if __name__ == "__main__":
    arm(sys.argv[1])
    asyncio.run(Worker([sends], lease=2.0, grace=0.0).run())
