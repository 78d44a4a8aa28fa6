"""Puts another function in the place of a step's or effect's own, for one test."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from actum.authoring.contract import Contract
from actum.authoring.step import Step
from actum.errors import InvalidInput


def replace_function(step: Step[..., Any], fake: Callable[..., Any]) -> Callable[[], None]:
    """Have `step` run `fake` in this process; return what puts its own function back.

    Everything else stays: name, key, approval, retries, hooks and how arguments and results are stored. Raises
    InvalidInput for what is no step, and for a fake with other parameters.
    """
    subject: object = step
    if not isinstance(subject, Step) or isinstance(subject, Contract):
        raise InvalidInput(
            f"{step!r} cannot be replaced: name a step or an effect, as in replace(open_door, fake)"
        )
    expected, given = (list(inspect.signature(one).parameters) for one in (step.function, fake))
    if expected != given:
        raise InvalidInput(
            f"the replacement of {step.name} takes ({', '.join(given)}): give it the step's own parameters,"
            f" ({', '.join(expected)})"
        )
    before = step.function, step.is_async
    step.function, step.is_async = fake, inspect.iscoroutinefunction(fake)

    def put_back() -> None:
        step.function, step.is_async = before

    return put_back
