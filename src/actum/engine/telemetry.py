"""Spans for OpenTelemetry: one for each attempt, and none while history is replayed.

The trace of a workflow is its id, so all its attempts are in one trace, whichever process makes them; their common
parent is made of the id too and is itself never sent. A span links to the attempt before it, where the same holder made
that one, and to the workflow that started this one. Where no SDK is configured nothing is made. A span ends in the
process that began it: one whose process is killed is never sent, and the next attempt has its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, ParamSpec
from uuid import UUID

from opentelemetry import context, trace
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, Status, StatusCode, TraceFlags

from actum.model.usage import Usage
from actum.version import VERSION

if TYPE_CHECKING:
    from actum.engine.runner import Runner
    from actum.engine.steps import StepExecution

P = ParamSpec("P")

# The attributes of the semantic conventions for generative AI that we set; the only place that knows them.
REQUEST_MODEL: Final = "gen_ai.request.model"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"

# Our own.
WORKFLOW: Final = "actum.workflow"
CONTRACT: Final = "actum.contract"
TEAM: Final = "actum.team"
STEP: Final = "actum.step"
ADDRESS: Final = "actum.address"
ATTEMPT: Final = "actum.attempt"
EPOCH: Final = "actum.epoch"
KIND: Final = "actum.kind"
OUTCOME: Final = "actum.outcome"
MODEL_CALLS: Final = "actum.usage.model_calls"
TOOL_CALLS: Final = "actum.usage.tool_calls"
COST: Final = "actum.usage.cost"
PROMPT: Final = "actum.prompt"

GOOD = frozenset({"completed", "abandoned", "left"})
"""Outcomes of an attempt that are no error of it."""


def context_of(workflow_id: UUID) -> SpanContext:
    """Return the place in a trace that all attempts of a workflow are below: made of its id, the same everywhere."""
    span_id = workflow_id.int & (2**64 - 1) or 1
    return SpanContext(workflow_id.int, span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


class Telemetry:
    """The spans of one held workflow's attempts."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._tracer = trace.get_tracer("actum", VERSION)
        self._parent = trace.set_span_in_context(NonRecordingSpan(context_of(runner.workflow_id)))
        self._last: dict[str, SpanContext] = {}

    @classmethod
    def of(cls, runner: Runner) -> Telemetry | None:
        """Return what makes the spans, None where the process has configured no SDK."""
        is_configured = not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
        return cls(runner) if is_configured else None

    def begin(self, execution: StepExecution) -> Span:
        """Begin the span of an attempt."""
        runner, row = self._runner, self._runner.row
        links = [Link(context_of(row.parent))] if row.parent is not None else []
        before = self._last.get(execution.address)
        if before is not None:
            links.append(Link(before))
        attributes: dict[str, str | int] = {
            WORKFLOW: str(row.id),
            CONTRACT: row.contract,
            STEP: execution.name,
            ADDRESS: execution.address,
            ATTEMPT: execution.attempts,
            EPOCH: runner.epoch,
        }
        if row.team is not None:
            attributes[TEAM] = row.team
        if execution.is_effect:
            attributes[KIND] = execution.step.kind  # type: ignore[attr-defined]  # an effect's
        span = self._tracer.start_span(execution.name, self._parent, attributes=attributes, links=links)
        self._last[execution.address] = span.get_span_context()
        return span


def end_span(span: Span, outcome: str, usages: Sequence[Usage]) -> None:
    """End the span of an attempt by its outcome, `completed` or a word of the closed list of reasons."""
    span.set_attribute(OUTCOME, outcome)
    if outcome not in GOOD:
        span.set_status(Status(StatusCode.ERROR, outcome))
    if usages:
        _set_usage(span, usages)
    span.end()


def _set_usage(span: Span, usages: Sequence[Usage]) -> None:
    models = sorted({one.model for one in usages if one.model is not None})
    prompts = sorted({one.prompt for one in usages if one.prompt is not None})
    if models:
        span.set_attribute(REQUEST_MODEL, ", ".join(models))
    if prompts:
        span.set_attribute(PROMPT, ", ".join(prompts))
    span.set_attribute(INPUT_TOKENS, sum(one.input_tokens or 0 for one in usages))
    span.set_attribute(OUTPUT_TOKENS, sum(one.output_tokens or 0 for one in usages))
    span.set_attribute(MODEL_CALLS, sum(one.model_calls for one in usages))
    span.set_attribute(TOOL_CALLS, sum(one.tool_calls for one in usages))
    costs = [one.cost for one in usages if one.cost is not None]
    if costs and not any(one.is_unpriced for one in usages):
        span.set_attribute(COST, float(sum(costs)))


def inside(span: Span, function: Callable[P, None]) -> Callable[P, None]:
    """Return `function` as it runs with a span as the one that others are below; what it starts keeps that."""

    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        token = context.attach(trace.set_span_in_context(span))
        try:
            function(*args, **kwargs)
        finally:
            context.detach(token)

    return run
