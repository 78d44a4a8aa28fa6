"""What a campaign runs in: the service's process, two workers, a server, and whoever kills each of them at random."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from campaign_contracts import CONTRACTS, PORT
from crash_driver import LOST_LEASE, Order
from crash_processes import Life, Nursery, Server

HERE = Path(__file__).parent
LONGEST = 900.0
"""Seconds after which the service ends by itself."""
GAP, FIRST_GAP = (0.6, 2.2), (0.3, 0.9)
"""Seconds between two kills, and between the first ones, so that even a short campaign has them all."""
KILLS = {"worker": 6, "service": 3, "database": 1}
"""What is killed: each once at first, then so often beside the others."""


class CampaignNursery(Nursery):
    """A nursery whose processes serve the campaign's contracts."""

    async def __aenter__(self) -> CampaignNursery:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(HERE / "campaign_worker.py"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._hearing = asyncio.create_task(self._hear())
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the nursery and everything that its processes started: they are one group of processes."""
        await super().__aexit__()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


class OutsideService:
    """The lying service: its process, and its log, which is the truth about what was done."""

    def __init__(self, folder: Path, seed: str) -> None:
        self.log = folder / "service-log"
        self._seed = seed
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        (folder / PORT).write_text(str(self._port))
        self.start()

    def start(self) -> None:
        """Start the process; it goes on from its log."""
        program = [sys.executable, str(HERE / "lying_service.py")]
        self._process = subprocess.Popen([*program, str(self._port), str(self.log), self._seed, str(LONGEST)])

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def lines(self) -> list[dict[str, Any]]:
        """Return everything it wrote down."""
        text = self.log.read_text() if self.log.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def done(self) -> Counter[str]:
        """Return how often it acted under each key; an undo's key ends in `/undo`."""
        return Counter(line["key"] for line in self.lines() if line["what"] != "received")


class World:
    """Everything that a campaign may kill."""

    def __init__(
        self, server: Server, service: OutsideService, nursery: Nursery, orders: Sequence[Order], seed: str
    ) -> None:
        self.server = server
        self.service = service
        self.kills: Counter[str] = Counter()
        self.is_calm = False
        self._nursery = nursery
        self._orders = orders
        self._chance = random.Random(f"{seed}/kills")
        self._lives: list[Life] = []

    async def work(self) -> None:
        """Keep two workers alive until cancelled, and kill something every other second until it is to be calm.

        Whoever was there at two crashes is run alone from then on, so that kills without end would leave few to be
        run together: once everything has been started, what is left is let finish.
        """
        self._lives = [await self._nursery.bear(order) for order in self._orders]
        first = list(KILLS)
        while True:
            gap = asyncio.get_running_loop().time() + self._chance.uniform(*(FIRST_GAP if first else GAP))
            while asyncio.get_running_loop().time() < gap:
                await self._replace_the_dead()
                await asyncio.sleep(0.05)
            if not self.is_calm:
                drawn = self._chance.choices(list(KILLS), list(KILLS.values()))[0]
                await self._kill(first.pop(0) if first else drawn)

    async def calm_down(self) -> None:
        """End the workers as an operator would, once everything has ended."""
        for life in self._lives:
            life.signal(signal.SIGTERM)
        for life in self._lives:
            assert await life.status() in (0, -signal.SIGKILL, LOST_LEASE)

    async def _replace_the_dead(self) -> None:
        for place, life in enumerate(self._lives):
            if life.ended.done():
                status = life.ended.result()
                assert status in (-signal.SIGKILL, LOST_LEASE), f"a worker ended by itself: {status}"
                self._lives[place] = await self._nursery.bear(self._orders[place])

    async def _kill(self, what: str) -> None:
        self.kills[what] += 1
        match what:
            case "worker":
                self._chance.choice(self._lives).signal(signal.SIGKILL)
            case "service":
                self.service.kill()
                await asyncio.sleep(self._chance.uniform(0.0, 0.4))
                self.service.start()
            case _:
                self.server.stop_at_once(signal.SIGQUIT)
                await asyncio.to_thread(self.server.open_again)


@asynccontextmanager
async def opened_world(server: Server, dsn: str, folder: Path, seed: str) -> AsyncIterator[World]:
    """Open a world on one database; everything in it is ended with it."""
    service = OutsideService(folder, seed)
    orders = [
        Order(dsn, str(folder), name, list(CONTRACTS), lease=3.0, concurrency=40)
        for name in ("left", "right")
    ]
    try:
        async with CampaignNursery() as nursery:
            yield World(server, service, nursery, orders, seed)
    finally:
        service.kill()
