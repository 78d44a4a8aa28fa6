"""Where an approval that was just asked for belongs: under a grant that covers it, in a batch, or alone before a person.

Each is a short transaction of its own after the approval is durable. If the process dies before it, the approval
stands alone, which is never less strict.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from actum.errors import DatabaseUnavailable
from actum.machine.grants import covers
from actum.machine.policy import Operation, Ruling
from actum.model.ids import new_id
from actum.store.poison import SAID_BY_SERVER

if TYPE_CHECKING:
    from actum.engine.worker import Worker

logger = logging.getLogger("actum.placing")

ONE_REQUEST = timedelta(minutes=1)
"""How long the calls of one request may take to meet on their card."""
MOST_ITEMS = 50
"""Items of a batch whose rule names no number: more than that nobody reads."""


class Placing:
    """Places the approvals that one worker asks for."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def prepare(
        self, approval_id: UUID, ruling: Ruling, asked: Mapping[str, Any], card: str | None
    ) -> Callable[[], None]:
        """Return what is to be called once the approval is durable; `asked` has Actum's own names and the facts.

        `card` names the request for several calls that it is one of: what policy batches with nothing else shares a
        card with those, at tier 1.
        """

        def place() -> None:
            self._worker.spawn(self._place(approval_id, ruling, asked, card), "place an approval")

        return place

    async def _place(
        self, approval_id: UUID, ruling: Ruling, asked: Mapping[str, Any], card: str | None
    ) -> None:
        try:
            is_granted = await self._use_grant(approval_id, asked)
            if not is_granted and ruling.tier == 1 and not await self._join_batch(approval_id, ruling, asked):
                await self._join_request(approval_id, ruling, card)
        except (DatabaseUnavailable, SAID_BY_SERVER) as error:
            logger.warning("an approval stands alone, because the database did not place it: %s", error)

    async def _use_grant(self, approval_id: UUID, asked: Mapping[str, Any]) -> bool:
        worker = self._worker
        for grant in worker.policing.grants:
            if not covers(orjson.loads(grant.matcher), asked["own"], asked["facts"]):
                continue
            sums = orjson.loads(grant.max_sums)
            answer = await worker.store.grants.use(
                grant.id, approval_id, attempt=1, amounts=_amounts(sums, asked["facts"])
            )
            if answer in ("granted", "repeated"):
                return True
        return False

    async def _join_batch(self, approval_id: UUID, ruling: Ruling, asked: Mapping[str, Any]) -> bool:
        """Join the batch that policy has for it; False where it has none."""
        worker, batch = self._worker, ruling.batch
        policy = worker.policing.policy
        place = (
            policy.place(batch, Operation(**asked["own"], facts=asked["facts"])) if policy and batch else None
        )
        if batch is None or place is None:
            return False
        await worker.store.batches.join(
            approval_id,
            batch_id=new_id(worker.clock.now() // 1000),
            rule=ruling.rule,
            policy_hash=ruling.policy_hash,
            key=batch_key(place.key),
            window=batch.window or timedelta(0),
            max_items=batch.max_items or MOST_ITEMS,
            max_sums={name: float(most) for name, most in batch.max_sum},
            amounts={name: float(value) for name, value in place.sums},  # type: ignore[arg-type]  # sums are numbers
        )
        return True

    async def _join_request(self, approval_id: UUID, ruling: Ruling, card: str | None) -> None:
        """Share a card with the other calls of one request: it closes as soon as the workflow waits."""
        if card is None:
            return
        worker = self._worker
        await worker.store.batches.join(
            approval_id,
            batch_id=new_id(worker.clock.now() // 1000),
            rule=ruling.rule,
            policy_hash=ruling.policy_hash,
            key=batch_key(("request", card)),
            window=ONE_REQUEST,
            max_items=MOST_ITEMS,
            max_sums={},
            amounts={},
        )


def batch_key(parts: Iterable[str]) -> str:
    """Return one text for the values by which a batch is kept apart; others than these never have the same one."""
    return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in parts)


def _amounts(limits: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, float]:
    """Return the facts that a grant limits; what is no number is left out, and then nothing fits."""
    found = {name: facts.get(name) for name in limits}
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
