"""A preview as it is kept and ruled: JSON, with facts of any shape."""

from __future__ import annotations

from dataclasses import asdict, is_dataclass
from typing import Any

import orjson
from pydantic import BaseModel

from actum.outcomes import Preview


def preview_body(preview: Preview) -> bytes:
    """Return a preview as JSON bytes, facts of any shape included."""
    facts = preview.facts
    if isinstance(facts, BaseModel):
        facts = facts.model_dump(mode="json")
    elif is_dataclass(facts) and not isinstance(facts, type):
        facts = asdict(facts)
    values = {
        "sentence": preview.sentence,
        "target": preview.target,
        "facts": facts,
        "diff": preview.diff,
        "checks": list(preview.checks),
        "blast_radius": preview.blast_radius,
        "relies_on": preview.relies_on,
    }
    return orjson.dumps(values, default=str)


def shown_by(preview: Preview) -> dict[str, Any]:
    """Return what a preview shows, as it would be read back."""
    try:
        values: dict[str, Any] = orjson.loads(preview_body(preview))
    except TypeError:  # facts that cannot be stored are not known
        return {"relies_on": preview.relies_on, "target": preview.target}
    return values


def facts_in(shown: dict[str, Any]) -> dict[str, Any] | None:
    """Return the facts by name; None where a preview gave something else, which nobody can know by name."""
    facts = shown.get("facts")
    return facts if isinstance(facts, dict) else None
