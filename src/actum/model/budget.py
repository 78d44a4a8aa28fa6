"""What a contract may use, and what a step says ahead that it will."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, TypeAlias

from actum.errors import InvalidContract
from actum.model.contract import Duration, parse_duration

Amount: TypeAlias = Decimal | float | str
"""Money, in the currency of `report_usage(cost=…)`; US dollars where costs are looked up."""
Per: TypeAlias = Literal["workflow", "day"]
Over: TypeAlias = Literal["hold", "tier_2", "fail"]


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be used, for each workflow or each day (UTC) of the contract, or of a team that shares the budget.

    `tokens` are those told to models and those answered, `wall_time` the time in which attempts execute, waiting not
    included; `prompts` are the times that people are asked: an approval that stands alone, a batch, the calls of one
    request that share a card, a question. Each attempt is let in by what was used so far and what its step says ahead (`Spending`). `over` says
    what becomes of one that is not: `"hold"` parks it until there is room again, `"tier_2"` has a person approve an
    effect (a step, and a prompt, is held), `"fail"` ends it with the reason `budget.exceeded`. Raises InvalidContract.
    """

    tokens: int | None = None
    money: Amount | None = None
    model_calls: int | None = None
    tool_calls: int | None = None
    wall_time: Duration | None = None
    prompts: int | None = None
    per: Per = "workflow"
    team: str | None = None
    over: Over = "hold"

    def __post_init__(self) -> None:
        if self.per not in ("workflow", "day"):
            raise InvalidContract(f'Budget(per={self.per!r}) is none: choose "workflow" or "day"')
        if self.over not in ("hold", "tier_2", "fail"):
            raise InvalidContract(f'Budget(over={self.over!r}) is none: choose "hold", "tier_2" or "fail"')
        if self.team is not None and (not self.team.strip() or self.per != "day"):
            raise InvalidContract('a team\'s budget is for a day: Budget(…, team="platform", per="day")')
        limits = self.limits
        if not limits:
            raise InvalidContract(
                "a budget limits something: Budget(tokens=200_000), or money, model_calls, …"
            )
        for name, limit in limits.items():
            if limit <= 0:
                raise InvalidContract(
                    f"Budget({name}={getattr(self, name)!r}) lets nothing in: give more than 0"
                )

    @property
    def limits(self) -> dict[str, Decimal]:
        """The limits by unit; `wall_time` in seconds."""
        limits = _amounts("Budget", self, ("tokens", "money", "model_calls", "tool_calls", "prompts"))
        if self.wall_time is not None:
            limits["wall_time"] = Decimal(str(parse_duration(self.wall_time).total_seconds()))
        return limits

    def as_data(self) -> dict[str, Any]:
        """Return the budget as JSON values; amounts are decimal numbers as text."""
        return {"limits": as_texts(self.limits), "per": self.per, "team": self.team, "over": self.over}


@dataclass(frozen=True, slots=True)
class Spending:
    """What one attempt of a step will use at most, as far as its author knows; reserved before it begins.

    What is said ahead is exact however many workers race for the last of it. What the attempt then reports takes its
    place. `Spending()` says that nothing is used: such a step is let in when a budget is used up.
    """

    tokens: int = 0
    money: Amount = 0
    model_calls: int = 0
    tool_calls: int = 0

    def __post_init__(self) -> None:
        for name, amount in self.amounts.items():
            if amount < 0:
                raise InvalidContract(f"Spending({name}={getattr(self, name)!r}) is below nothing")

    @property
    def amounts(self) -> dict[str, Decimal]:
        """The amounts by unit."""
        return _amounts("Spending", self, ("tokens", "money", "model_calls", "tool_calls"))


PROMPTS = "prompts"
"""The unit of asking people: taken before they are asked, and by no attempt."""


def describe_excess(budget: Budget, unit: str, used: Decimal | None, granted: Decimal | None) -> str:
    """Return what a person is told where a budget lets something not in: whose it is, what was used, the way out."""
    is_daily = budget.per == "day"
    whose = f"team {budget.team}" if budget.team else "this contract" if is_daily else "this workflow"
    when = " today" if is_daily else ""
    later = ", or wait for the next day (UTC)" if is_daily else ""
    what = "nobody is asked" if unit == PROMPTS else "this attempt does not fit"
    return (
        f"{whose} has used {used or 0:f} of {granted or 0:f} {unit}{when}, and {what} any more: "
        f"raise Budget({unit}=…){later}"
    )


def find_excess(spending: Spending, budgets: Sequence[Budget]) -> str | None:
    """Return the unit of which one attempt says it uses more than a whole budget, if there is one: it never begins."""
    amounts = spending.amounts
    units = (
        unit for budget in budgets for unit, limit in budget.limits.items() if amounts.get(unit, 0) > limit
    )
    return next(units, None)


def as_texts(amounts: Mapping[str, Decimal]) -> dict[str, str]:
    """Return amounts as decimal numbers in text, without those of zero."""
    return {name: f"{amount:f}" for name, amount in amounts.items() if amount}


def _amounts(word: str, holder: object, names: tuple[str, ...]) -> dict[str, Decimal]:
    amounts = {}
    for name in names:
        value = getattr(holder, name)
        if value is None:
            continue
        is_count = isinstance(value, int) and not isinstance(value, bool)
        try:
            amount = Decimal(str(value)) if is_count or name == "money" else Decimal("nan")
        except InvalidOperation:
            amount = Decimal("nan")
        if isinstance(value, bool) or not amount.is_finite():
            what = "an amount" if name == "money" else "a whole number"
            raise InvalidContract(f"{word}({name}={value!r:.80}) is none: give {what}")
        amounts[name] = amount
    return amounts
