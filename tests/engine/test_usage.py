"""Usage, as attempts report it and as it is added up."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version
from typing import Any

import orjson
import pytest

from actum import Preview, Retry, Unusable, Usable, contract, effect, report_usage, step
from actum.authoring.attempt import CURRENT_ATTEMPT, Attempt
from actum.client.handle import Handle
from actum.client.usage import read_usage
from actum.errors import ActumError, InvalidInput, NotDone, OutsideWorkflow
from actum.model.usage import MOST_ENTRIES, Usage, sum_usages
from actum.testing.harness import Harness

PRICES = f"genai-prices {version('genai-prices')}"
QUICK = Retry(attempts=3, first="1ms")


async def usages(actum: Harness, handle: Handle[Any]) -> list[tuple[str, list[dict[str, Any]] | None]]:
    """Return the kinds of the events of attempts, with what each used."""
    return [
        (event.kind.value, orjson.loads(event.data or "{}").get("usage"))
        for event in await actum.events(handle)
        if event.attempt is not None and event.kind != "effect.started"
    ]


@step(retry=QUICK)
async def think(word: str) -> str:
    report_usage(model="gpt-4o", input_tokens=1000, output_tokens=100, prompt="triage@3")
    return word


@think.verdict
async def _(answer: str, word: str) -> Usable | Unusable:
    report_usage(model="a-judge-of-ours", input_tokens=5)
    calls = CURRENT_ATTEMPT.get()
    return Usable() if calls is not None and calls.number > 1 else Unusable("try again")


@step
def in_a_thread() -> int:
    report_usage(tool_calls=2, cost="0.1")
    report_usage(tool_calls=1, cost=0.2)
    return 1


@step
async def silent() -> int:
    return 1


@effect("mail.send", retry=QUICK)
async def send() -> None:
    report_usage(model="gpt-4o", input_tokens=1000, output_tokens=100)
    attempt = CURRENT_ATTEMPT.get()
    if attempt is not None and attempt.number == 1:
        raise NotDone("not yet")


@contract(on_failure="fail")
async def work(word: str) -> str:
    await silent()
    await in_a_thread()
    answer = await think(word)
    await send()
    return answer


async def test_what_each_attempt_used_is_recorded_with_its_outcome_failed_ones_included(
    actum: Harness,
) -> None:
    await actum.worker([work])
    handle = await actum.start(work("hello"))
    await actum.approve(handle)
    assert await handle.result(10) == "hello"
    thought = [
        {
            "model": "gpt-4o",
            "prompt": "triage@3",
            "input_tokens": 1000,
            "output_tokens": 100,
            "model_calls": 1,
            "cost": "0.0035",
            "prices": PRICES,
        },
        {"model": "a-judge-of-ours", "input_tokens": 5, "model_calls": 1, "unpriced": 1},
    ]
    sent = [{name: value for name, value in thought[0].items() if name != "prompt"}]
    assert await usages(actum, handle) == [
        ("step.completed", None),
        ("step.completed", [{"tool_calls": 3, "cost": "0.3"}]),
        ("attempt.failed", thought),
        ("step.completed", thought),
        ("attempt.failed", sent),
        ("effect.succeeded", sent),
    ]


@effect("mail.preview", retry=Retry(attempts=3, first="1ms"))
async def previewed() -> None: ...


@previewed.preview
async def _() -> Preview:
    report_usage(model="gpt-4o")
    return Preview("never seen")


async def test_a_preview_does_not_ask_a_model(actum: Harness) -> None:
    @contract(on_failure="fail")
    async def ask() -> str:
        try:
            await previewed()
        except ActumError as error:
            return str(error)
        return "it was asked"

    await actum.worker([ask])
    assert "come from code" in await (await actum.start(ask())).result(10)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"input_tokens": -1}, "input_tokens=-1"),
        ({"input_tokens": True}, "input_tokens=True"),
        ({"output_tokens": 1.5}, "output_tokens=1.5"),
        ({"cost": "dear"}, "cost='dear'"),
        ({"cost": float("nan")}, "cost=nan"),
        ({"model": ""}, "model=''"),
        ({"prompt": "a\x00b"}, "prompt="),
    ],
)
def test_a_report_that_cannot_be_meant_is_refused(values: dict[str, Any], sentence: str) -> None:
    taken: list[Usage] = []
    token = CURRENT_ATTEMPT.set(Attempt(1, on_usage=taken.append))
    try:
        with pytest.raises(InvalidInput, match=sentence):
            report_usage(**values)
    finally:
        CURRENT_ATTEMPT.reset(token)
    assert [] == taken


def test_a_report_where_no_attempt_runs_is_refused() -> None:
    with pytest.raises(OutsideWorkflow):
        report_usage(model="gpt-4o")


def test_an_event_names_a_bounded_number_of_models_and_loses_nothing() -> None:
    many = [Usage(model=f"m{one}", input_tokens=1, model_calls=1, cost=Decimal(1)) for one in range(50)]
    added = sum_usages(many)
    assert len(added) == MOST_ENTRIES + 1
    assert sum(one["input_tokens"] for one in added) == 50
    assert sum(Decimal(one["cost"]) for one in added) == 50


def test_a_cost_that_is_not_known_is_never_zero() -> None:
    (entry,) = sum_usages(
        [Usage(model="m", model_calls=2), Usage(model="m", model_calls=1, cost=Decimal("0.5"))]
    )
    assert entry == {"model": "m", "model_calls": 3, "unpriced": 2, "cost": "0.5"}


async def test_usage_is_added_up_by_contract_team_model_and_prompt(actum: Harness) -> None:
    await actum.worker([work])
    handles = [await actum.start(work(word)) for word in ("one", "two")]
    for handle in handles:
        await actum.approve(handle)
        await handle.result(10)
    epoch = datetime(2020, 1, 1, tzinfo=UTC)
    (total,) = (await read_usage(actum.store, "contract", since=epoch)).rows
    assert (total.name, total.workflows, total.attempts) == ("work", 2, 10)
    assert (total.model_calls, total.unpriced, total.tool_calls) == (12, 4, 6)
    assert (total.input_tokens, total.output_tokens) == (8020, 800)
    assert (total.cost, total.prices) == (Decimal("0.628"), [PRICES])
    by_model = {row.name: row for row in (await read_usage(actum.store, "model", since=epoch)).rows}
    assert by_model["a-judge-of-ours"].cost is None
    assert by_model["gpt-4o"].cost == Decimal("0.028")
    by_prompt = {
        row.name: row.model_calls for row in (await read_usage(actum.store, "prompt", since=epoch)).rows
    }
    assert by_prompt == {"triage@3": 4, None: 8}
    assert (await read_usage(actum.store, "team", since=epoch, team="nobody")).rows == ()
