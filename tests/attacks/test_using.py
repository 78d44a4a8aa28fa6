"""Attacks on the use of an approval, with a real worker: taken back, other arguments, used for something else."""

from __future__ import annotations

from actum import Rejected, contract, effect, request_approval
from actum.client.handle import Handle
from actum.errors import NotApproved
from actum.store.rows import ApprovalRow
from actum.testing.harness import Harness

sent: list[str] = []


@effect("mail.send")
async def send(to: str) -> str:
    sent.append(to)
    return f"sent to {to}"


@contract(on_failure="fail")
async def sends(to: str) -> str:
    call = send(to)
    match await request_approval(call):
        case Rejected(reason=reason):
            return f"not sent: {reason}"
    try:
        return await call
    except NotApproved as refusal:
        return f"refused: {refusal}"


async def waiting(actum: Harness, to: str) -> tuple[Handle[str], ApprovalRow]:
    """Return a workflow that has asked, and its approval, while no worker can take a decision in."""
    worker = await actum.worker([sends])
    handle = await actum.start(sends(to))
    await actum.run_until_idle()
    await worker.stop()
    ((approval,), _) = await actum.inbox()
    return handle, approval


async def test_what_was_taken_back_before_its_use_is_not_done(actum: Harness) -> None:
    handle, approval = await waiting(actum, "ana")
    await actum.reviewer.approve(approval.id, "fine")
    await actum.reviewer.approvals.revoke(approval.id, "not fine at all")
    await actum.worker([sends])
    await actum.run_until_idle()
    assert "ana" not in sent
    assert [] == await actum.store.effects.list_of(handle.workflow_id)
    assert "revoked" == (await actum.store.approvals.list_of([handle.workflow_id]))[0].state


async def test_an_approval_that_ran_out_before_its_use_ends_as_expired(actum: Harness) -> None:
    handle, approval = await waiting(actum, "dan")
    await actum.reviewer.approve(approval.id, "fine")
    async with actum.store.pool.connection() as connection:
        await connection.execute("alter table actum.approvals disable trigger append_only")
        await connection.execute("update actum.approvals set expires_at = ruled_at")
        await connection.execute("alter table actum.approvals enable trigger append_only")
    await actum.worker([sends])
    await actum.run_until_idle()
    assert "dan" not in sent
    states = [one.state for one in await actum.store.approvals.list_of([handle.workflow_id])]
    assert ["expired", "pending"] == states


async def test_the_first_arguments_never_run_when_others_were_approved(actum: Harness) -> None:
    handle, approval = await waiting(actum, "bo")
    await actum.reviewer.approvals.approve(approval.id, "to Cleo instead", edited=b'{"to":"cleo"}')
    await actum.worker([sends])
    await actum.run_until_idle()
    assert "bo" not in sent
    approvals = await actum.store.approvals.list_of([handle.workflow_id])
    assert ("superseded", b'{"to":"cleo"}') == (approvals[0].state, approvals[0].edited)
    for effect_row in await actum.store.effects.list_of(handle.workflow_id):
        assert effect_row.approval_id != approval.id


async def test_an_earlier_approval_is_not_used_for_a_later_request(actum: Harness) -> None:
    _, approval = await waiting(actum, "dan")
    await actum.reviewer.approve(approval.id, "fine")
    await actum.worker([sends])
    await actum.run_until_idle()
    assert 1 == sent.count("dan")
    other = await actum.start(sends("dan"))
    await actum.run_until_idle()
    assert 1 == sent.count("dan")
    assert "waiting" == await other.status()
