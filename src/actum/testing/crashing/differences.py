"""What differs between two JSON values, in words, with counts: what is there twice is said to be there twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

LONGEST = 60
IN_ANOTHER_ORDER = "has the same entries in another order"


def differences(expected: Any, found: Any, place: str) -> list[str]:
    """Return a sentence for each difference; `place` names the whole. Empty when they are the same."""
    return list(_differences(expected, found, place))


def shown(value: Any) -> str:
    """Return a value as short JSON in ASCII."""
    text = json.dumps(value, sort_keys=True)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _differences(expected: Any, found: Any, place: str) -> Iterator[str]:
    if expected == found:
        return
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in sorted(expected.keys() | found.keys()):
            inner = f"{place}[{json.dumps(key)}]"
            if key not in found:
                yield f"{inner} is missing; without a kill it is {shown(expected[key])}"
            elif key not in expected:
                yield f"{inner} is {shown(found[key])}; without a kill it is not there"
            else:
                yield from _differences(expected[key], found[key], inner)
    elif isinstance(expected, list) and isinstance(found, list):
        yield from _lists(expected, found, place)
    else:
        yield f"{place} is {shown(found)}; without a kill it is {shown(expected)}"


def _lists(expected: list[Any], found: list[Any], place: str) -> Iterator[str]:
    values = {json.dumps(one, sort_keys=True): one for one in [*expected, *found]}
    before, after = (Counter(json.dumps(one, sort_keys=True) for one in part) for part in (expected, found))
    if before == after:
        yield f"{place} {IN_ANOTHER_ORDER}"
    for text, value in values.items():
        if before[text] != after[text]:
            yield f"{place} holds {shown(value)} {times(after[text])}; without a kill {times(before[text])}"


def times(count: int) -> str:
    """Return a number of times in words."""
    return {0: "not at all", 1: "once", 2: "twice"}.get(count, f"{count} times")
