"""HTTP effects inside workflows: approved, cut off, brought out of doubt, rolled back; each thing made once."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from patience import until
from pydantic import JsonValue
from service_remote import Remote

from actum import (
    Happened,
    NotHappened,
    Retry,
    RollBack,
    StepFailed,
    Unknown,
    WorkflowFailed,
    contract,
)
from actum.authoring.contract import Contract
from actum.authoring.effect import Effect
from actum.client.handle import Handle
from actum.effects.http import Answer, Declined, Service, quoted_key
from actum.testing.harness import Harness


@dataclass
class Desk:
    """A service's effect, and contracts that use it."""

    make: Effect[[str, JsonValue], Answer]
    order: Contract[[str], str]
    regret: Contract[[str], str]


def desk(remote: Remote, *, is_probed: bool = True, place: str = "/things", **options: bool) -> Desk:
    service = Service(remote.url, **options)
    make = service.effect("thing.make", "POST", retry=Retry(attempts=3, first="1ms", never=(Declined,)))

    if is_probed:

        @make.probe
        async def _(path: str, body: JsonValue) -> Happened[Answer] | NotHappened | Unknown:
            return await service.look(f"/things/by-key/{quoted_key()}")

    @make.undo
    async def _(answer: Answer, path: str, body: JsonValue) -> None:
        await service.remove(answer.location or "")

    @contract(on_failure="hold", steps=[make])
    async def order(name: str) -> str:
        try:
            answer = await make(place, {"name": name})
        except StepFailed as failure:
            return f"{failure.reason}: {failure.message}"
        return answer.location or "no place"

    @contract(on_failure="rollback", steps=[make])
    async def regret(name: str) -> str:
        await make(place, {"name": name})
        raise RollBack("not wanted any more")

    return Desk(make, order, regret)


async def begun(actum: Harness, remote: Remote, handle: Handle[str], count: int = 1) -> None:
    """Approve, and wait until the service has acted `count` times in all."""
    await actum.approve(handle)

    async def has_acted() -> bool:
        return await remote.acts() >= count

    await until(has_acted, f"{count} acts of the service")


async def test_an_approved_request_is_sent_once_and_its_card_shows_it(actum: Harness, remote: Remote) -> None:
    one = desk(remote)
    await actum.worker([one.order])
    handle = await actum.start(one.order("a"))
    await actum.run_until_idle()
    (approval,), _ = await actum.inbox()
    assert f"Send 1 POST request with 12 bytes of JSON to {remote.url}/things" in (approval.preview or "")
    assert [] == await remote.keys()
    await actum.approve(handle)
    assert "/things/1" == await handle.result(10)
    assert [f"{handle.workflow_id}/1"] == await remote.keys()


async def test_a_refusal_for_now_is_tried_again_and_a_plain_one_is_not(
    actum: Harness, remote: Remote
) -> None:
    one = desk(remote)
    await actum.worker([one.order])
    patient, declined = await actum.start(one.order("a")), await actum.start(one.order("b"))
    await remote.plan("429", "429")
    await actum.approve(patient)
    assert "/things/1" == await patient.result(10)
    assert 3 == len(await remote.keys())
    await remote.plan("403", text="not you")
    await actum.approve(declined)
    assert (await declined.result(10)).startswith("permission: POST ")
    assert 4 == len(await remote.keys())
    states = [one.state for one in await actum.store.effects.list_of(declined.workflow_id)]
    assert ["failed"] == states


async def test_a_service_that_names_a_pause_is_left_alone_for_that_long(
    actum: Harness, remote: Remote
) -> None:
    one = desk(remote)
    await actum.worker([one.order])
    handle = await actum.start(one.order("a"))
    await remote.plan("429", pause="300")
    await actum.approve(handle)
    await actum.run_until_idle()
    actum.clock.advance("295s")
    await actum.run_until_idle()
    assert 1 == len(await remote.keys())
    actum.clock.advance("10s")
    assert "/things/1" == await handle.result(10)
    assert 2 == len(await remote.keys())


async def test_a_dropped_answer_is_found_by_the_probe(actum: Harness, remote: Remote) -> None:
    one = desk(remote)
    await actum.worker([one.order])
    handle = await actum.start(one.order("a"))
    await remote.plan("drop")
    await actum.approve(handle)
    assert "/things/1" == await handle.result(10)
    assert (1, 1) == (await remote.acts(), len(await remote.keys()))
    assert ["effect.started", "effect.doubted", "effect.settled"] == [
        kind for kind in await actum.kinds(handle) if kind.startswith("effect.")
    ]


async def test_what_was_undone_and_is_made_anew_is_found_under_its_later_key(
    actum: Harness, remote: Remote
) -> None:
    one = desk(remote)
    one.make.key(lambda path, body: "thing/größe 4")
    await actum.worker([one.order, one.regret])
    undone = await actum.start(one.regret("a"))
    await actum.approve(undone)
    with pytest.raises(WorkflowFailed):
        await undone.result(10)
    handle = await actum.start(one.order("a"))
    await remote.plan("drop")
    await actum.approve(handle)
    assert "/things/3" == await handle.result(10)
    seen = (await remote.world())["seen"]
    first = "thing/gr%C3%B6%C3%9Fe%204"
    assert [
        ("POST", first),
        ("DELETE", f"{first}/undo"),
        ("POST", f"{first}#2"),
    ] == [(request["method"], request["key"]) for request in seen]


