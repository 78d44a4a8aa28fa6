"""Previews that look into their effect's own database, in a transaction that is rolled back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from actum.authoring.database import Database
from actum.authoring.hooks import Hook
from actum.authoring.looking import CURRENT_LOOK
from actum.engine.databases import Databases


def preview_of(hook: Hook, transactional: bool | Database, databases: Databases) -> Callable[..., Any]:
    """Return what runs as the preview: the author's function, which may look if its effect is transactional.

    Nothing is connected to until it does.
    """
    if not (transactional and hook.is_async):
        return hook.function
    function: Callable[..., Awaitable[Any]] = hook.function

    async def run(*args: Any, **kwargs: Any) -> Any:
        CURRENT_LOOK.set(lambda: databases.look(transactional))
        return await function(*args, **kwargs)

    return run
