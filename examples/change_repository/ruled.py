"""The example's policy, and how a database comes to rule by it."""

from __future__ import annotations

from pathlib import Path

from actum import Client
from actum.client.policies import Activation
from actum.errors import NotPossible
from actum.machine.policy import Policy, parse_policy

POLICY_FILE = Path(__file__).with_name("policy.toml")


def read_own_policy() -> Policy:
    """Return the policy of `policy.toml`."""
    return parse_policy(POLICY_FILE.read_text(encoding="utf-8"), file=POLICY_FILE.name)


async def rule_by_own_policy(client: Client) -> Activation:
    """Have effects ruled by the example's policy from now on; twice changes nothing.

    Raises NotPossible, and changes nothing, in a database that another policy rules; and as `activate` does.
    """
    active, own = await client.policies.active(), read_own_policy()
    if active is not None and active.name != own.document.name:
        raise NotPossible(
            f"this database is ruled by the policy {active.name!r}, which stays: name another database with "
            "ACTUM_DATABASE_URL, or run `actum policy activate examples/change_repository/policy.toml` if you mean it"
        )
    return await client.policies.activate(own, reason="the policy that comes with the example")
