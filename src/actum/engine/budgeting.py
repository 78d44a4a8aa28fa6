"""Budgets of one held workflow: each attempt is let in before it begins, and settled when it has ended.

What an attempt will use is reserved in a short transaction of its own, before a step begins and before an effect's
intent. If the process dies after it, the next holder ends what is left: a use is released where an effect has no
durable intent, and charged as reserved everywhere else, because it may have begun. A contract without budgets has none
of this and pays nothing for it. Undos and probes are never held up by a budget.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from actum.engine.prompting import Prompting, data_of
from actum.errors import DatabaseUnavailable
from actum.model.budget import PROMPTS, Budget, as_texts, describe_excess
from actum.model.ids import short
from actum.model.usage import Usage

if TYPE_CHECKING:
    from actum.engine.runner import Runner
    from actum.engine.steps import StepExecution

logger = logging.getLogger("actum.budgets")

LOOK_AGAIN = 60_000_000
"""Microseconds between two looks of a held attempt at its budget."""
UNPRICED = "unpriced"
"""The unit of model calls whose cost nobody knows: under a budget of money, one of them is one too many."""


class Budgeting:
    """The budgets that the attempts of one held workflow are under."""

    def __init__(self, runner: Runner, budgets: Sequence[Budget]) -> None:
        self._runner = runner
        self._budgets = budgets
        self._data = [_without_prompts(self._as_data(budget)) for budget in budgets]
        counted = [budget for budget in budgets if PROMPTS in budget.limits]
        self.prompting = Prompting(runner, counted, self) if counted else None
        self._taken: dict[str, dict[int, dict[str, Decimal]]] = {}
        self._settling: set[asyncio.Future[None]] = set()
        self._has_left = runner.epoch > 1
        if self._has_left:
            runner.spawn(self.settle_left, "settle the budgets of earlier holders")

    @classmethod
    def of(cls, runner: Runner) -> Budgeting | None:
        """Return the budgets of a runner's contract, None where it has none."""
        budgets = runner.contract.budgets
        return cls(runner, budgets) if budgets else None

    def is_let_in(self, execution: StepExecution, attempt: int, then: Callable[[], None]) -> bool:
        """Return whether an attempt may begin; where it is not known yet, ask, and call `then` once it is let in."""
        spends = execution.step.spends
        amounts = spends.amounts if spends is not None else {}
        if attempt in self._taken.get(execution.address, {}) or (
            spends is not None and not any(amounts.values())
        ):
            return True
        execution.is_active = True
        self._runner.spawn(
            lambda: self._reserve(execution, attempt, amounts, then), f"reserve for {execution.name}"
        )
        return False

    def release(self, address: str) -> None:
        """Give back what was reserved for attempts of an address that do not begin."""
        for attempt in self._taken.pop(address, {}):
            self.settle(address, attempt, "released", None)

    def charge(self, address: str, attempt: int, usages: Sequence[Usage], us: int) -> None:
        """Charge what an attempt used in place of what was reserved for it; what it did not report, as reserved."""
        reserved = self._taken.get(address, {}).pop(attempt, None)
        if reserved is not None:
            amounts = {**reserved, **_amounts_of(usages), "wall_time": Decimal(max(us, 0)) / 1_000_000}
            self.settle(address, attempt, "charged", as_texts(amounts))
            self.release(address)

    async def _reserve(
        self, execution: StepExecution, attempt: int, amounts: dict[str, Decimal], then: Callable[[], None]
    ) -> None:
        runner = self._runner
        await self.settle_left()
        while self._settling:  # else what this workflow has given back by now would still count
            await asyncio.wait(self._settling)
        answer = await runner.store.budgets.reserve(
            runner.workflow_id,
            execution.address,
            attempt,
            runner.epoch,
            is_effect=execution.is_effect,
            budgets=self._data_for(execution),
            amounts=as_texts(amounts),
            is_forced=execution.progress.is_started,
        )
        execution.is_active = False
        is_here = not runner.is_over and runner.executions.get(execution.address) is execution
        if answer.answer != "spent":
            self._taken.setdefault(execution.address, {})[attempt] = amounts
            if is_here:
                runner.when_going(then)
            else:
                self.release(execution.address)
        elif is_here:
            budget = self._budgets[(answer.ordinal or 1) - 1]
            why = _describe(budget, answer.unit or "", answer.used, answer.granted)
            logger.info("%s: %s is over its budget: %s", short(runner.workflow_id), execution.name, why)
            runner.when_going(lambda: execution.over_budget(budget.over, why))
        runner.consider()

    def _data_for(self, execution: StepExecution) -> list[dict[str, Any]]:
        """Return the budgets; without the limits of those above which a person decides, where one has."""
        asked = execution.progress.asked
        if asked is None or asked.ruling != "approved" or (asked.terms or {}).get("tier", 0) < 2:
            return self._data
        pairs = zip(self._budgets, self._data, strict=True)
        return [data | {"limits": {}} if budget.over == "tier_2" else data for budget, data in pairs]

    async def settle_left(self) -> None:
        """End what earlier holders of the workflow left reserved, once."""
        if self._has_left:
            await self._runner.store.budgets.settle_left(self._runner.workflow_id, self._runner.epoch)
            self._has_left = False

    def settle(self, address: str, attempt: int, state: str, amounts: dict[str, str] | None) -> None:
        """Settle as a task of the worker's: the workflow may have ended meanwhile. One that is lost is left reserved."""
        runner, settled = self._runner, self._runner.loop.create_future()
        self._settling.add(settled)

        async def settle() -> None:
            try:
                await _patiently(
                    lambda: runner.store.budgets.settle(
                        runner.workflow_id, address, attempt, runner.epoch, state, amounts
                    )
                )
            finally:
                self._settling.discard(settled)
                settled.cancel()

        runner.worker.spawn(settle(), f"settle the budget of {short(runner.workflow_id)} {address}")

    def _as_data(self, budget: Budget) -> dict[str, Any]:
        limits = as_texts(budget.limits)
        if "money" in limits:
            limits[UNPRICED] = "0"
        return data_of(self._runner, budget) | {"limits": limits}


