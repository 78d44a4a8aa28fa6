"""Drives a body through the real flow, answering each request with a word and a body; and plants mistakes to find."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from lint_planting import plant  # noqa: F401  # a fixture

from actum.flow import Flow, Outcome, Raised, Returned
from actum.flow.requests import Request

Answer = Callable[[Request], tuple[str, bytes | None] | None]  # None leaves a request waiting
STARTED_AT = 1_700_000_000_000_000


class Driver:
    """One run of one body; `asked` are the requests that came out, by address."""

    def __init__(self, body: Callable[[], Coroutine[Any, Any, Any]], contract: object = None) -> None:
        self.flow = Flow(body, started_at=STARTED_AT, seed=b"seed")
        if contract is not None:
            self.flow.contract = contract  # type: ignore[attr-defined]
        self.asked: dict[str, Request] = {}

    def run(self, answer: Answer) -> Any:
        """Answer until the body ends; return its value or raise its exception."""
        deliveries: list[Outcome] = []
        for instant in range(1, 1_000):
            commands = self.flow.advance(deliveries)
            if self.flow.is_done:
                break
            deliveries = []
            for address, request in commands.start:
                self.asked[address] = request
                answered = answer(request)
                if answered is not None:
                    at = STARTED_AT + instant
                    deliveries.append(Outcome(address, request.name, request.argument_hash, at, *answered))
        match self.flow.ending():
            case Returned(value):
                return value
            case Raised(exception):
                raise exception
        raise AssertionError("the body was cancelled")


@pytest.fixture
def drive() -> Callable[..., Any]:
    def run(
        body: Callable[[], Coroutine[Any, Any, Any]], answer: Answer, contract: object = None
    ) -> tuple[Any, dict[str, Request]]:
        driver = Driver(body, contract)
        return driver.run(answer), driver.asked

    return run
