"""The tests' side of the service that misbehaves."""

from __future__ import annotations

import ssl
from typing import Any

import httpx

PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Holds no certificates: loading them costs more than a request, and the service speaks plain HTTP."""


class Remote:
    """The tests' side of the service: plan what it does, read what it saw."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = httpx.AsyncClient(base_url=url, trust_env=False, timeout=20, verify=PLAIN)

    async def begin(self) -> None:
        """Begin a world in which nothing happened and nothing is planned."""
        (await self.client.post("/begin")).raise_for_status()

    async def plan(self, *how: str, text: str = "", location: str = "", pause: str = "") -> None:
        plan = {"plan": list(how), "text": text, "location": location, "pause": pause}
        (await self.client.post("/plan", json=plan)).raise_for_status()

    async def release(self) -> None:
        (await self.client.post("/release")).raise_for_status()

    async def world(self) -> dict[str, Any]:
        return (await self.client.get("/seen")).json()  # type: ignore[no-any-return]

    async def keys(self) -> list[str]:
        """Return the operation keys of the requests that wrote, in order."""
        return [one["key"] for one in (await self.world())["seen"]]

    async def acts(self) -> int:
        """Return how often something was done."""
        return int((await self.world())["acts"])
