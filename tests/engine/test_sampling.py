"""Samples of outputs: the same ones at every look, due until somebody has spoken, overdue told once a day."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from notified import receiving

from actum import Owner, Sample, contract
from actum.authoring.registration import register
from actum.cli.quality_report import tell_family
from actum.client.quality import read_report
from actum.client.readiness import read_readiness
from actum.engine.notifier import Notifier
from actum.engine.watching import Watcher
from actum.errors import InvalidContract
from actum.model.contract import parse_duration
from actum.model.quality import Family
from actum.model.sample import HORIZON
from actum.store.notifications import NotificationRow
from actum.store.store import Store
from actum.testing.harness import Harness

OWNER = Owner("platform", escalation=["#oncall"], runbook="runbook.md")


@contract(owner=OWNER, verdicts=Sample("30%", within="2d"))
async def draft(number: int) -> int:
    return number


@contract(name="draft", owner=OWNER, verdicts=Sample(1))
async def later(number: int) -> int:
    return number


@contract(owner=OWNER, verdicts=Sample("100%"))
async def fails(number: int) -> int:
    raise ValueError(number)


@contract(owner=OWNER)
async def plain(number: int) -> int:
    return number


def is_chosen(workflow_id: UUID, share: float) -> bool:
    """Whether a workflow is in a sample, computed a second time, from the rule as it is written down."""
    return int.from_bytes(sha256(workflow_id.bytes).digest()[:4], "big") < share * 2**32


async def drafted(actum: Harness) -> list[UUID]:
    """Have outputs made until three are in the sample and three are not, and return those that are."""
    worker = await actum.worker([draft, fails, plain])
    chosen: list[UUID] = []
    others = 0
    while len(chosen) < 3 or others < 3:
        one = (await actum.start(draft(len(chosen)))).workflow_id
        if is_chosen(one, 0.3):
            chosen.append(one)
        else:
            others += 1
    await actum.start(fails(1))
    await actum.start(plain(1))
    await actum.run_until_idle()
    await worker.stop()
    return sorted(chosen)


async def due(actum: Harness, **options: Any) -> list[UUID]:
    return sorted(row.workflow_id for row in await actum.reviewer.verdicts.due(**options))


async def told(actum: Harness) -> list[NotificationRow]:
    await Watcher(actum.store, "worker:test").watch_once()
    rows = [one for one in await actum.store.notifications.list() if one.kind == "verdicts"]
    return sorted(rows, key=lambda row: row.key)


async def test_the_outputs_chosen_follow_from_ids_alone_and_wait_until_a_person_or_later_work_has_spoken(
    actum: Harness,
) -> None:
    chosen = await drafted(actum)
    assert chosen == await due(actum) == await due(actum, contract="draft", team="platform")
    assert [] == await due(actum, contract="plain") == await due(actum, team="other")
    first, second, *rest = chosen
    await actum.reviewer.verdicts.give(first, "usable", "it reads well", by="judge")
    assert chosen == await due(actum), "a model's word is none"
    await actum.reviewer.verdicts.give(first, "usable", "it was used")
    await actum.reviewer.verdicts.give(second, "unusable", "it was sent back", by="downstream")
    assert rest == await due(actum)
    now = await actum.store.read_clock()
    counted = await actum.reviewer.verdicts.sample(now - HORIZON, contract="draft")
    assert (len(chosen), 2, 0) == (counted.sampled, counted.judged, counted.overdue)


async def test_a_sample_is_as_large_as_it_says_and_a_smaller_one_is_a_part_of_it(actum: Harness) -> None:
    count = """
        select count(*) filter (where actum.is_sampled(r.id, 0.3)) as some,
               count(*) filter (where actum.is_sampled(r.id, 0.1) and not actum.is_sampled(r.id, 0.3)) as outside,
               bool_and(actum.is_sampled(r.id, 1)) as all
          from (select gen_random_uuid() as id from generate_series(1, 10000)) r
    """
    async with actum.store.pool.connection() as connection:
        row = await connection.fetchrow(count)
    assert (True, 0, True) == (2_600 < row["some"] < 3_400, row["outside"], row["all"])


async def test_a_contract_that_wants_more_chooses_for_what_starts_then_and_not_for_what_was(
    actum: Harness,
) -> None:
    chosen = await drafted(actum)
    await actum.worker([later])
    handle = await actum.start(later(7))
    await handle.result(10)
    assert register(later).document_hash != register(draft).document_hash
    assert sorted([*chosen, handle.workflow_id]) == await due(actum)
    actum.clock.advance(HORIZON)
    assert [] == await due(actum), "nobody remembers what it was for"


async def test_what_waits_longer_than_it_may_is_one_thing_to_tell_for_each_contract_and_day(
    actum: Harness,
) -> None:
    chosen = await drafted(actum)
    actum.clock.advance("1d")
    assert [] == await told(actum)
    actum.clock.advance("25h")
    (first,) = await told(actum)
    assert (["team:platform"], f"draft: {len(chosen)} outputs have waited longer for a verdict than they may") == (
        first.recipients,
        first.subject,
    )  # fmt: skip
    assert first.body.endswith("actum verdict --due --contract draft")
    assert 1 == len(await told(actum))
    for one in chosen[1:]:
        await actum.reviewer.verdicts.give(one, "usable", "it was used")
    actum.clock.advance("1d")
    _, second = await told(actum)
    assert second.subject == "draft: 1 output has waited longer for a verdict than it may"
    await actum.reviewer.verdicts.give(chosen[0], "usable", "it was used")
    actum.clock.advance("1d")
    assert 2 == len(await told(actum))


async def test_verdicts_are_asked_for_outside_the_owners_quiet_hours(actum: Harness) -> None:
    @contract(owner=Owner("night", quiet_hours="22:00-07:00"), verdicts=Sample(1, within="1h"))
    async def nightly() -> str:
        return "written"

    worker = await actum.worker([nightly])
    await (await actum.start(nightly())).result(10)
    await worker.stop()
    night = datetime.combine(actum.clock.read().date() + timedelta(days=2), time(1), UTC)
    actum.clock.advance_to(night)
    (row,) = await told(actum)
    async with receiving() as receiver:
        notifier = Notifier(actum.store, [receiver.channel()])
        await notifier.notify_once()
        assert [] == receiver.keys
        actum.clock.advance_to(night + timedelta(hours=6, seconds=1))
        await notifier.notify_once()
        assert [row.key] == receiver.keys


async def test_silence_is_a_gap_of_readiness_once_it_is_overdue_and_never_counts_as_good(
    actum: Harness, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = await drafted(actum)
    await actum.reviewer.verdicts.give(chosen[0], "usable", "it was used")

    async def walk() -> tuple[bool | None, str]:
        readiness = await read_readiness(actum.store, "draft", length=parse_duration("30d"))
        (check,) = [one for one in readiness.checks if one.asks == "the sample is judged in time"]
        return check.holds, check.found

    rest = len(chosen) - 1
    assert (True, f"1 of {len(chosen)} judged, {rest} not judged") == await walk()
    actum.clock.advance("3d")
    now = await actum.store.read_clock()
    report = await read_report(actum.store, [Family.OUTPUTS], since=now - HORIZON, contract="draft")
    assert {"sampled": len(chosen), "judged": 1, "not_judged": rest, "overdue": rest} == report.as_data()[
        "sample"
    ]
    for span, workflows, sampled in ((HORIZON, chosen[:1], 1), (timedelta(days=1), None, None)):
        some = await read_report(actum.store, [Family.OUTPUTS], since=now - span, workflows=workflows)
        assert sampled == (some.sample and some.sample.sampled), "of what was asked about, and no more"
    tell_family(report, Family.OUTPUTS)
    said = " ".join(capsys.readouterr().out.split())
    assert (
        f"1 of {len(chosen)} judged, {rest} not judged, {rest} of them overdue (`actum verdict --due`)"
        in said
    )
    assert (False, f"1 of {len(chosen)} judged, {rest} not judged, {rest} of them overdue") == await walk()
    for one in chosen[1:]:
        await actum.reviewer.verdicts.give(one, "unusable", "nobody could read it")
    assert (True, f"{len(chosen)} of {len(chosen)} judged, 0 not judged") == await walk()


async def test_a_worker_tells_and_a_reader_lists_with_the_rights_of_their_roles_alone(actum: Harness) -> None:
    chosen = await drafted(actum)
    actum.clock.advance("3d")
    for role in ("actum_worker", "actum_console", "actum_reader"):
        address = f"{actum.dsn}{'&' if '?' in actum.dsn else '?'}role={role}"
        store = await Store.open(address, size=1, now=actum.clock.now)
        try:
            assert chosen == sorted(row.workflow_id for row in await store.verdicts.list_due())
            if role == "actum_worker":
                assert 1 == len(await store.verdicts.tell_overdue())
        finally:
            await store.close()


@pytest.mark.parametrize(
    ("share", "within"),
    [
        ("10", "7d"),
        ("0%", "7d"),
        ("101%", "7d"),
        (0, "7d"),
        (1.1, "7d"),
        (True, "7d"),
        ("x%", "7d"),
        ("5%", "90d"),
    ],
)
def test_a_sample_that_cannot_be_meant_is_refused(share: Any, within: str) -> None:
    with pytest.raises(InvalidContract, match="Sample"):
        Sample(share, within)


def test_a_sample_is_a_part_of_the_contracts_document_and_of_its_hash() -> None:
    assert {"share": 0.3, "within": 172800.0} == draft.document()["verdicts"]
    assert Sample("12.5%").fraction == Sample(0.125).fraction
    hashes = {Sample("30%"): draft.document_hash, Sample(1): later.document_hash, None: plain.document_hash}
    assert 3 == len(set(hashes.values()))
    assert draft.shape_hash == later.shape_hash, "a history does not depend on it"
    with pytest.raises(InvalidContract, match="write Sample"):
        contract(verdicts="10%")(plain.function)  # type: ignore[arg-type]
