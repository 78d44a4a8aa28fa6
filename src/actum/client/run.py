"""Runs one workflow to its end in this process, with database and worker: scripts, notebooks, first steps."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from actum.authoring.call import Call
from actum.client.client import Client
from actum.client.starting import contract_of
from actum.engine.worker import Worker
from actum.errors import NotPossible
from actum.settings import Settings

R = TypeVar("R")


def run(call: Call[R], *, key: str | None = None, settings: Settings | None = None) -> R:
    """Start `call`, work on it in this process until it ends, and return its result.

    With a `key`, running again after a kill goes on from the last durable step instead of starting anew; a workflow
    that has ended returns its result at once. Raises what `Handle.result` raises, and NotPossible inside a running
    event loop, where `await actum.arun(…)` is the way.
    """
    if asyncio._get_running_loop() is None:
        return _run_on_fastest_loop(arun(call, key=key, settings=settings))
    raise NotPossible("actum.run was called inside a running event loop: write `await actum.arun(…)` instead")


async def arun(call: Call[R], *, key: str | None = None, settings: Settings | None = None) -> R:
    """Do what `run` does, in a running event loop."""
    contract = contract_of(call)
    used = settings or Settings.read()
    async with Client.open(actor="" if used.token else "user:author", settings=used) as client:
        handle = await client.start(call, key=key)
        async with Worker([contract], settings=used, store=client.store, grace=0.0):
            return await handle.result()


def _run_on_fastest_loop(work: Coroutine[Any, Any, R]) -> R:
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)
