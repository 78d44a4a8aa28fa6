"""Previews that look into their effect's own database, in a transaction that is rolled back.

A database that is away for a moment fails no effect: such a preview is tried again a few times, since it only looks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from actum.authoring.database import Database
from actum.authoring.hooks import Hook
from actum.authoring.looking import CURRENT_LOOK
from actum.engine.databases import Databases
from actum.store.transactions import PASSING

PAUSES = (0.1, 0.3, 1.0, 3.0, 6.0)
"""Seconds between two tries of a preview whose database was away."""


def preview_of(hook: Hook, transactional: bool | Database, databases: Databases) -> Callable[..., Any]:
    """Return what runs as the preview: the author's function, which may look if its effect is transactional.

    Nothing is connected to until it does. It raises what the last try raised.
    """
    if not (transactional and hook.is_async):
        return hook.function
    function: Callable[..., Awaitable[Any]] = hook.function

    async def run(*args: Any, **kwargs: Any) -> Any:
        CURRENT_LOOK.set(lambda: databases.look(transactional))
        for pause in PAUSES:
            try:
                return await function(*args, **kwargs)
            except PASSING:
                await asyncio.sleep(pause)
        return await function(*args, **kwargs)

    return run
