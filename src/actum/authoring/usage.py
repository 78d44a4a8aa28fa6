"""Reporting what a step or an effect used: models, tokens, tools, money."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from actum.authoring.attempt import attempt
from actum.errors import InvalidInput
from actum.model.usage import Usage

LONGEST_NAME = 200
"""Characters of a model's or prompt's name."""


def report_usage(
    *,
    model: str | None = None,
    input_tokens: int | None = None,
    output_tokens: int | None = None,
    model_calls: int | None = None,
    tool_calls: int = 0,
    prompt: str | None = None,
    cost: Decimal | float | str | None = None,
) -> None:
    """Report what the running attempt used; call it once for each call of a model, in a step, an effect or a verdict.

    `model_calls` is 1 where a model is named, unless given. `prompt` names the prompt and its version, such as
    `"triage@3"`. `cost` is money; without it, it is looked up by model and tokens where the extra `actum[usage]` is
    installed (US dollars), else it is not known, which is never zero. What was reported is recorded with the attempt's
    outcome, failed attempts included; an attempt lost in a crash, and an undo, record none.
    Raises InvalidInput for a value that cannot be meant, OutsideWorkflow where no attempt runs and in a preview.

        reply = await model.answer(ticket)
        report_usage(model="gpt-4o", input_tokens=reply.input, output_tokens=reply.output, prompt="triage@3")
    """
    running = attempt()
    price, prices = _checked_cost(cost), None
    name = _checked_name("model", model)
    told, answered = (
        _checked_count("input_tokens", input_tokens),
        _checked_count("output_tokens", output_tokens),
    )
    calls = _checked_count("model_calls", model_calls)
    calls = (1 if name is not None else 0) if calls is None else calls
    tools = _checked_count("tool_calls", tool_calls) or 0
    if price is None and name is not None and told is not None and answered is not None:
        price, prices = look_up(name, told, answered)
    running.on_usage(
        Usage(name, _checked_name("prompt", prompt), told, answered, calls, tools, price, prices)
    )


def look_up(model: str, input_tokens: int, output_tokens: int) -> tuple[Decimal | None, str | None]:
    """Return what a call of a model costs, with the list it stands in and its version; None where it is not known.

    The list comes with the package and is not fetched. The first look takes a quarter of a second.
    """
    try:
        import genai_prices
    except ImportError:
        return None, None
    usage = genai_prices.Usage(input_tokens=input_tokens, output_tokens=output_tokens)
    try:
        found = genai_prices.calc_price(usage, model_ref=model)
    except (LookupError, ValueError):
        return None, None
    return found.total_price, f"genai-prices {genai_prices.__version__}"


def _checked_count(name: str, value: Any) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53):
        return value
    raise InvalidInput(
        f"report_usage({name}={value!r}) is no count: give a whole number from 0 on, or leave it out"
    )


def _checked_name(name: str, value: Any) -> str | None:
    if value is None or (isinstance(value, str) and 0 < len(value) <= LONGEST_NAME and value.isprintable()):
        return value
    raise InvalidInput(
        f"report_usage({name}={value!r:.80}) is no name: give a text of 1 to {LONGEST_NAME} printable characters"
    )


def _checked_cost(value: Decimal | float | str | None) -> Decimal | None:
    if value is None:
        return None
    try:
        cost = Decimal(str(value))
    except InvalidOperation:
        cost = Decimal("nan")
    if isinstance(value, bool) or not cost.is_finite() or not 0 <= cost < 10**12:
        raise InvalidInput(f"report_usage(cost={value!r:.80}) is no amount: give a number from 0 on")
    return cost
