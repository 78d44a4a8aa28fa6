"""Spans for OpenTelemetry: one for each attempt, and none while history is replayed.

The trace of a workflow is its id, so all its attempts are in one trace, whichever process makes them; their common
parent is made of the id too and is itself never sent. A span links to the attempt before it, where the same holder made
that one, and to the workflow that started this one. A holder that parks a workflow records its last span, and the first
span of the next holder, in whichever process, links to that. Where no SDK is configured nothing is made. A span ends in
the process that began it: one whose process is killed is never sent, and the next attempt has its own.
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


def context_of(workflow_id: UUID, span: str | None = None) -> SpanContext:
    """Return where a span of a workflow's trace is; without one, the place that all its attempts are below.

    That place is made of the workflow's id, the same everywhere.
    """
    span_id = int(span, 16) if span is not None else workflow_id.int & (2**64 - 1) or 1
    return SpanContext(workflow_id.int, span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


class Telemetry:
    """The spans of one held workflow's attempts."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._tracer = trace.get_tracer("actum", VERSION)
        self._parent = trace.set_span_in_context(NonRecordingSpan(context_of(runner.workflow_id)))
        self._last: dict[str, SpanContext] = {}
        self._latest: SpanContext | None = None

    @property
    def last_span(self) -> str | None:
        """The last span of this workflow, by this holder or one before it, in hexadecimal digits; None before any."""
        latest = self._latest
        return self._runner.history.last_span if latest is None else f"{latest.span_id:016x}"

    @classmethod
    def of(cls, runner: Runner) -> Telemetry | None:
        """Return what makes the spans, None where the process has configured no SDK."""
        is_configured = not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
        return cls(runner) if is_configured else None

    def begin(self, execution: StepExecution) -> Span:
        """Begin the span of an attempt."""
        runner, row = self._runner, self._runner.row
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
        links = self._links(execution.address)
        span = self._tracer.start_span(execution.name, self._parent, attributes=attributes, links=links)
        self._last[execution.address] = self._latest = span.get_span_context()
        return span

    def _links(self, address: str) -> list[Link]:
        """Return what a span at an address comes after: the workflow's parent, an attempt before it, an earlier holder's last."""
        row, before, earlier = self._runner.row, self._last.get(address), self._runner.history.last_span
        links = [Link(context_of(row.parent))] if row.parent is not None else []
        if before is not None:
            links.append(Link(before))
        if self._latest is None and earlier is not None:
            links.append(Link(context_of(row.id, earlier)))
        return links


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
