"""Where an approval that was just asked for belongs: under a grant that covers it, in a batch, or alone before a person.

What is to be done is kept with the approval's row, in the flush that asks; carrying it out is a short transaction of
its own after that. If the process dies in between, the approval stands alone for a moment, which is never less strict,
and the next pass of any worker carries out what was left. Twice changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from actum.engine.prompting import Place
from actum.errors import DatabaseUnavailable
from actum.machine.amounts import exact_amounts, read_amounts, write_amounts
from actum.machine.grants import covers
from actum.machine.policy import MOST_ITEMS, Operation, Ruling
from actum.model.ids import new_id
from actum.store.approvals import UnplacedRow
from actum.store.poison import SAID_BY_SERVER, is_poison

if TYPE_CHECKING:
    from actum.engine.worker import Worker

logger = logging.getLogger("actum.placing")

LEFT_AFTER = timedelta(seconds=2)
"""How long the worker that asks has for placing what it asked for: a live one needs milliseconds."""
ONE_REQUEST = timedelta(minutes=1)
"""How long the calls of one request may take to meet on their card."""


class Placing:
    """Places the approvals that one worker asks for, and those that a dead one left."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def plan(self, ruling: Ruling, asked: Mapping[str, Any], card: str | None) -> dict[str, object] | None:
        """Return as JSON values what is to be kept with an approval's row until it is placed; None: it stands alone.

        `asked` has Actum's own names and the facts. `card` names the request for several calls that it is one of: what
        policy batches with nothing else shares a card with those, at tier 1.
        """
        batch = self._plan_batch(ruling, asked, card) if ruling.tier == 1 else None
        own, facts = asked["own"], asked["facts"]
        if batch is None and not self._covering(own, facts):
            return None
        return {"environment": own["environment"], "batch": batch}

    def _covering(self, own: Mapping[str, Any], facts: Mapping[str, Any]) -> list[UUID]:
        grants = self._worker.policing.grants
        return [one.id for one in grants if covers(orjson.loads(one.matcher), own, facts)]

    def foresee(self, ruling: Ruling, asked: Mapping[str, Any], card: str | None) -> Place:
        """Return where an approval would belong that is asked for now, for the prompt that it costs."""
        batch = self._plan_batch(ruling, asked, card) if ruling.tier == 1 else None
        grants = self._covering(asked["own"], asked["facts"])
        key = None if batch is None else str(batch["key"])
        is_shared = card is not None and key == batch_key(("request", card)) and not grants
        return Place(ruling.rule, key, ruling.policy_hash, grants, is_shared)

    def _plan_batch(
        self, ruling: Ruling, asked: Mapping[str, Any], card: str | None
    ) -> dict[str, object] | None:
        policy, batch = self._worker.policing.policy, ruling.batch
        if policy is not None and batch is not None:
            place = policy.place(batch, Operation(**asked["own"], facts=asked["facts"]))
            if place is not None:
                return {
                    "key": batch_key(place.key),
                    "window": batch.window.total_seconds(),
                    "max_items": batch.max_items or MOST_ITEMS,
                    "max_sums": write_amounts(dict(batch.max_sum)),
                    "amounts": write_amounts(exact_amounts(dict(place.sums))),
                }
        if card is None:
            return None
        window = ONE_REQUEST.total_seconds()  # it closes as soon as the workflow waits
        return {"key": batch_key(("request", card)), "window": window, "max_items": MOST_ITEMS}

    def prepare(self, row: UnplacedRow) -> Callable[[], None]:
        """Return what is to be called once the approval is durable."""

        def place() -> None:
            self._worker.spawn(self._place(row), "place an approval")

        return place

    async def place_left_once(self, older: timedelta | None = LEFT_AFTER) -> int:
        """Place what was asked for a while ago and is not placed: whoever asked has died. Return how many there were.

        With None as `older` it is whatever is not placed yet, which may be done twice and is the same then.
        """
        left = await self._worker.store.approvals.list_unplaced(older)
        for row in left:
            await self._place(row)
        return len(left)

    async def _place(self, row: UnplacedRow) -> None:
        try:
            environment, batch = _read_plan(row.placement)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            logger.warning("approval %s stands alone: where it belongs cannot be read: %r", row.id, error)
            environment, batch = None, None
        try:
            if await self._use_grant(row, environment):
                return
            if batch is None or not await self._join_batch(row, batch):
                await self._worker.store.approvals.place_alone(row.id)
        except (DatabaseUnavailable, SAID_BY_SERVER) as error:
            logger.warning("an approval stands alone until the database places it: %s", error)

    async def _use_grant(self, row: UnplacedRow, environment: str | None) -> bool:
        worker = self._worker
        own = {"kind": row.kind, "contract": row.contract, "team": row.team, "environment": environment}
        shown = orjson.loads(row.preview) if row.preview else {}
        facts = shown["facts"] if isinstance(shown.get("facts"), dict) else {}
        for grant in worker.policing.grants:
            if not covers(orjson.loads(grant.matcher), own, facts):
                continue
            sums = orjson.loads(grant.max_sums)
            limited = {name: facts[name] for name in sums if name in facts}  # what is no number fits no limit
            answer = await worker.store.grants.use(
                grant.id, row.id, attempt=1, amounts=exact_amounts(limited)
            )
            if answer in ("granted", "repeated"):
                return True
        return False

    async def _join_batch(self, row: UnplacedRow, batch: Mapping[str, Any]) -> bool:
        """Put it into its batch; False where it has to stand alone, as it has where the batch cannot be kept."""
        worker = self._worker
        try:
            joined = await worker.store.batches.join(
                row.id,
                batch_id=new_id(worker.clock.now() // 1000),
                rule=row.rule,
                policy_hash=row.policy_hash,
                **batch,
            )
        except SAID_BY_SERVER as error:
            if not is_poison(error):
                raise
            logger.warning("approval %s stands alone: its batch cannot be kept: %s", row.id, error)
            return False
        return joined is not None


def _read_plan(text: str) -> tuple[str | None, dict[str, Any] | None]:
    """Return the environment for which an approval was planned, and how to join its batch, None without one.

    Raises KeyError, TypeError, ValueError and OverflowError for what another version may have written.
    """
    planned: dict[str, Any] = orjson.loads(text)
    batch = planned["batch"]
    joining = batch and {
        "key": str(batch["key"]),
        "window": timedelta(seconds=batch["window"]),
        "max_items": int(batch["max_items"]),
        "max_sums": read_amounts(batch.get("max_sums", "{}")),
        "amounts": read_amounts(batch.get("amounts", "{}")),
    }
    return planned["environment"], joining


def batch_key(parts: Iterable[str]) -> str:
    """Return one text for the values by which a batch is kept apart; others than these never have the same one."""
    return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in parts)
