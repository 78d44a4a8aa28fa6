"""An active policy that a worker cannot read, such as one of a newer client: effects wait, and nobody makes up a ruling."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import orjson
import pytest
from ruled import DONE, POLICY, pending, write, writes

from actum import contract, request_approval
from actum.cli.story import _wait
from actum.client.handle import Handle
from actum.testing.harness import Harness

pytestmark = pytest.mark.usefixtures("world")


@contract(on_failure="fail")
async def requests(table: str, rows: int) -> str:
    return type(await request_approval(write(table, rows))).__name__


async def activate_newer(actum: Harness) -> None:
    """Activate a policy as a newer client would, of a schema that nobody here reads."""
    body = POLICY.replace("schema = 1", "schema = 2")
    named = sha256(body.encode()).digest()
    policies = actum.store.policies
    await policies.register(hash=named, name="tests", body=body, actor="user:reviewer", activation=[])
    await policies.activate(hash=named, actor="user:reviewer", rationale="we moved on")


async def waits_for(actum: Harness, handle: Handle[Any]) -> dict[str, Any]:
    """Return what the workflow said it waits for when it was let go last."""
    parked = [one for one in await actum.events(handle) if one.kind.value == "workflow.parked"]
    (wait,) = orjson.loads(parked[-1].data or "{}")["waits"]
    return dict(wait)


@pytest.mark.parametrize("body", [writes, requests])
async def test_what_nobody_can_rule_is_not_asked_but_waits_until_it_can_be(actum: Harness, body: Any) -> None:
    await activate_newer(actum)
    await actum.worker([writes, requests])
    handle = await actum.start(body("audit_log", 1))
    assert [] == await pending(actum), "a policy that may deny it is no leave to ask anybody"
    wait = await waits_for(actum, handle)
    assert "policy" == wait["for"]
    assert "the active policy cannot be read by this worker: " in wait["why"]
    assert wait["why"] in _wait(wait, await actum.store.read_clock())
    await actum.activate(POLICY)
    actum.clock.advance("61s")
    await actum.run_until_idle()
    if body is writes:
        assert (await handle.result(10)).startswith("Denied: ")
    else:
        with pytest.raises(Exception, match="denied by policy: Nobody writes audit tables"):
            await handle.result(10)
    assert [] == DONE


async def test_an_approval_is_kept_and_not_used_while_nobody_can_rule_it_again(actum: Harness) -> None:
    await actum.activate(POLICY)
    worker = await actum.worker([writes])
    handle = await actum.start(writes("orders", 500))
    (asked,) = await pending(actum)
    await activate_newer(actum)
    await worker.policing.refresh_once()
    await actum.reviewer.approve(asked.id, "these rows")
    assert [] == await pending(actum)
    assert "policy" == (await waits_for(actum, handle))["for"]
    await actum.activate(POLICY.replace('why = "Some rows."', 'why = "Quite some rows."'))
    actum.clock.advance("61s")
    assert "500 rows of orders" == await handle.result(10)
    row = await actum.store.approvals.get(asked.id)
    assert row is not None
    assert "used" == row.state
