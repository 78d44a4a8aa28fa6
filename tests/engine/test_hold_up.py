"""A body that holds the worker's loop is named, with its line."""

from __future__ import annotations

import logging
import threading

import pytest

from actum import contract
from actum.engine import heartbeat
from actum.testing.harness import Harness


async def test_a_body_that_holds_the_loop_is_reported_with_its_line(
    actum: Harness, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "HELD_UP_AFTER", 0.1)
    reported = threading.Event()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "holds the worker's loop" in record.getMessage():
                reported.set()

    @contract
    async def stubborn() -> bool:
        return reported.wait(20)

    listener = Listener()
    logging.getLogger("actum.heartbeat").addHandler(listener)
    try:
        await actum.worker([stubborn], lease=60)
        assert await (await actum.start(stubborn())).result(30) is True
    finally:
        logging.getLogger("actum.heartbeat").removeHandler(listener)
    assert "reported.wait(20)" in caplog.text
