"""Contracts that use models, for test_usage."""

from __future__ import annotations

from actum import Budget, Owner, Spending, contract, report_usage, step


@step(spends=Spending(model_calls=1))
async def triage(ticket: str) -> str:
    report_usage(model="gpt-4o", input_tokens=1200, output_tokens=80, prompt="triage@3", cost="0.0038")
    return ticket


@step(spends=Spending(model_calls=1))
async def judge(ticket: str) -> str:
    report_usage(model="a?[31mjudge", input_tokens=10, output_tokens=1)
    return ticket


@contract(
    owner=Owner(team="support", escalation=["#support"], runbook="runbook.md"),
    budget=Budget(model_calls=2, per="day"),
)
async def sort_ticket(ticket: str) -> str:
    return await judge(await triage(ticket))
