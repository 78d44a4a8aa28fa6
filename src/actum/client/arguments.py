"""What callers hand to a verb, looked at before anything is asked of the database: ids, texts, counts, closed words.

What is refused here is the caller's mistake and raises InvalidInput. A text that is looked at nowhere, and that Postgres
cannot hold, is refused by the pool.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson

from actum.authoring.canonical import canonical, find_fault
from actum.errors import InvalidInput
from actum.machine.keys import validate_key
from actum.model.workflow import Status

LONGEST_TEXT = 10_000
"""Characters of what a person says, such as a reason: it is an event's for ever, and read with every event."""
MOST_INTEGER = 2**31 - 1
KINDS = ("signal", "cancel", "pause", "resume", "rollback", "settle", "retry", "skip", "edit")
"""What can be left for a workflow as a message by somebody outside."""


def check_id(value: object, noun: str, command: str) -> UUID:
    """Return the id of a workflow, an approval…; raises InvalidInput for what is no UUID, such as a name."""
    if isinstance(value, UUID):
        return value
    raise InvalidInput(f"{value!r:.80} is no id of {noun}: pass its UUID, as `{command}` shows it", path="id")


def check_number(value: object, noun: str, command: str) -> None:
    """Raise InvalidInput for what cannot be the number of anything."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**63:
        raise InvalidInput(f"{value!r:.80} is no number of {noun}: see `{command}`", path="number")


def check_text(value: object, name: str) -> str:
    """Return a text that can be kept, called `name` in the refusal; raises InvalidInput."""
    if not isinstance(value, str):
        raise InvalidInput(f"{name} is text, and {value!r:.80} is none", path=name)
    fault = find_fault(value)
    if fault is not None:
        raise InvalidInput(f"{name} {fault[1].removesuffix(', or pass bytes')}", path=name)
    if len(value) > LONGEST_TEXT:
        raise InvalidInput(
            f"{name} has {len(value):,} characters: keep it to {LONGEST_TEXT:,}, and link to what is longer",
            path=name,
        )
    return value


def check_texts(**texts: object) -> None:
    """Raise InvalidInput for the first of these that is neither None nor a text that can be kept."""
    for name, value in texts.items():
        if value is not None:
            check_text(value, f"the {name}")


def check_count(count: object, name: str = "count") -> int:
    """Return how many are wanted at most; raises InvalidInput for what is no number of things."""
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= MOST_INTEGER:
        raise InvalidInput(
            f"{name}={count!r:.80} is too few or too many: pass a whole number from 0 to {MOST_INTEGER:,}",
            path=name,
        )
    return count


def check_priority(priority: object) -> int:
    """Return a workflow's priority; raises InvalidInput for what is none."""
    if isinstance(priority, bool) or not isinstance(priority, int) or abs(priority) > MOST_INTEGER:
        raise InvalidInput(
            f"priority={priority!r:.80} is no priority: pass a whole number from {-MOST_INTEGER:,} to {MOST_INTEGER:,}",
            path="priority",
        )
    return priority


def check_word(value: object, words: Sequence[str], name: str) -> str:
    """Return one of a closed list of words; raises InvalidInput for another."""
    if isinstance(value, str) and value in words:
        return str(value)
    raise InvalidInput(f"{value!r:.80} is no {name}: say one of {', '.join(words)}", path=name)


def check_start_key(key: object) -> str:
    """Return a start key; raises InvalidInput for what is none."""
    if not isinstance(key, str):
        raise InvalidInput(
            f"{key!r:.80} is no start key: a key is text, such as key='order/4711'", path="key"
        )
    return validate_key(key, "start key")


def check_page(contract: object, status: object, before: object, count: object) -> None:
    """Raise InvalidInput for a page of workflows that cannot be meant."""
    check_texts(contract=contract)
    if status is not None:
        check_word(status, [one.value for one in Status], "status")
    if before is not None:
        check_id(before, "a workflow", "actum list")
    check_count(count)


def check_message(kind: object, body: object, **texts: object) -> None:
    """Raise InvalidInput for a message that no workflow knows what to do with, or that cannot be kept."""
    check_word(kind, KINDS, "kind")
    check_texts(**texts)
    if kind == "signal" and texts.get("name") is None:
        raise InvalidInput("a signal has a name: pass name=…", path="name")
    if body is None:
        return
    try:
        value: Any = orjson.loads(body)  # type: ignore[arg-type]
    except (orjson.JSONDecodeError, TypeError) as error:
        raise InvalidInput(f"the body of a message is JSON as bytes: {error}", path="body") from None
    canonical(value, "the body")
