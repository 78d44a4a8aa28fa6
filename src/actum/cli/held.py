"""What a held workflow is held for, in sentences: the error, and the failures that stand."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from actum.cli.facts import Facts
from actum.cli.text import indent, neutral
from actum.machine.holding import Failure, list_failures, read_block
from actum.model.workflow import Cause, Status

MOST_TOLD = 10


def held_for(facts: Facts, width: int) -> list[str]:
    """Return what was raised and each failure that stands; nothing for a workflow that is not held."""
    if facts.row.status != Status.BLOCKED or facts.row.cause != Cause.HELD:
        return []
    block = read_block(facts.events)
    raised = f"{neutral(block.get('error_type', 'an error'))}: {neutral(block.get('why', ''))}"
    lines = indent(f"{raised} ({neutral(block.get('reason', 'other'))})", "  ", "    ", width)
    failures = list_failures(facts.events)
    for one in failures[-MOST_TOLD:]:
        is_meant = one.address == block.get("address")
        lines += indent(", ".join(_told(facts, one, is_meant)), "  ", "    ", width)
    if len(failures) > MOST_TOLD:
        lines.append(f"  … and {len(failures) - MOST_TOLD} earlier failures")
    return lines


def _told(facts: Facts, failure: Failure, is_meant: bool) -> Iterator[str]:
    times = "attempt" if failure.attempts == 1 else "attempts"
    yield f"{neutral(failure.step)} at {neutral(failure.address)}: {failure.word.replace('_', ' ')}"
    yield f"{failure.attempts} {times}"
    error_type = _type_of(facts.body_at(failure.seq))
    message = facts.failure_at(failure.seq)
    if message:
        yield f"{neutral(error_type)}: {neutral(message)}" if error_type else neutral(message)
    if is_meant:
        yield "the one it is held for"


def _type_of(body: bytes | None) -> str:
    values = orjson.loads(body or b"{}")
    return str(values.get("error_type") or "") if isinstance(values, dict) else ""
