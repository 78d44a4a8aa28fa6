"""Prompts under a budget: before people are asked, one prompt is taken, in a short transaction of its own.

It stays reserved until it is known what the asking came to: alone or opening a batch it costs one, joining a batch or
covered by a grant none; the statements that place an approval settle that. If the process dies before anybody was
asked, the next holder gives the prompt back. A contract without a budget of prompts has none of this.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from actum.model.budget import PROMPTS, Budget, Over, as_texts, describe_excess
from actum.model.ids import short

if TYPE_CHECKING:
    from actum.engine.budgeting import Budgeting
    from actum.engine.runner import Runner

logger = logging.getLogger("actum.budgets")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an approval would belong that is asked for now: the batch of a rule and key, or under one of the grants."""

    rule: str | None = None
    key: str | None = None
    policy_hash: bytes | None = None
    grants: Sequence[UUID] = ()
    is_shared: bool = False
    """Whether it shares a card, and so its prompt, with the other calls of one request."""

    @property
    def is_alone(self) -> bool:
        """Whether it stands alone before a person, whatever happens."""
        return self.key is None and not self.grants


ALONE = Place()


class Prompting:
    """The budgets of prompts that one held workflow is under."""

    def __init__(self, runner: Runner, budgets: Sequence[Budget], budgeting: Budgeting) -> None:
        self._runner = runner
        self._budgets = budgets
        self._budgeting = budgeting

    def pay(
        self,
        name: str,
        place: Place,
        answered: Callable[[], None],
        ask: Callable[[], bool],
        over: Callable[[Over, str], None],
    ) -> None:
        """Take a prompt, then call `ask`, or `over` where none is left; the caller is active until `answered` is called.

        In a pause `answered` comes at once and the other after it: until then only a person moves the workflow, which is
        parked. `ask` returns whether people are asked indeed: if not, the prompt is given back.
        """
        self._runner.spawn(lambda: self._pay(name, place, answered, ask, over), "take a prompt")

    async def _pay(
        self,
        name: str,
        place: Place,
        answered: Callable[[], None],
        ask: Callable[[], bool],
        over: Callable[[Over, str], None],
    ) -> None:
        runner = self._runner
        await self._budgeting.settle_left()
        answer = await runner.store.budgets.reserve_prompt(
            runner.workflow_id,
            name,
            runner.epoch,
            budgets=[self._as_data(budget) for budget in self._budgets],
            rule=place.rule,
            key=place.key,
            policy_hash=place.policy_hash,
            grants=place.grants,
        )
        answered()
        if answer.answer != "spent":
            runner.when_going(lambda: self._ask(name, place, ask))
        else:
            budget = self._budgets[(answer.ordinal or 1) - 1]
            why = describe_excess(budget, PROMPTS, answer.used, answer.granted)
            logger.info("%s asks nobody: %s", short(runner.workflow_id), why)
            runner.when_going(lambda: over(budget.over, why))
        runner.consider()

    def _ask(self, name: str, place: Place, ask: Callable[[], bool]) -> None:
        runner = self._runner
        if runner.is_over or not ask():
            if (
                not place.is_shared
            ):  # else others may have been asked for it; what is left is settled by the next holder
                self._budgeting.settle(f"prompt/{name}", 0, "released", None)
        elif place.is_alone:
            runner.when_durable(
                lambda: self._budgeting.settle(f"prompt/{name}", 0, "charged", {PROMPTS: "1"})
            )

    def _as_data(self, budget: Budget) -> dict[str, Any]:
        return data_of(self._runner, budget) | {"limits": as_texts({PROMPTS: budget.limits[PROMPTS]})}


def data_of(runner: Runner, budget: Budget) -> dict[str, Any]:
    """Return which budget one is, as the database knows it; its limits are still to be added."""
    row = runner.row
    if budget.per == "workflow":
        scope, subject = "workflow", str(row.id)
    elif budget.team is not None:
        scope, subject = "team", budget.team
    else:
        scope, subject = "contract", row.contract
    return {"scope": scope, "subject": subject, "per": budget.per}
