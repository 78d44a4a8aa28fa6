"""The last section of quality: how long it took and what it cost, which says nothing about whether it was right."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

LATENCY: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "machine_times": (
            "Of completed workflows, from start to end without the time in which a person was to act: the middle, and what "
            "95 of 100 stay within. Waiting for a free worker, a timer, a signal or a child is in it.",
            "Look which step takes most; if none does, add workers.",
        ),
        "human_times": (
            "Of the same workflows, the time in which an approval or a question was open, somebody had paused it, it was "
            "blocked, or a doubt stood that a person settled; what overlaps counts once.",
            "See the family of people: ask less, or name more approvers.",
        ),
        "step_times": (
            "Machine time of attempts that succeeded, by step, those that took most in all first.",
            "Cut the first one's work into pieces, or let parts of it run side by side.",
        ),
        "tokens": (
            "Tokens in and out as attempts reported them, those that failed included.",
            "`actum usage --by model` and `--by prompt` say whose; a budget sets the limit.",
        ),
        "model_calls": (
            "Calls of models, as reported.",
            "Many for each output: retries, or a loop without an end.",
        ),
        "tool_calls": (
            "Calls of tools, as reported.",
            "Many for each output: let one tool answer more at once.",
        ),
        "unpriced_calls": (
            "Calls of models of which nobody knows what they cost; they are not in the costs.",
            "Install `actum[usage]`, or report a cost.",
        ),
        "costs": (
            "What calls cost, in the currency reported, US dollars where prices were looked up.",
            "A budget sets the limit; `actum usage --by model` says where a cheaper model would count.",
        ),
    }
)
"""The facts that the section shows: what each means, and what to do when it is bad."""
