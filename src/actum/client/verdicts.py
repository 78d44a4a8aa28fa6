"""Verdicts on outputs: whether a completed workflow's output was of use, said by a model, a person or later work."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from actum.client.arguments import check_count, check_id, check_text, check_texts
from actum.errors import InvalidInput, NotFound, NotPossible
from actum.model.ids import short
from actum.model.quality import Judge, Verdict
from actum.store.verdicts import DueRow, SampleCount, VerdictRow

if TYPE_CHECKING:
    from actum.client.client import Client


class Verdicts:
    """What a client says about outputs, and reads of what was said."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def give(
        self, workflow_id: UUID, verdict: Verdict | str, why: str, *, by: Judge | str = Judge.PERSON
    ) -> bool:
        """Say whether a completed workflow's output was usable; False where this was the last word already.

        Durable when this returns, and never edited: a later word counts instead, a judge's never instead of a person's
        or of later work's. Months may lie between output and verdict. Raises InvalidInput for another word or an empty
        reason, NotFound, and NotPossible for a workflow that has not completed.
        """
        word, judge = _one_of(Verdict, verdict, "a verdict"), _one_of(Judge, by, "who gives a verdict")
        check_id(workflow_id, "a workflow", "actum list")
        if not check_text(why, "the reason").strip():
            raise InvalidInput("a verdict says why: give the reason in a few words")
        answer, status = await self._client.store.verdicts.give(
            workflow_id, verdict=word.value, by=judge.value, actor=self._client.actor, why=why
        )
        if answer == "not_found":
            raise NotFound(f"there is no workflow {workflow_id}: `actum list` shows those there are")
        if answer == "not_completed":
            raise NotPossible(
                f"workflow {short(workflow_id)} is {status} and has no output: only completed ones are judged"
            )
        return answer == "given"

    async def list_of(self, workflow_id: UUID) -> list[VerdictRow]:
        """Return what was said about a workflow's output, in order."""
        check_id(workflow_id, "a workflow", "actum list")
        return await self._client.store.verdicts.list_of(workflow_id)

    async def due(
        self, *, contract: str | None = None, team: str | None = None, count: int = 50
    ) -> Sequence[DueRow]:
        """Return the outputs that contracts want a word on (`verdicts=Sample(…)`) and have none, the oldest first."""
        check_texts(contract=contract, team=team)
        check_count(count)
        return await self._client.store.verdicts.list_due(contract=contract, team=team, count=count)

    async def sample(self, since: datetime, *, contract: str | None = None) -> SampleCount:
        """Return how many outputs of samples completed since an instant, were judged, and wait longer than they may."""
        return await self._client.store.verdicts.count_sample(since=since, contract=contract)


def _one_of(kind: type[Verdict] | type[Judge], value: str, noun: str) -> Verdict | Judge:
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(one.value for one in kind)
        raise InvalidInput(f"{value!r} is not {noun}: it is one of {known}") from None
