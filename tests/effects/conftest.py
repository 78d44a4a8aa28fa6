"""A service that misbehaves on demand."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from service_remote import Remote

SERVICE = Path(__file__).with_name("service_process.py")


@pytest.fixture
async def remote(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Remote]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    process = subprocess.Popen(
        [sys.executable, str(SERVICE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        port = int(await asyncio.to_thread(process.stdout.readline))
        one = Remote(f"http://127.0.0.1:{port}")
        yield one
        await one.release()
        await one.client.aclose()
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