def _without_prompts(data: dict[str, Any]) -> dict[str, Any]:
    """Return a budget as attempts are under it: they ask nobody."""
    return data | {"limits": {unit: limit for unit, limit in data["limits"].items() if unit != PROMPTS}}


async def _patiently(work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    """Do it, again and again while the database is away."""
    pause = 0.1
    while True:
        try:
            await work()
            return
        except DatabaseUnavailable:
            await asyncio.sleep(pause)
            pause = min(pause * 2, 1.0)


def _amounts_of(usages: Sequence[Usage]) -> dict[str, Decimal]:
    """Return what was reported, by unit, without the units of which nothing was."""
    amounts: dict[str, Decimal] = {}
    for usage in usages:
        tokens = [one for one in (usage.input_tokens, usage.output_tokens) if one is not None]
        told = {
            "tokens": Decimal(sum(tokens)) if tokens else None,
            "model_calls": Decimal(usage.model_calls) if usage.model_calls else None,
            "tool_calls": Decimal(usage.tool_calls) if usage.tool_calls else None,
            "money": usage.cost,
            UNPRICED: Decimal(usage.model_calls) if usage.is_unpriced else None,
        }
        for unit, amount in told.items():
            if amount is not None:
                amounts[unit] = amounts.get(unit, Decimal(0)) + amount
    return amounts


def _describe(budget: Budget, unit: str, used: Decimal | None, granted: Decimal | None) -> str:
    if unit != UNPRICED:
        return describe_excess(budget, unit, used, granted)
    whose = (
        f"team {budget.team}" if budget.team else "this contract" if budget.per == "day" else "this workflow"
    )
    when = " today" if budget.per == "day" else ""
    return (
        f"{whose} used models whose cost is not known{when}, under a budget of money: "
        "install actum[usage], or give report_usage(cost=…)"
    )
