"""One workflow in the hand of whoever started or found it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast
from uuid import UUID

import orjson

from actum.authoring.contract import Contract
from actum.authoring.failures import decode_failure
from actum.authoring.signals import Signal
from actum.client.holding import reopen
from actum.errors import NotFound, WorkflowFailed
from actum.machine.holding import Verb
from actum.model.ids import short
from actum.store.rows import WorkflowRow

if TYPE_CHECKING:
    from actum.client.client import Client

logger = logging.getLogger("actum.client")

R = TypeVar("R")
T = TypeVar("T")

NOBODY_AFTER = 5.0
"""Seconds of waiting after which it is said that no live worker serves the contract."""


class Handle(Generic[R]):
    """A workflow: wait for its result, signal it, cancel it, look at it."""

    def __init__(self, client: Client, workflow_id: UUID, contract: Contract[..., R] | None) -> None:
        self._client = client
        self._contract = contract
        self.workflow_id = workflow_id

    @property
    def short_id(self) -> str:
        """The last eight digits of the id, by which people know it."""
        return short(self.workflow_id)

    async def result(self, timeout: float | None = None) -> R:
        """Return what the workflow returned, once it has completed.

        Raises WorkflowFailed when it ended otherwise, and TimeoutError after `timeout` seconds, which changes nothing
        about the workflow. While no live worker serves the contract, that is logged, and named in the TimeoutError.
        """
        waiting = asyncio.ensure_future(self._client.endings.wait(self.workflow_id))
        try:
            async with asyncio.timeout(timeout):
                done, _ = await asyncio.wait({waiting}, timeout=NOBODY_AFTER)
                if not done:
                    missing = await self._client.explain_wait(self.workflow_id)
                    if missing:
                        logger.warning(missing)
                status, next_seq = await waiting
        except TimeoutError:
            missing = await self._client.explain_wait(self.workflow_id)
            raise TimeoutError(
                f"workflow {self.short_id} has not ended within {timeout} s"
                + (f": {missing}" if missing else "")
            ) from None
        finally:
            waiting.cancel()
        return await self._decode(status, next_seq)

    async def _decode(self, status: str, next_seq: int) -> R:
        snapshot = await self._client.store.records.read_snapshot(self.workflow_id, next_seq - 1)
        body = snapshot.body if snapshot is not None else None
        if status != "completed":
            raise decode_failure(body).as_workflow_failed() if body else _bare_failure(self, status)
        if body is None:
            raise NotFound(f"the result of workflow {self.short_id} has been erased")
        if self._contract is None:
            return cast(R, orjson.loads(body))
        return cast(R, self._contract.codec.decode_result(body))

    async def row(self) -> WorkflowRow:
        """Return the workflow's row as it stands."""
        return await self._client.get(self.workflow_id)

    async def status(self) -> str:
        """Return the workflow's status."""
        return (await self.row()).status

    async def signal(self, signal: Signal[T], value: T) -> None:
        """Deliver a signal; durable when this returns. Raises NotPossible when the workflow has ended."""
        await self._client.send(self.workflow_id, "signal", name=signal.name, body=signal.encode(value))

    async def cancel(self, reason: str = "") -> None:
        """Ask the workflow to end: its body is cancelled, effects that started are waited for."""
        await self._client.send(self.workflow_id, "cancel", reason=reason or None)

    async def pause(self, reason: str = "") -> None:
        """Have the workflow take in nothing new until resumed."""
        await self._client.send(self.workflow_id, "pause", reason=reason or None)

    async def resume(self, reason: str = "") -> None:
        """Let a paused workflow go on."""
        await self._client.send(self.workflow_id, "resume", reason=reason or None)

    async def roll_back(self, reason: str, *, to: str | None = None) -> None:
        """Cancel the workflow and undo what it did, newest first; with `to`, only what it did after that address.

        A plan already under way goes on unchanged. What cannot be undone is named in the report. Raises InvalidInput,
        naming the addresses that have ended, where nothing has ended at `to`.
        """
        await self._client.send(self.workflow_id, "rollback", address=to, reason=reason)

    async def settle(self, address: str, outcome: str, *, result: Any = None, reason: str = "") -> None:
        """End the doubt about the effect at `address`: `happened` (with its result), `did_not_happen` or `abandon`.

        Raises NotPossible when no effect is in doubt there, and InvalidInput for a result that cannot be kept, or that the
        effect does not return; a result left out is null. A person's word is taken at once: `did_not_happen` has the
        effect done again, so look at the outside world, and wait out its time-out, before saying so.
        """
        await self._client.settle(self.workflow_id, address, outcome, result=result, reason=reason)

    async def retry(self, address: str | None = None, *, reason: str) -> None:
        """Let a held workflow try again what failed at `address`, else the failure that it is held for.

        Its attempts are counted on, its retry begins anew, and an effect keeps its key. Without a failed call the body
        itself is driven again: for code that was mended. Raises as `actum.client.holding.reopen` does.
        """
        await reopen(self._client, self.workflow_id, Verb.RETRY, address, reason=reason)

    async def skip(self, address: str | None = None, *, output: Any, reason: str) -> None:
        """Let a held workflow go on as if the failed call had returned `output`, a JSON value; raises as `retry`."""
        await reopen(self._client, self.workflow_id, Verb.SKIP, address, value=output, reason=reason)

    async def edit(self, address: str | None = None, *, arguments: Mapping[str, Any], reason: str) -> None:
        """Let a held workflow try the failed call with these arguments in place of the body's own.

        An edited effect is another action: it is approved anew. Raises as `retry` does.
        """
        await reopen(self._client, self.workflow_id, Verb.EDIT, address, value=arguments, reason=reason)

    def __repr__(self) -> str:
        return f"<workflow {self.short_id}>"


def _bare_failure(handle: Handle[Any], status: str) -> WorkflowFailed:
    return WorkflowFailed(
        f"workflow {handle.short_id} ended as {status}", workflow_id=str(handle.workflow_id), status=status
    )
