"""What went wrong, as a record: the only form in which a failure reaches a body, a console or the next attempt.

An exception's text and attributes are its author's code, and may raise: `text_of`, `message_of` and `attribute_of`
read them for everybody, and never do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from actum.authoring.canonical import canonical, find_fault
from actum.errors import InvalidInput, StepFailed, WorkflowFailed

LONGEST_MESSAGE = 8_192
"""The characters kept of a message, and the bytes kept of an exception's attributes."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure as recorded: `step` gave up (or an attempt of it failed) for `reason`, a word of the closed list.

    `error_type` is the name of the exception's class and `details` its JSON attributes. `workflow_id` and `status`
    are filled for a workflow that did not complete.
    """

    step: str
    reason: str
    message: str
    attempts: int = 1
    error_type: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    workflow_id: str = ""
    status: str = ""

    def as_step_failed(self) -> StepFailed:
        """Return the exception that a body sees for a failed step or effect."""
        return StepFailed(
            self.step,
            self.reason,
            self.message,
            self.attempts,
            error_type=self.error_type,
            details=self.details,
        )

    def as_workflow_failed(self) -> WorkflowFailed:
        """Return the exception that a parent's body, or a caller, sees for a workflow that did not complete."""
        status = self.status or "failed"
        return WorkflowFailed(
            f"{self.step} {self.workflow_id[-8:]} ended as {status}: {self.message}",
            workflow_id=self.workflow_id,
            status=status,
            reason=self.reason,
        )

    def encode(self) -> bytes:
        """Return the canonical bytes of this failure."""
        return canonical({name: getattr(self, name) for name in self.__slots__}, self.step)


def encode_failure(step: str, reason: str, error: BaseException, attempts: int) -> bytes:
    """Return the bytes with which `error` is recorded; never raises, whatever the exception holds."""
    name = _clean(type(error).__qualname__)
    return Failure(_clean(step), reason, message_of(error), attempts, name, _details_of(error)).encode()


def encode_workflow_failure(
    contract: str, workflow_id: str, status: str, reason: str, message: str, *, error_type: str = ""
) -> bytes:
    """Return the bytes with which a workflow's own ending, other than `completed`, is recorded."""
    return Failure(
        contract, reason, _clean(message), error_type=error_type, workflow_id=workflow_id, status=status
    ).encode()


def decode_failure(body: bytes | None) -> Failure:
    """Return the failure in `body`; what is missing is empty, so that older records stay readable.

    Raises InvalidInput for what is no failure record at all.
    """
    try:
        values = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"a failure record is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise InvalidInput("a failure record is a JSON object, and this one is not")
    missing: dict[str, Any] = {"step": "", "reason": "other", "message": ""}
    return Failure(**missing | {name: values[name] for name in Failure.__slots__ if name in values})


def text_of(error: BaseException) -> str:
    """Return an exception's text as a record can hold it, empty where it has none; never raises.

    Text that cannot be read is replaced by a sentence that says so.
    """
    try:
        return _clean(str(error))
    except KeyboardInterrupt:
        raise
    except BaseException as fault:  # its own __str__, which may do anything
        return f"its text cannot be read: reading it raised {type(fault).__name__}"


def message_of(error: BaseException) -> str:
    """Return an exception's text, or the name of its class where it has none; never raises."""
    return text_of(error) or type(error).__name__


def attribute_of(holder: object, name: str) -> object:
    """Return an attribute of an exception, or of what one holds: None where there is none or reading it fails."""
    try:
        return getattr(holder, name, None)
    except KeyboardInterrupt:
        raise
    except BaseException:  # a property, which may do anything
        return None


def _details_of(error: BaseException) -> dict[str, Any]:
    """Return the attributes of `error` that are JSON, as far as they fit, in the order of their names."""
    details: dict[str, Any] = {}
    room = LONGEST_MESSAGE
    attributes = attribute_of(error, "__dict__")
    if type(attributes) is not dict:
        return details
    kept = {name: value for name, value in attributes.copy().items() if type(name) is str and name[:1] != "_"}
    for name in sorted(kept):
        entry = _entry_or_none(name, kept[name], room)
        if entry is not None:
            details |= orjson.loads(entry)
            room -= len(entry)
    return details


def _entry_or_none(name: str, value: object, room: int) -> bytes | None:
    entry = {name: value}
    try:
        body = orjson.dumps(entry, option=orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_SUBCLASS)
        # looked at one level deeper, as it stands in the record
        return body if len(body) <= room and not find_fault([entry]) else None
    except KeyboardInterrupt:
        raise
    except BaseException:  # it is no JSON, or its own code raised what it liked
        return None


def _clean(text: str) -> str:
    """Return `text` as Postgres and JSON can hold it: no NUL, no lone surrogates, bounded; never raises."""
    text = str.replace(text, "\0", "\N{REPLACEMENT CHARACTER}")[:LONGEST_MESSAGE]
    return text.encode("utf-8", "replace").decode("utf-8")
