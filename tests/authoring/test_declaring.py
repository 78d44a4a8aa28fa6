"""Steps, effects, hooks and contracts as declared: what they say of themselves, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import pytest

import actum
from actum.authoring.contract import contract
from actum.authoring.document import document_hash
from actum.authoring.effect import effect
from actum.authoring.step import Step, step
from actum.errors import InvalidContract, InvalidInput, NotFound
from actum.model.budget import Budget, Spending
from actum.model.contract import Owner, Retry, Timeout
from actum.outcomes import Happened, NotHappened, Preview, Usable


@step
async def first(number: int) -> int:
    """Return the number."""
    return number


@step(timeout="30s", retry=Retry(attempts=4), name="second one")
def second(number: int) -> int:
    return number


@effect("mail.send", in_doubt="repeat", not_done=(ConnectionError,), settle_after="1m", editable=["to"])
def send(to: str) -> str:
    return to


def plain_helper() -> Any:
    return second(1), SHELF["third"]


@step
def third() -> None: ...


SHELF = {"third": third}
steps_module = ModuleType("steps_module")
steps_module.second = second  # type: ignore[attr-defined]


def new_effect(**options: Any) -> Any:
    @effect("mail.send", **options)
    async def mail(to: str, text: str) -> str:
        return to

    return mail


def test_a_bare_step_has_sensible_limits() -> None:
    assert ("first", True, Timeout(attempt="10m"), Retry()) == (
        first.name,
        first.is_async,
        first.timeout,
        first.retry,
    )
    assert "Return the number." == first.__doc__


def test_a_step_keeps_what_it_was_given() -> None:
    assert ("second one", False) == (second.name, second.is_async)
    assert (Timeout(attempt="30s"), 4) == (second.timeout, second.retry.attempts)
    limits = Timeout(total="1h", stall="10s")
    assert limits is step(timeout=limits)(plain_helper).timeout


def test_an_effect_keeps_what_it_was_given() -> None:
    assert ("mail.send", "repeat", (ConnectionError,), ("to",)) == (
        send.kind,
        send.in_doubt,
        send.not_done,
        send.editable,
    )
    assert timedelta(minutes=1) == send.settle_after
    assert Timeout(attempt="1m") == send.timeout
    assert timedelta(seconds=30) == new_effect().settle_after


def test_the_way_out_of_doubt_is_repeat_then_probe_then_a_person() -> None:
    mail = new_effect()
    assert "ask" == mail.way_out

    async def probe(to: str, text: str) -> NotHappened | Happened[str]:
        return NotHappened()

    mail.probe(probe)

    assert "probe" == mail.way_out
    assert "repeat" == send.way_out


def test_reversibility_follows_the_hooks() -> None:
    undoable, compensable = new_effect(), new_effect()
    undoable.undo(lambda result, to, text: None)
    compensable.compensate(lambda result, to, text: None)
    assert ["undoable", "compensable", "final"] == [
        one.reversibility for one in (undoable, compensable, new_effect())
    ]


def test_a_hook_knows_how_it_is_called() -> None:
    mail = new_effect()

    async def look(to: str, text: str) -> Preview:
        return Preview("send one mail")

    mail.preview(look)
    mail.verdict(lambda result, to, text: Usable())
    assert (look, True, False) == (
        mail.hooks["preview"].function,
        mail.hooks["preview"].is_async,
        mail.hooks["preview"].takes_result,
    )
    assert (False, True) == (mail.hooks["verdict"].is_async, mail.hooks["verdict"].takes_result)


def test_a_key_is_computed_from_the_arguments() -> None:
    mail = new_effect()
    assert mail.key_for(("ana", "hi"), {}) is None
    mail.key(lambda to, text: f"mail/{to}")
    assert "mail/ana" == mail.key_for(("ana", "hi"), {})
    assert "mail/bo" == mail.key_for((), {"to": "bo", "text": ""})


@pytest.mark.parametrize("key", ["", "a\0", "x" * 256, 5, None])
def test_a_key_that_cannot_be_stored_is_refused(key: Any) -> None:
    mail = new_effect()
    mail.key(lambda to, text: key)
    with pytest.raises(InvalidInput, match=r"mail\.key"):
        mail.key_for(("ana", "hi"), {})


@pytest.mark.parametrize(
    ("attach", "sentence"),
    [
        (lambda mail: mail.undo(lambda to, text: None), r"takes \(result, to, text\)"),
        (lambda mail: mail.undo(lambda result, to: None), r"this one takes \(result, to\)"),
        (lambda mail: mail.probe(lambda to, body: None), r"takes \(to, text\)"),
        (lambda mail: mail.key(lambda result, to, text: ""), r"takes \(to, text\)"),
        (lambda mail: mail.preview(lambda *to, text: None), r"takes \(to, text\)"),
        (lambda mail: mail.undo(lambda *result, to, text: None), r"takes \(result, to, text\)"),
        (lambda mail: [mail.key(lambda to, text: "") for _ in "12"], "already has a key"),
        (
            lambda mail: (
                mail.undo(lambda result, to, text: None),
                mail.compensate(lambda result, to, text: None),
            ),
            "both an undo and a compensate",
        ),
    ],
)
def test_a_hook_of_the_wrong_form_is_refused(attach: Callable[[Any], object], sentence: str) -> None:
    with pytest.raises(InvalidContract, match=sentence):
        attach(new_effect())


def test_a_key_is_a_plain_function() -> None:
    async def later(to: str, text: str) -> str:
        return to

    with pytest.raises(InvalidContract, match="write it as a plain function"):
        new_effect().key(later)


def generator() -> Any:
    yield 1


# What the checkers would refuse is refused at run time too.
wrong_step: Any = step
wrong_effect: Any = effect
wrong_contract: Any = contract
dear: Any = step(spends=Spending(tokens=2), name="dear")(plain_helper)


@pytest.mark.parametrize(
    ("declare", "sentence"),
    [
        (lambda: wrong_step(name=" ")(plain_helper), "needs a name"),
        (lambda: wrong_step(name="a\nb")(plain_helper), "printable"),
        (lambda: wrong_step(lambda: 1), "made from a lambda needs a name"),
        (lambda: wrong_step(generator), "returns one value"),
        (lambda: wrong_step(len), "decorates a function"),
        (lambda: wrong_step(timeout="soon")(plain_helper), "'soon' is not a duration"),
        (lambda: wrong_step(timeout=5)(plain_helper), "timeout=5 is none"),
        (lambda: wrong_step(retry=3)(plain_helper), "retry=3 is none"),
        (lambda: wrong_effect("Mail Send")(plain_helper), "is not an operation kind"),
        (lambda: wrong_effect("mail.undo")(plain_helper), "kept for the undos"),
        (lambda: wrong_effect(plain_helper), "needs an operation kind"),
        (lambda: new_effect(in_doubt="hope"), "in_doubt='hope'"),
        (lambda: new_effect(not_done=(5,)), "no exception type"),
        (lambda: new_effect(editable="to"), "is one text"),
        (lambda: new_effect(editable=["nothing"]), "none of its parameters"),
        (lambda: new_effect(settle_after="-"), "is not a duration"),
        (lambda: new_effect(transactional=5), "is no database"),
        (lambda: wrong_contract(plain_helper), "write async def"),
        (lambda: wrong_contract(owner="platform")(body), "Owner"),
        (lambda: wrong_contract(on_failure="explode")(body), "on_failure='explode'"),
        (lambda: wrong_contract(deadline="later")(body), "is not a duration"),
        (lambda: wrong_contract(deadline="9" * 400 + "d")(body), "too long: give 36500d at most"),
        (lambda: wrong_contract(deadline=timedelta.max)(body), "too long: give 36500d at most"),
        (lambda: wrong_contract(budget=5)(body), "write Budget"),
        (lambda: wrong_contract(budget=(Budget(tokens=1), Budget(money=1)))(body), "two budgets"),
        (
            lambda: wrong_contract(budget=Budget(tokens=1), steps=[dear])(body),
            "more tokens than a whole budget",
        ),
        (lambda: Budget(), "limits something"),
        (lambda: Budget(tokens=0), "tokens=0"),
        (lambda: Budget(money="much"), "money='much'"),
        (lambda: Budget(tokens=1, team="risk"), 'per="day"'),
        (lambda: Spending(tokens=-1), "tokens=-1"),
        (lambda: step(spends=5)(plain_helper), "write Spending"),  # type: ignore[call-overload]
        (lambda: wrong_contract(queue="")(body), "the queue of body needs a name"),
        (lambda: wrong_contract(changes="one")(body), "is one text"),
        (lambda: wrong_contract(changes=("a", "a"))(body), "one change twice"),
        (lambda: wrong_contract(steps=[plain_helper])(body), "decorate it with @step"),
        (lambda: wrong_contract(steps=[send])(body), 'choose on_failure="rollback", "hold" or "fail"'),
        (
            lambda: wrong_contract(steps=[first, step(name="first")(plain_helper)])(body),
            "two steps named 'first'",
        ),
    ],
)
def test_a_wrong_declaration_is_refused_with_one_sentence(declare: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(InvalidContract, match=sentence) as refused:
        declare()
    assert "\n" not in str(refused.value)


async def body() -> None: ...


async def through_globals() -> None:
    await first(1)

    async def inner() -> None:
        await steps_module.second(1)

    await inner()


async def through_helpers() -> None:
    plain_helper()


def test_steps_are_found_in_the_code() -> None:
    local = step(name="local")(plain_helper)

    async def through_closure() -> None:
        await local()
        await [lambda: first(1)][0]()

    assert (first, second) == contract(through_globals).steps
    assert {"local", "first"} == set(contract(through_closure).steps_by_name)


def test_steps_are_found_in_helpers_and_shelves() -> None:
    assert {"second one", "third"} == set(contract(through_helpers).steps_by_name)


@contract
async def countdown(number: int) -> int:
    return await countdown(number - 1) if number else await written_below(0)


@step
async def written_below(number: int) -> int:
    return number


def test_a_contract_may_call_itself_and_steps_written_below_it() -> None:
    assert {"countdown", "written_below"} == set(countdown.steps_by_name)
    assert countdown.document()["steps"][0] == {"name": "countdown", "word": "contract"}


def test_effects_found_in_the_code_demand_on_failure() -> None:
    async def sending() -> None:
        await send("ana")

    with pytest.raises(InvalidContract, match="does not say what happens when it fails"):
        _ = contract(sending).steps
    assert (send,) == contract(on_failure="hold")(sending).steps
    assert "fail" == contract(body).on_failure


def test_a_step_is_found_by_its_name_and_a_stranger_is_refused() -> None:
    chosen = contract(steps=[first])(body)
    assert first is chosen.step_named("first")
    with pytest.raises(NotFound, match="its steps are first"):
        chosen.step_named("nobody")


def make(**options: Any) -> Any:
    return contract(**({"steps": [first, second], "name": "made"} | options))(body)


def test_the_shape_is_what_a_history_depends_on_and_nothing_else() -> None:
    shape = make().shape_hash
    assert 32 == len(shape)
    assert shape == make(steps=[second, first]).shape_hash
    assert shape == make(owner=Owner(team="x"), deadline="1d", queue="slow", on_failure="hold").shape_hash
    others = [
        make(name="other"),
        make(steps=[first]),
        make(changes=["b"]),
        make(steps=[first, second, send], on_failure="fail"),
    ]
    assert 5 == len({shape, *(one.shape_hash for one in others)})


def test_the_document_tells_every_promise_apart() -> None:
    retried: Step[..., Any] = step(retry=Retry(attempts=9), name="first")(first.function)
    variants = [
        make(),
        make(owner=Owner(team="x")),
        make(deadline="1d"),
        make(queue="slow"),
        make(on_failure="hold"),
        make(changes=["b"]),
        make(steps=[retried, second]),
    ]
    assert 7 == len({one.document_hash for one in variants})
    assert make().document_hash == make(steps=[second, first]).document_hash
    assert document_hash(make().document("text")) != make().document_hash


def test_the_document_describes_an_effect_in_full() -> None:
    entry = make(steps=[send], on_failure="fail").document()["steps"][0]
    assert {"kind": "mail.send", "in_doubt": "repeat", "way_out": "repeat", "settle_after": 60.0} == {
        name: entry[name] for name in ("kind", "in_doubt", "way_out", "settle_after")
    }
    assert ["builtins.ConnectionError"] == entry["not_done"]
    assert {"attempt": 60.0, "total": None, "stall": None} == entry["timeout"]
    assert "to" in entry["input"]["properties"]


def test_hashes_are_the_same_in_another_process() -> None:
    program = (
        "from actum import contract, step\n"
        "@step\n"
        "async def a(x: dict[str, int], y: list[str] | None = None) -> str: ...\n"
        "@contract(steps=[a], changes=['b', 'a'])\n"
        "async def c(x: int) -> None: ...\n"
        "print(c.document_hash.hex(), c.shape_hash.hex())"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert 1 == len(seen)


def test_public_names_are_sorted_and_all_lead_somewhere() -> None:
    assert sorted(actum.__all__) == actum.__all__
    for name in actum.__all__:
        home = actum._HOME_OF[name]
        if find_spec(home) is not None and home != "actum.client":
            assert getattr(actum, name) is not None
    assert set(actum.__all__) == set(actum._HOME_OF)
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = actum.nothing_of_the_kind


def test_importing_actum_imports_nothing_heavy() -> None:
    program = (
        "import sys, actum; print(*sorted({'pydantic', 'asyncpg', 'asyncio', 'orjson'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "" == done.stdout.strip()
