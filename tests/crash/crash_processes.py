"""The tests' side of the nursery, and the server they can kill."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from crash_driver import Order
from patience import PATIENCE

from actum.store.embedded import EmbeddedServer
from actum.testing.server import TestServer

HERE = Path(__file__).parent


class Life:
    """One process out of the nursery."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def status(self, seconds: float = PATIENCE) -> int:
        """Return the exit status, negative for a signal, once the process has ended."""
        async with asyncio.timeout(seconds):
            return await asyncio.shield(self.ended)

    def signal(self, number: signal.Signals) -> None:
        if not self.ended.done():
            with suppress(ProcessLookupError):  # its end is known and has not been heard of here
                os.kill(self.pid, number)


class Nursery:
    """Starts processes that can be killed. Used inside one event loop; what still lives at the end is killed."""

    def __init__(self) -> None:
        self.lives: dict[int, Life] = {}
        self._births: list[asyncio.Future[Life]] = []

    async def __aenter__(self) -> Nursery:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(HERE / "crash_driver.py"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._hearing = asyncio.create_task(self._hear())
        return self

    async def __aexit__(self, *_: object) -> None:
        for life in self.lives.values():
            life.signal(signal.SIGKILL)
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._hearing.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                await self._process.wait()
        if self._process.returncode is None:
            self._process.kill()

    async def bear(self, order: Order) -> Life:
        """Start a process that carries out `order`."""
        born: asyncio.Future[Life] = asyncio.get_running_loop().create_future()
        self._births.append(born)
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
        return await born

    async def _hear(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = json.loads(line)
            if "born" in said:
                life = self.lives[said["born"]] = Life(said["born"])
                self._births.pop(0).set_result(life)
            else:
                self.lives[said["pid"]].ended.set_result(said["status"])


class Server:
    """An embedded server in a folder of its own, that tests may stop and kill."""

    def __init__(self) -> None:
        memory = Path("/dev/shm")
        roomy = memory.is_dir() and shutil.disk_usage(memory).free > 2**30
        self.folder = Path(tempfile.mkdtemp(prefix="actum-crash-", dir=memory if roomy else None))
        self.folder.chmod(0o711)
        self.holds = [EmbeddedServer.open(self.folder)]
        self.databases = TestServer(self.holds[0].dsn, None)

    @property
    def house(self) -> Path:
        return self.holds[0].place

    def pids(self, program: str) -> list[int]:
        """Return the processes of this very server."""
        listed = subprocess.run(
            ["ps", "-e", "-ww", "-o", "pid=,args="], capture_output=True, text=True, check=True
        ).stdout
        rows = [line.split(None, 1) for line in listed.splitlines()]
        return [
            int(row[0]) for row in rows if len(row) > 1 and str(self.house) in row[1] and program in row[1]
        ]

    def stop_at_once(self, number: signal.Signals) -> None:
        """End the postmaster as `pg_ctl -m immediate` (SIGQUIT) or a lack of memory (SIGKILL) would."""
        postmaster = int((self.house / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
        assert postmaster in self.pids("bin/postgres -D")
        os.kill(postmaster, number)

    def open_again(self) -> None:
        """Start the server that was ended."""
        self.holds.append(EmbeddedServer.open(self.folder))

    def close(self) -> None:
        """End the server and remove its folder."""
        for hold in self.holds:
            hold.close()
        deadline = time.monotonic() + 20
        while self.pids("bin/postgres") and time.monotonic() < deadline:
            time.sleep(0.02)
        for pid in self.pids("bin/postgres"):
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)
