"""`actum crashtest`: a workflow killed at every durable boundary, for CI."""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Callable
from typing import Any

import click

from actum.authoring.call import Call
from actum.authoring.contract import Contract
from actum.authoring.step import Step
from actum.cli import options
from actum.cli.exits import Exit
from actum.cli.inputs import call_of
from actum.cli.modules import find_contract, import_module
from actum.cli.opening import carry_out
from actum.cli.printing import GOOD, complain, say, say_json
from actum.cli.text import neutral
from actum.errors import InvalidInput


@click.command()
@click.argument("place", metavar="MODULE:CALL")
@click.option(
    "--world", required=True, metavar="MODULE", help="The module that puts the outside back and looks at it."
)
@click.option(
    "--input", "text", metavar="JSON|@FILE|-", help="The arguments, where CALL is a contract: a JSON object."
)
@click.option(
    "--at-once",
    type=click.IntRange(1, 64),
    metavar="COUNT",
    help="Runs made at a time; two where the world keeps to its folder, else one.",
)
@click.option(
    "--patience",
    type=click.FloatRange(1, 3600),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long one run may take.",
)
@options.as_json
def crashtest(
    place: str, world: str, text: str | None, at_once: int | None, patience: float, is_json: bool
) -> int:
    """Kill a workflow once at every durable boundary, resume it, and compare with a run that nobody killed.

    CALL is a call that the module holds (onboarding = onboard("ana")), a function without parameters that returns one,
    or a contract with --input. Databases are made for it on the server of ACTUM_DATABASE_URL, whose account must be
    allowed to, else on an embedded one. Exit code 1 when something happened twice, or otherwise than without a kill.

    \b
      actum crashtest flows:onboard --world mytests.world --input '{"name": "ana"}'
      actum crashtest mytests.calls:onboarding --world mytests.world --json
    """
    from actum.testing import crash_everywhere

    call = _find_call(place, text)
    import_module(world)
    tell = _tell if sys.stderr.isatty() else None
    report = carry_out(crash_everywhere(call, world=world, at_once=at_once, patience=patience, tell=tell))
    if is_json:
        say_json(report.as_json())
    else:
        for line in str(report).splitlines():
            say(neutral(line), GOOD if report.is_sound else "")
    return Exit.FINE if report.is_sound else Exit.FAILED


def _tell(boundary: object) -> None:
    """Show on a terminal that the sweep goes on."""
    complain(f"killed {boundary}")


def _find_call(place: str, text: str | None) -> Call[Any]:
    """Return the call that `MODULE:CALL` means; raises NotFound and InvalidInput, and InvalidContract of the module."""
    name, _, attribute = place.partition(":")
    value = getattr(import_module(name), attribute, None) if attribute else None
    if value is None or isinstance(value, Contract):
        return call_of(find_contract(place), text)
    if text is not None:
        raise InvalidInput(f"{place} brings its arguments itself: leave --input out", path="--input")
    is_function = False
    if not isinstance(value, Call | Step) and callable(value):
        is_function, value = True, _made_by(place, value)
    if not isinstance(value, Call) or not isinstance(value.subject, Contract):
        what = "returned" if is_function else "is"
        way = "have it return one" if is_function else "name one"
        raise InvalidInput(
            f'{place} {what} {_shown(value)} and no call of a contract: {way}, such as onboard("ana")'
        )
    return value


def _made_by(place: str, function: Callable[[], object]) -> object:
    """Return what the author's function returns; raises InvalidInput when it raises."""
    if inspect.iscoroutinefunction(function):
        raise InvalidInput(f"{place} is async, and its call is needed at once: write it with a plain def")
    try:
        return function()
    except (Exception, SystemExit) as error:
        raise InvalidInput(
            f"{place} raised {type(error).__name__}: {error}: let it return a call; `actum --debug …` shows where"
        ) from error


def _shown(value: object) -> str:
    return textwrap.shorten(repr(value), 60, placeholder="…")
