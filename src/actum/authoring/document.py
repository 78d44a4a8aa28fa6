"""The contract as a document: what is stored at registration, shown in the console and compared by `actum check`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson

from actum.authoring.effect import Effect
from actum.authoring.step import Step
from actum.model.budget import as_texts
from actum.model.contract import Duration, Retry, Timeout, parse_duration

if TYPE_CHECKING:
    from actum.authoring.contract import Contract

FORMAT = 1


def describe(contract: Contract[..., Any], runbook: str | None = None) -> dict[str, Any]:
    """Return everything that `contract` promises as plain JSON values; equal contracts give equal documents."""
    owner = contract.owner
    return {
        "format": FORMAT,
        "name": contract.name,
        "about": contract.function.__doc__ or "",
        "owner": owner
        and {
            "team": owner.team,
            "escalation": list(owner.escalation),
            "runbook": owner.runbook,
            "quiet_hours": owner.quiet_hours,
            "authors": list(owner.authors),
        },
        "runbook": runbook,
        "on_failure": contract.on_failure,
        "deadline": _seconds(contract.deadline),
        "queue": contract.queue,
        "budgets": [budget.as_data() for budget in contract.budgets],
        "slo": contract.slo and contract.slo.as_document(),
        "verdicts": contract.verdicts and contract.verdicts.as_document(),
        "changes": sorted(contract.changes),
        "input": contract.codec.input_schema(),
        "output": contract.codec.output_schema(),
        "steps": [_step(one) for one in sorted(contract.steps, key=lambda one: one.name)],
    }


def document_hash(document: dict[str, Any]) -> bytes:
    """Return the SHA-256 of a document's canonical bytes."""
    return sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).digest()


def shape_hash(contract: Contract[..., Any]) -> bytes:
    """Return the SHA-256 of what a history depends on: name, step names, effect kinds, changes.

    The order in which steps are named does not matter, nor do schemas, time-outs, owners or texts.
    """
    steps = sorted([one.name, one.kind if isinstance(one, Effect) else ""] for one in contract.steps)
    shape = ["actum.shape", FORMAT, contract.name, steps, sorted(contract.changes)]
    return sha256(orjson.dumps(shape)).digest()


def _step(one: Step[..., Any] | Contract[..., Any]) -> dict[str, Any]:
    if not isinstance(one, Step):
        return {"name": one.name, "word": one.word}
    entry: dict[str, Any] = {
        "name": one.name,
        "word": one.word,
        "about": one.__doc__ or "",
        "timeout": _timeout(one.timeout),
        "retry": _retry(one.retry),
        "spends": one.spends and as_texts(one.spends.amounts),
        "hooks": sorted(one.hooks),
        "input": one.codec.input_schema(),
        "output": one.codec.output_schema(),
    }
    if isinstance(one, Effect):
        entry |= {
            "kind": one.kind,
            "in_doubt": one.in_doubt,
            "way_out": one.way_out,
            "transactional": one.transactional
            if isinstance(one.transactional, bool)
            else one.transactional.name,
            "reversibility": one.reversibility,
            "not_done": _names(one.not_done),
            "settle_after": _seconds(one.settle_after),
            "editable": sorted(one.editable),
        }
    return entry


def _timeout(timeout: Timeout) -> dict[str, float | None]:
    return {name: _seconds(getattr(timeout, name)) for name in ("attempt", "total", "stall")}


def _retry(retry: Retry) -> dict[str, Any]:
    return {
        "attempts": retry.attempts,
        "first": _seconds(retry.first),
        "factor": float(retry.factor),
        "longest": _seconds(retry.longest),
        "elapsed": _seconds(retry.elapsed),
        "never": _names(retry.never),
    }


def _seconds(duration: Duration | None) -> float | None:
    return None if duration is None else parse_duration(duration) / timedelta(seconds=1)


def _names(types: tuple[Callable[..., Any], ...]) -> list[str]:
    return sorted(f"{one.__module__}.{one.__qualname__}" for one in types)
