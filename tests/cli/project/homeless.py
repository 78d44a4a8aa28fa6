"""Contracts that a deployed worker refuses."""

from actum import Owner, contract


@contract
async def orphan() -> int:
    return 1


@contract(owner=Owner(team="platform", escalation=["#platform"], runbook="no/such/runbook.md"))
async def lost() -> int:
    return 2
