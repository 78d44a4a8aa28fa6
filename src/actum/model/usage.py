"""What an attempt used: model calls, tokens, tool calls and money, as it was reported."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

MOST_ENTRIES = 20
"""Pairs of model and prompt that one event names; a loop over made-up names may bring thousands."""
REST = "other"
"""The model and prompt under which the rest is added up."""


@dataclass(frozen=True, slots=True)
class Usage:
    """One report. None is not known, never zero; `prices` names the price list that `cost` was looked up in."""

    model: str | None = None
    prompt: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    model_calls: int = 0
    tool_calls: int = 0
    cost: Decimal | None = None
    prices: str | None = None

    @property
    def is_unpriced(self) -> bool:
        """Whether a model was used and nobody knows what it cost."""
        return self.model_calls > 0 and self.cost is None


def sum_usages(usages: Iterable[Usage]) -> list[dict[str, Any]]:
    """Return reports added up by model and prompt, as JSON values without what is zero or not known.

    `unpriced` counts the model calls whose cost is not in `cost`, a decimal number as text.
    """
    entries: dict[tuple[str | None, str | None], dict[str, Any]] = {}
    for usage in usages:
        key = usage.model, usage.prompt
        if key not in entries and len(entries) >= MOST_ENTRIES:
            key = REST, REST
        entry = entries.setdefault(key, {"model": key[0], "prompt": key[1]})
        for name in ("input_tokens", "output_tokens", "model_calls", "tool_calls"):
            entry[name] = entry.get(name, 0) + (getattr(usage, name) or 0)
        if usage.is_unpriced:
            entry["unpriced"] = entry.get("unpriced", 0) + usage.model_calls
        if usage.cost is not None:
            entry["cost"] = entry.get("cost", Decimal(0)) + usage.cost
        if usage.prices is not None:
            entry["prices"] = usage.prices
    return [_as_json(entry) for entry in entries.values()]


def _as_json(entry: dict[str, Any]) -> dict[str, Any]:
    cost = entry.get("cost")
    if cost is not None:
        entry["cost"] = f"{cost:f}"
    return {name: value for name, value in entry.items() if value is not None and value != 0}