async def test_an_answer_that_says_nothing_is_tried_again_once_the_probe_found_nothing(
    actum: Harness, remote: Remote
) -> None:
    one = desk(remote)
    await actum.worker([one.order])
    handle = await actum.start(one.order("a"))
    await remote.plan("503")
    await actum.approve(handle)
    await actum.run_until_idle()
    actum.clock.advance("61s")  # a no is believed once the request can no longer be under way
    assert "/things/1" == await handle.result(10)
    keys = await remote.keys()
    assert (2, 1) == (len(keys), len(set(keys)))
    assert 1 == await remote.acts()


async def test_a_service_that_honours_keys_is_asked_again_and_acts_once(
    actum: Harness, remote: Remote
) -> None:
    one = desk(remote, is_probed=False, place="/keyed/things", honours_keys=True)
    await actum.worker([one.order])
    handle = await actum.start(one.order("a"))
    await remote.plan("drop", "409")
    await actum.approve(handle)
    assert "/things/1" == await handle.result(10)
    keys = await remote.keys()
    assert (3, 1) == (len(keys), len(set(keys)))
    assert 1 == await remote.acts()


async def test_a_refusal_of_the_repeat_does_not_prove_that_the_first_request_was_not_carried_out(
    actum: Harness, remote: Remote
) -> None:
    one = desk(remote, is_probed=False, place="/keyed/things", honours_keys=True)
    await actum.worker([one.order])
    handle = await actum.start(one.order("a"))
    await remote.plan("drop", "403", "429")
    await actum.approve(handle)

    async def is_blocked() -> bool:
        return (await handle.row()).cause == "in_doubt"

    await until(is_blocked, "a person is asked")
    assert (3, 1) == (len(await remote.keys()), await remote.acts())
    assert ["in_doubt"] == [one.state for one in await actum.store.effects.list_of(handle.workflow_id)]
    await handle.settle("1", "happened", result={"status": 201, "location": "/things/1"})
    assert "/things/1" == await handle.result(10)


async def test_without_key_or_probe_a_person_is_asked_and_nothing_is_sent_twice(
    actum: Harness, remote: Remote
) -> None:
    one = desk(remote, is_probed=False)
    await actum.worker([one.order])
    handle = await actum.start(one.order("a"))
    await remote.plan("drop")
    await actum.approve(handle)
    await actum.run_until_idle()
    row = await handle.row()
    assert ("blocked", "in_doubt") == (row.status, row.cause)
    found = (await remote.world())["things"][0]
    await handle.settle("1", "happened", result={"status": 201, "location": f"/things/{found['id']}"})
    assert "/things/1" == await handle.result(10)
    assert 1 == await remote.acts()


async def test_a_worker_lost_after_the_service_acted_sends_nothing_twice(
    actum: Harness, remote: Remote
) -> None:
    one = desk(remote)
    worker = await actum.worker([one.order])
    handle = await actum.start(one.order("a"))
    await remote.plan("hang")
    await begun(actum, remote, handle)
    await worker.stop(grace=0)
    await actum.worker([one.order])
    assert "/things/1" == await handle.result(10)
    assert (1, 1) == (await remote.acts(), len(await remote.keys()))


async def test_a_rollback_removes_what_was_made(actum: Harness, remote: Remote) -> None:
    one = desk(remote)
    await actum.worker([one.regret])
    handle = await actum.start(one.regret("a"))
    await actum.approve(handle)
    with pytest.raises(WorkflowFailed) as caught:
        await handle.result(10)
    assert "rolled_back" == caught.value.status
    assert [] == (await remote.world())["things"]
    make, remove = (await remote.world())["seen"]
    assert ("DELETE", "/things/1", make["key"] + "/undo") == (remove["method"], remove["path"], remove["key"])


@pytest.mark.parametrize(("how", "requests"), [("drop", 2), ("503", 3)])
async def test_an_undo_whose_answer_is_lost_is_settled_by_looking_for_what_was_made(
    actum: Harness, remote: Remote, how: str, requests: int
) -> None:
    one = desk(remote)
    await actum.worker([one.regret])
    handle = await actum.start(one.regret("a"))
    await remote.plan("ok", how)
    await actum.approve(handle)
    await actum.run_until_idle()
    actum.clock.advance("61s")  # a no is believed once the request can no longer be under way
    with pytest.raises(WorkflowFailed) as caught:
        await handle.result(10)
    assert "rolled_back" == caught.value.status
    assert [] == (await remote.world())["things"]
    assert requests == len(await remote.keys())
    states = {one.kind: one.state for one in await actum.store.effects.list_of(handle.workflow_id)}
    assert {"thing.make": "undone", "thing.make.undo": "succeeded"} == states


async def test_an_address_that_leads_out_of_the_service_stops_before_anybody_is_asked(
    actum: Harness, remote: Remote
) -> None:
    one = desk(remote, place="//other.example/things")
    await actum.worker([one.order])
    await actum.start(one.order("a"))
    await actum.run_until_idle()
    assert ([], []) == tuple(map(list, await actum.inbox()))
    assert [] == await remote.keys()
