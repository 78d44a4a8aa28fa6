"""Statements over `notifications`, the outbox: what people are to be told, each thing once under its key.

News about approvals and batches is kept by the statements here and by those that remind, escalate and expire, in one
transaction with what they tell of, so that no crash loses it. Rows are kept for `KEPT`, whatever became of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from actum.store.pool import Pool

KEPT = timedelta(days=30)
"""How long rows are kept; nothing is told of what is older, less a day, because it would be told twice."""
TOLD_WITHIN = KEPT - timedelta(days=1)


@dataclass(slots=True)
class NotificationRow:
    """One thing to tell; `subject` and `body` are as somebody wrote them, to be made harmless by whoever sends them.

    `link` is a place in the console, such as `approvals/ID`. `channels` are those by which it left already.
    """

    key: str
    kind: str
    about: UUID | None
    recipients: list[str]
    subject: str
    body: str
    link: str | None
    created_at: datetime
    state: str
    due_at: datetime
    attempts: int
    channels: list[str]
    ended_at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What became of one attempt to send: `sent`, `unsent` (again after `pause`) or `abandoned`."""

    key: str
    state: str
    channels: Sequence[str]
    error: str | None = None
    pause: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How much nobody has tried to send, could not be sent so far, and was given up; `error` is the newest reason."""

    unattended: int
    failing: int
    abandoned: int
    error: str | None


class Notifications:
    """The outbox of one database. Each method is the statement of its name."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def enqueue(
        self,
        *,
        key: str,
        kind: str,
        recipients: Sequence[str],
        subject: str,
        body: str = "",
        link: str | None = None,
        about: UUID | None = None,
    ) -> bool:
        """Keep one thing to tell; False when something is kept under `key` already, which then stays as it is.

        `recipients` are people, groups and teams by name; a channel that cannot address them says whom it is for.
        """
        rows = await self._pool.fetch(
            self._pool.statement("notifications", "enqueue"),
            key=key,
            kind=kind,
            about=about,
            recipients=list(recipients),
            subject=subject,
            body=body,
            link=link,
            now=self._pool.now(),
        )
        return bool(rows)

    async def tell_approvals(self, alone_after: timedelta, no_older: timedelta = TOLD_WITHIN) -> list[str]:
        """Keep that approvals wait which have stood alone for so long; return their keys."""
        rows = await self._pool.fetch(
            self._pool.statement("notifications", "tell_approvals"),
            alone_after=alone_after,
            no_older=no_older,
            now=self._pool.now(),
        )
        return [row["key"] for row in rows]

    async def tell_batches(self, no_older: timedelta = TOLD_WITHIN) -> list[str]:
        """Keep that closed batches wait; return their keys."""
        rows = await self._pool.fetch(
            self._pool.statement("notifications", "tell_batches"),
            no_older=no_older,
            now=self._pool.now(),
        )
        return [row["key"] for row in rows]

    async def tell_questions(self, unanswered_for: timedelta, no_older: timedelta = TOLD_WITHIN) -> list[str]:
        """Keep that questions have been open for so long; return their keys."""
        rows = await self._pool.fetch(
            self._pool.statement("notifications", "tell_questions"),
            unanswered_for=unanswered_for,
            no_older=no_older,
            now=self._pool.now(),
        )
        return [row["key"] for row in rows]

    async def drop_needless(self, no_older: timedelta) -> list[str]:
        """Mark what was decided before it left; return the keys."""
        rows = await self._pool.fetch(
            self._pool.statement("notifications", "drop_needless"), no_older=no_older, now=self._pool.now()
        )
        return [row["key"] for row in rows]

    async def claim(
        self,
        *,
        patience: timedelta,
        no_older: timedelta,
        kinds: Sequence[str] | None = None,
        count: int = 20,
    ) -> list[NotificationRow]:
        """Take what is due, of these kinds only; nobody else takes it within `patience`, and after that anybody does."""
        rows = await self._pool.fetch(
            self._pool.statement("notifications", "claim"),
            patience=patience,
            no_older=no_older,
            kinds=None if kinds is None else list(kinds),
            count=count,
            now=self._pool.now(),
        )
        return [NotificationRow(**row) for row in rows]

    async def conclude(self, conclusions: Sequence[Conclusion]) -> list[str]:
        """Write what became of attempts; what another sender has concluded meanwhile stays as it is."""
        rows = await self._pool.fetch(
            self._pool.statement("notifications", "conclude"),
            keys=[one.key for one in conclusions],
            states=[one.state for one in conclusions],
            channels=[" ".join(one.channels) for one in conclusions],
            errors=[one.error for one in conclusions],
            pauses=[one.pause for one in conclusions],
            now=self._pool.now(),
        )
        return [row["key"] for row in rows]

    async def prune(self) -> int:
        """Delete what is older than `KEPT`; return how much it was."""
        rows = await self._pool.fetch(
            self._pool.statement("notifications", "prune"), older=KEPT, now=self._pool.now()
        )
        return len(rows)

    async def list(self, state: str | None = None, count: int = 1000) -> Sequence[NotificationRow]:
        """Return what was to be told, newest first; all of it, or what is in one state."""
        rows = await self._pool.fetch(self._pool.statement("notifications", "list"), state=state, count=count)
        return [NotificationRow(**row) for row in rows]

    async def read_standing(self, late: timedelta) -> Standing:
        """Return how the outbox stands; what is younger than `late` is not missed yet."""
        rows = await self._pool.fetch(
            self._pool.statement("notifications", "read_standing"), late=late, now=self._pool.now()
        )
        return Standing(**rows[0])
