"""What is told to Prometheus stays bounded, and its histograms add up."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

import golden

from actum import contract, report_usage, step
from actum.client.metrics import MODELS, bound_models, format_metrics, write_metrics
from actum.store.rollups import LagRow, TotalRow
from actum.testing.harness import Harness


def used(model: str, hour: int, count: int = 1) -> TotalRow:
    first_at = golden.START + timedelta(hours=hour)
    return TotalRow("tokens", "c", "s", "", "", -1, "input", model, -1, count, 0, Decimal(0), first_at)


def took(bucket: int, count: int, us: int) -> TotalRow:
    return TotalRow(
        "step_times", "c", "s", "", "", -1, "step", "", bucket, count, us, Decimal(0), golden.START
    )


def test_models_that_came_first_keep_their_names_and_all_others_are_one() -> None:
    rows = [used(f"m{number:02}", number) for number in range(MODELS)]
    late = [used("a late one", MODELS), used("a later one", MODELS + 1), used("", 0, 5), used("other", 0, 7)]
    told = {row.model: row.count for row in bound_models([*late, *rows])}
    assert {**{row.model: 1 for row in rows}, "other": 14} == told


def test_a_model_whose_name_was_told_stays_when_others_come() -> None:
    before = [used(f"m{number:02}", number) for number in range(MODELS)]
    after = bound_models([used("aaa", MODELS), *before, used("m00", 0, 9)])
    assert {row.model for row in before} | {"other"} == {row.model for row in after}
    assert 10 == next(row.count for row in after if row.model == "m00")


@step
async def ask(models: list[str]) -> None:
    for model in models:
        report_usage(model=model, input_tokens=1)


@contract
async def asks(models: list[str]) -> None:
    await ask(models)


async def test_a_model_that_was_told_keeps_its_name_when_others_come_within_the_same_hour(
    actum: Harness,
) -> None:
    async def told() -> set[str]:
        await golden.catch_up(actum.store)
        text = await write_metrics(actum.store)
        return set(re.findall(r'actum_tokens_total{.*model="([^"]+)"', text))

    worker = await actum.worker([asks])
    names = [f"m{number:02}" for number in range(MODELS)]
    for first in range(0, MODELS, 10):
        await (await actum.start(asks(names[first : first + 10]))).result(10)
    assert set(names) == await told()
    await (await actum.start(asks(["aaa"]))).result(10)
    await worker.stop()
    assert {*names, "other"} == await told()


def test_a_bucket_holds_all_that_took_no_longer_and_the_last_one_everything() -> None:
    text = format_metrics(
        [took(0, 2, 9_000), took(4, 3, 2_400_000), took(16, 1, 700_000_000_000)], LagRow(0, 0.0)
    )
    told = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("actum_step"))
    labels = 'contract="c",step="s",kind="step"'
    buckets = {
        one.removeprefix(f'actum_step_times_seconds_bucket{{{labels},le="').removesuffix('"}'): told[one]
        for one in told
        if "_bucket" in one
    }
    assert ["2", "2", "2", "2", "5"] == [buckets[bound] for bound in ("0.01", "0.05", "0.1", "0.5", "1")]
    assert ("5", "6") == (buckets["604800"], buckets["+Inf"])
    assert "6" == told[f"actum_step_times_seconds_count{{{labels}}}"]
    assert "700002.409000" == told[f"actum_step_times_seconds_sum{{{labels}}}"]
