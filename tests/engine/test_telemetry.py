"""Spans: one for each attempt, in the trace of its workflow, and none while history is replayed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as conventions

import actum as api
from actum import Retry, contract, effect, report_usage, step
from actum.engine import telemetry
from actum.testing.harness import Harness


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    """Configures the process, and hears nothing any more when the test has ended."""
    found = InMemorySpanExporter()
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        provider = TracerProvider()
        trace.set_tracer_provider(provider)
    provider.add_span_processor(SimpleSpanProcessor(found))
    yield found
    found.shutdown()


@step(retry=Retry(attempts=2, first="1ms"))
async def think() -> str:
    with trace.get_tracer("a library").start_as_current_span("call a model"):
        report_usage(model="gpt-4o", input_tokens=10, output_tokens=2, prompt="triage@3")
    if api.attempt().number == 1:
        raise ConnectionError("not yet")
    return "thought"


@step
def in_a_thread() -> None:
    trace.get_tracer("a library").start_span("in a thread").end()


@effect("mail.send")
async def send() -> None: ...


@contract(on_failure="fail")
async def child() -> None:
    await in_a_thread()


@contract(on_failure="fail")
async def work() -> str:
    thought = await think()
    await child()
    await send()
    return thought


async def test_each_attempt_is_one_span_in_the_trace_of_its_workflow_and_a_replay_makes_none(
    actum: Harness, exporter: InMemorySpanExporter
) -> None:
    worker = await actum.worker([work, child])
    handle = await actum.start(work())
    await (
        actum.run_until_idle()
    )  # parked at the approval: the next holder, another worker, replays what came before
    await worker.stop()
    await actum.worker([work, child])
    await actum.approve(handle)
    assert await handle.result(10) == "thought"
    spans = exporter.get_finished_spans()
    assert sorted((span.name, attribute(span, telemetry.ATTEMPT)) for span in spans) == [
        ("call a model", 0),
        ("call a model", 0),
        ("in a thread", 0),
        ("in_a_thread", 1),
        ("send", 1),
        ("think", 1),
        ("think", 2),
    ]
    first, second = (span for span in spans if span.name == "think")
    assert {trace_of(span) for span in spans if "thread" not in span.name} == {handle.workflow_id.int}
    assert [attribute(span, telemetry.OUTCOME) for span in (first, second)] == [
        "dependency.down",
        "completed",
    ]
    assert [span.status.is_ok for span in (first, second)] == [False, True]
    (sent,) = (span for span in spans if span.name == "send")
    assert [[link.context.span_id for link in span.links] for span in (first, second, sent)] == [
        [],
        [first.context.span_id],
        [second.context.span_id],  # the last of a holder two before: the one between made none
    ]
    assert {link.context.trace_id for span in (second, sent) for link in span.links} == {
        handle.workflow_id.int
    }
    assert attribute(second, telemetry.REQUEST_MODEL) == "gpt-4o"
    assert (attribute(second, telemetry.INPUT_TOKENS), attribute(second, telemetry.OUTPUT_TOKENS)) == (10, 2)
    models = [span.parent.span_id for span in spans if span.name == "call a model"]
    assert models == [first.context.span_id, second.context.span_id], (
        "what a library makes is below its attempt"
    )
    (inner,) = (span for span in spans if span.name == "in_a_thread")
    (library,) = (span for span in spans if span.name == "in a thread")
    assert library.parent.span_id == inner.context.span_id
    assert [link.context.trace_id for link in inner.links] == [handle.workflow_id.int], "the parent's trace"


def attribute(span: ReadableSpan, name: str) -> Any:
    return (span.attributes or {}).get(name, 0)


def trace_of(span: ReadableSpan) -> int:
    return span.context.trace_id


def test_without_an_sdk_no_span_is_made() -> None:
    """In a process of its own: the other test configures this one."""
    script = "from actum.engine.telemetry import Telemetry; raise SystemExit(Telemetry.of(None) is not None)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_names_for_generative_ai_are_those_of_the_conventions() -> None:
    assert (telemetry.REQUEST_MODEL, telemetry.INPUT_TOKENS, telemetry.OUTPUT_TOKENS) == (
        conventions.GEN_AI_REQUEST_MODEL,
        conventions.GEN_AI_USAGE_INPUT_TOKENS,
        conventions.GEN_AI_USAGE_OUTPUT_TOKENS,
    )
