"""How long it took and what it cost: completed workflows, successful attempts and usage; nothing is written."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeAlias

from actum.store.pool import Pool
from actum.store.quality import Span, as_values

By: TypeAlias = Literal["contract", "prompt"]


@dataclass(frozen=True, slots=True)
class CompletionRow:
    """Completed workflows of one contract, or one prompt version (None for none); times in microseconds."""

    name: str | None
    count: int
    median: int
    ninety_fifth: int
    people_median: int
    people_ninety_fifth: int


@dataclass(frozen=True, slots=True)
class StepRow:
    """Successful attempts of one step; `us` is their machine time in all, every time in microseconds."""

    name: str | None
    step: str | None
    count: int
    us: int
    median: int
    ninety_fifth: int


@dataclass(frozen=True, slots=True)
class SpentRow:
    """What attempts of one contract or prompt version used; `unpriced` calls are not in `cost`, None is not known."""

    name: str | None
    input_tokens: int
    output_tokens: int
    model_calls: int
    tool_calls: int
    unpriced: int
    cost: Decimal | None


class Latency:
    """The times and the usage of one database. Each method is the statement of its name; spans are to the instant."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def completions(self, span: Span, by: By) -> list[CompletionRow]:
        """Return how long completed workflows took, by contract or prompt version, the most frequent first."""
        statement = self._pool.statement("latency", "completions")
        return [CompletionRow(**row) for row in await self._pool.fetch(statement, by=by, **as_values(span))]

    async def steps(self, span: Span, by: By) -> list[StepRow]:
        """Return how long successful attempts took, by contract or prompt version and step."""
        statement = self._pool.statement("latency", "steps")
        return [StepRow(**row) for row in await self._pool.fetch(statement, by=by, **as_values(span))]

    async def usage(self, span: Span, by: By) -> list[SpentRow]:
        """Return what attempts used, by contract or prompt version, the dearest first."""
        statement = self._pool.statement("latency", "usage")
        return [SpentRow(**row) for row in await self._pool.fetch(statement, by=by, **as_values(span))]
