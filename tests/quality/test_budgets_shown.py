"""`actum usage` below its table: all budgets, whose they are, and every digit of what was used of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

import actum as a
from actum.cli.usage import tell_amounts
from actum.client.usage import read_usage
from actum.testing.harness import Harness


@pytest.mark.parametrize(
    ("used", "told"),
    [
        ('{"tokens": 1234567, "money": 12345.6789}', "12345.6789 money, 1234567 tokens"),
        ('{"money": 12345.7, "prompts": 0}', "12345.7000 money"),
        ('{"money": 0.00000012345678901234567890123456789}', "0.00000012345678901234567890123456789 money"),
        ('{"money": 100.00, "tokens": 9007199254740993}', "100 money, 9007199254740993 tokens"),
        ('{"wall_time": 7199.999999}', "7199.999999 wall_time"),
        ("{}", "-"),
    ],
)
def test_what_is_used_of_a_budget_is_told_to_the_last_digit(used: str, told: str) -> None:
    assert told == tell_amounts(used)


@a.contract(owner=a.Owner(team="shop", escalation=["#shop"], runbook="x"))
async def sell() -> None: ...


@a.contract(owner=a.Owner(team="garden", escalation=["#garden"], runbook="x"))
async def water() -> None: ...


async def test_a_team_sees_its_own_budgets_and_its_contracts_and_all_of_them(actum: Harness) -> None:
    await actum.worker([sell, water])
    days, now = 120, await actum.store.read_clock()
    async with actum.store.pool.connection() as connection:
        await connection.execute(
            "insert into actum.budgets (id, scope, subject, day, used)"
            " select gen_random_uuid(), s.scope, s.subject, $1::date - d, '{\"tokens\": 1}'"
            " from (values ('contract', 'sell'), ('contract', 'water'), ('team', 'shop'), ('team', 'garden')) s(scope, subject),"
            " generate_series(0, $2::int - 1) d",
            now.astimezone(UTC).date(),
            days,
        )

    async def subjects(since: datetime, **whose: str) -> dict[tuple[str, str], int]:
        found = (await read_usage(actum.store, "contract", since=since, **whose)).as_data()["budgets"]
        told = [(one["scope"], one["subject"]) for one in found]
        return {one: told.count(one) for one in sorted(set(told))}

    ever = now - timedelta(days=days)
    assert {
        ("contract", "sell"): days, ("contract", "water"): days, ("team", "garden"): days, ("team", "shop"): days,
    } == await subjects(ever)  # fmt: skip
    assert {("contract", "sell"): days, ("team", "shop"): days} == await subjects(ever, team="shop")
    assert {("contract", "water"): days} == await subjects(ever, contract="water")
    assert {} == await subjects(ever, contract="water", team="shop")
    assert {("contract", "sell"): 1, ("team", "shop"): 1} == await subjects(now, team="shop")
