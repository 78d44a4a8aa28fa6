"""Asking a person a question, and waiting for the answer without holding anything but a row."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from actum.authoring.call import running_flow, unknown_word
from actum.authoring.failures import decode_failure
from actum.authoring.payload import ValueCodec
from actum.errors import InvalidInput

if TYPE_CHECKING:
    from actum.flow.records import Outcome

T = TypeVar("T")

LONGEST_QUESTION = 4_000


async def ask(question: str, type: type[T], *, to: str | None = None) -> T:  # noqa: A002  # the word people expect
    """Ask `question` of a person, or of `to` (such as `"team:platform"`), and return an answer of `type`.

    The workflow waits as rows only, for as long as it takes; put `asyncio.timeout` around it for a limit. An answer
    that does not fit `type` is refused where it is given. Raises OutsideWorkflow where no workflow runs and
    InvalidInput for an empty or overlong question, StepFailed where a budget of prompts lets nobody be asked. After a crash the question is found again, not asked twice.
    """
    flow = running_flow("ask was used outside a workflow: await it in the body of a @contract")
    return await flow.ask(Question(question, type, to))  # type: ignore[no-any-return]  # what `receive` returned


class Question:
    """What `ask` asks of the engine."""

    __slots__ = ("_codec", "argument_hash", "question", "to")

    name = "ask"

    def __init__(self, question: str, annotation: object, to: str | None = None) -> None:
        if not question.strip() or len(question) > LONGEST_QUESTION or "\0" in question:
            raise InvalidInput(
                f"a question is text of 1 to {LONGEST_QUESTION} characters without NUL, and {question[:40]!r} is not",
                path="question",
            )
        self.question = question
        self.to = to
        self._codec = ValueCodec("ask", lambda: annotation, key="answer")
        # The schema stays out of the hash: a newer pydantic words the same schema differently.
        self.argument_hash = sha256(orjson.dumps([question, to])).digest()

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the answer."""
        return self._codec.schema()

    def decode(self, body: bytes) -> Any:
        """Return the answer in `body`; raises InvalidInput when it does not fit."""
        return self._codec.decode(body)

    def receive(self, outcome: Outcome) -> Any:
        """Return the answer that `outcome` brings."""
        if outcome.word == "failed":
            failure = decode_failure(outcome.body).as_step_failed()
            failure.address = outcome.address
            raise failure
        if outcome.word != "completed":
            raise unknown_word(self.name, outcome)
        return self._codec.decode(outcome.body or b"null")
