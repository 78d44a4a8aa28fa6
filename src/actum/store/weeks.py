"""Partitions by week: events and snapshots lie in the week of their workflow's birth, made some weeks ahead."""

from __future__ import annotations

from actum.store.pool import Pool


async def make_weeks(pool: Pool) -> int:
    """Make the partitions of this week and the next four where they are missing; return how many were."""
    rows = await pool.fetch(pool.statement("database", "make_weeks"), now=pool.now())
    return int(rows[0]["made"])
