"""What an author's function raises or returns, however strange, is the failure of its attempt and nothing more."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from actum import (
    NotDone,
    Preview,
    Retry,
    RollBack,
    StepFailed,
    Usable,
    WorkflowFailed,
    contract,
    effect,
    step,
)
from actum.client.handle import Handle
from actum.testing.harness import Harness

ONCE = Retry(attempts=1)


class Mute(Exception):
    """Raises when its text is read."""

    def __str__(self) -> str:
        raise RuntimeError("no text today")


class Wordless(Exception):
    """Answers with what is no text."""

    def __str__(self) -> str:
        return 7  # type: ignore[return-value]


class Guarded(Exception):
    """Raises when it is looked at."""

    @property
    def status_code(self) -> int:
        raise RuntimeError("not for you")

    retry_after = response = reason = address = status_code


class MuteNotDone(NotDone):
    """Says that it did not happen, and cannot be read."""

    retry_after = float("inf")

    def __str__(self) -> str:
        raise RuntimeError("no text today")


def nested() -> list[Any]:
    value: list[Any] = []
    for _ in range(5_000):
        value = [value]
    return value


STRANGE: dict[str, Callable[[], Any]] = {
    "stop": lambda: next(iter(())),
    "exit": sys.exit,
    "mute": lambda: throw(Mute()),
    "wordless": lambda: throw(Wordless()),
    "guarded": lambda: throw(Guarded("closed")),
    "nul": lambda: throw(ValueError("a\0b\udc80")),
    "deep": nested,
}
LET = """
schema = 1
name = "tests"
owner = "platform"
default_tier = 2

[[rule]]
id = "all"
match = { kind = { in = ["thing.plain", "thing.quick"] } }
tier = 0
why = "A test."
"""
READ = "its text cannot be read: reading it raised"
TOLD = {
    "stop": ("other", "StopIteration"),
    "exit": ("other", "SystemExit"),
    "mute": ("other", f"{READ} RuntimeError"),
    "wordless": ("other", f"{READ} TypeError"),
    "guarded": ("other", "closed"),
    "nul": ("other", "a\N{REPLACEMENT CHARACTER}b?"),
}


def throw(error: BaseException) -> None:
    raise error


@step(retry=Retry(attempts=2, first="1ms"))
def plain(what: str) -> Any:
    return STRANGE[what]()


@step(retry=Retry(attempts=2, first="1ms"))
async def quick(what: str) -> Any:
    return STRANGE[what]()


@step(retry=ONCE)
async def judged(what: str) -> str:
    return what


@judged.verdict
def _(result: str, what: str) -> Usable:
    STRANGE[what]()
    return Usable()


@contract(on_failure="hold")
async def collects() -> dict[str, list[Any]]:
    told: dict[str, list[Any]] = {}
    for kind in (plain, quick, judged):
        for what in STRANGE:
            if kind is judged and what == "deep":
                continue
            try:
                await kind(what)
            except StepFailed as failure:
                told[f"{kind.name} {what}"] = [failure.reason, failure.message, failure.attempts]
    return told


async def test_whatever_a_step_or_its_verdict_raises_is_a_failed_attempt_in_readable_words(
    actum: Harness,
) -> None:
    await actum.worker([collects])
    handle = await actum.start(collects())
    told = await handle.result(20)
    for kind in ("plain", "quick"):
        reason, message, _ = told.pop(f"{kind} deep")
        assert "schema.invalid" == reason
        assert "result[0][0]" in message
        assert "nested more than 254 deep" in message
    expected = {
        f"{kind} {what}": [reason, message, attempts]
        for kind, attempts in (("plain", 2), ("quick", 2), ("judged", 1))
        for what, (reason, message) in TOLD.items()
    }
    expected["quick stop"][1] = "coroutine raised StopIteration"  # which is Python's own doing
    assert expected == told


def previewed(part: str, what: str) -> Preview:
    if part == "preview":
        STRANGE[what]()
    return Preview("Act", target=what)


def acted(part: str, what: str) -> str:
    if part == "undone":
        raise MuteNotDone()
    if part in ("act", "probe"):
        STRANGE[what]()
    return part


def looked(part: str, what: str) -> None:
    STRANGE[what]()


def keyed(part: str, what: str) -> str:
    return f"{part}/{what}/{STRANGE[what]() if part == 'key' else 'own'}"


def undo(result: str, part: str, what: str) -> None:
    STRANGE[what]()


@effect("thing.plain", retry=ONCE)
def act_plain(part: str, what: str) -> str:
    return acted(part, what)


@effect("thing.quick", retry=ONCE)
async def act_quick(part: str, what: str) -> str:
    return acted(part, what)


@act_quick.preview
async def _(part: str, what: str) -> Preview:
    return previewed(part, what)


@act_quick.probe
async def _(part: str, what: str) -> None:
    looked(part, what)


@act_quick.undo
async def _(result: str, part: str, what: str) -> None:
    undo(result, part, what)


act_plain.preview(previewed)
act_plain.probe(looked)
act_plain.undo(undo)
for one in (act_plain, act_quick):
    one.key(keyed)


@contract(on_failure="hold")
async def acts(is_plain: bool, part: str, what: str) -> str:
    try:
        done = await (act_plain if is_plain else act_quick)(part, what)
    except StepFailed as failure:
        return failure.message
    if part == "undo":
        raise RollBack("not what was wanted")
    return done


CASES = [
    (is_plain, part, what)
    for is_plain in (True, False)
    for part in ("act", "preview", "undo", "undone", "key")
    for what in ("stop", "exit", "mute", "guarded", "nul")
    if part != "undone" or what == "mute"
]


async def find(actum: Harness, handle: Handle[str]) -> str:
    """Return where a workflow stands, with what its ledger says."""
    row = await handle.row()
    states = [one.state for one in await actum.store.effects.list_of(handle.workflow_id)]
    return " ".join([row.status, *sorted(states)])


async def test_whatever_an_effect_or_a_hook_raises_leaves_it_undone_or_in_doubt_as_declared(
    actum: Harness,
) -> None:
    await actum.worker([acts])
    await actum.activate(LET)
    handles = {case: await actum.start(acts(*case)) for case in CASES}
    await actum.run_until_idle(20)
    found = {case: await find(actum, handle) for case, handle in handles.items()}
    expected = {
        "act": "waiting in_doubt",
        "undo": "rolling_back in_doubt undoing",
        "undone": "completed failed",
        "preview": "completed",
        "key": "completed",
    }
    assert {case: expected[case[1]] for case in CASES} == found


class Refused(Exception):
    """Is raised by a body, and cannot be read or looked at."""

    address = reason = status_code = Guarded.status_code

    def __str__(self) -> str:
        raise RuntimeError("no text today")


@contract
async def fails() -> None:
    raise Refused()


@contract(on_failure="hold")
async def is_held() -> None:
    raise Refused()


async def test_a_body_whose_exception_cannot_be_read_follows_its_on_failure(actum: Harness) -> None:
    await actum.worker([fails, is_held])
    failed, held = await actum.start(fails()), await actum.start(is_held())
    with pytest.raises(WorkflowFailed, match=f"{READ} RuntimeError"):
        await failed.result(10)
    await actum.run_until_idle()
    assert "held" == (await held.row()).cause
    assert f'"{READ} RuntimeError"' in ((await actum.events(held))[-1].data or "")
