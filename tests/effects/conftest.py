"""A service that misbehaves on demand."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from service_remote import Remote

SERVICE = Path(__file__).with_name("service_process.py")


@pytest.fixture(scope="session")
def service_url() -> Iterator[str]:
    """The address of the service; it speaks on the loopback, and its process ends with the tests."""
    process = subprocess.Popen(
        [sys.executable, str(SERVICE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


@pytest.fixture
async def remote(service_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Remote]:
    """The service, in a world of the test's own."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    one = Remote(service_url)
    await one.begin()
    yield one
    await one.release()
    await one.client.aclose()
