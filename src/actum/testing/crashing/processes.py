"""The caller's side of the nursery: orders given, births and deaths heard of."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from actum.authoring.contract import Contract
from actum.engine.alone import reference
from actum.errors import InvalidContract, InvalidInput
from actum.testing.crashing.life import Order
from actum.testing.crashing.world import World

END_SECONDS = 5.0


class Life:
    """One process out of the nursery."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def end(self) -> None:
        """Kill it, if it lives, and wait until it is gone."""
        if not self.ended.done():
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        with suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await asyncio.shield(self.ended)


class Nursery:
    """Bears processes that are killed. Used inside one event loop; what still lives at the end is killed.

    It removes `folder` when it ends, so that nothing of it stays where this process is killed.
    """

    def __init__(self, contract: Contract[..., Any], world: World, folder: Path) -> None:
        self._contract = contract
        self._folder = folder
        self._modules, self._name = _importable(contract, world)
        self._lives: dict[int, Life] = {}
        self._births: list[asyncio.Future[Life]] = []

    async def __aenter__(self) -> Nursery:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",  # not -m, whose first look would be at the folder of this process
            "from actum.testing.crashing.nursery import main; main()",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            start_new_session=True,
        )
        try:
            self._write(
                {
                    "path": sys.path,
                    "modules": self._modules,
                    "contract": self._name,
                    "folder": str(self._folder),
                }
            )
            said = await self._hear_one()
            if said is None or "failed" in said:
                raise InvalidContract(
                    f"{self._contract.name} cannot be imported in another process ({(said or {}).get('failed')}): "
                    "let the modules of the contract and the world be importable by their names"
                )
        except BaseException:
            await self._stop()
            raise
        self._hearing = asyncio.create_task(self._hear(), name="crash nursery")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._hearing.cancel()
        await self._stop()

    async def bear(self, order: Order) -> Life:
        """Start a process that carries out `order`."""
        born: asyncio.Future[Life] = asyncio.get_running_loop().create_future()
        self._births.append(born)
        self._write(asdict(order))
        return await born

    async def _stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()  # its children are killed by it
        with suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await self._process.wait()
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def _write(self, values: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(values).encode() + b"\n")

    async def _hear_one(self) -> dict[str, Any] | None:
        """Return what the nursery says next; what the author's modules print at import is no word of it."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            with suppress(json.JSONDecodeError):
                said = json.loads(line)
                if isinstance(said, dict):
                    return said
        return None

    async def _hear(self) -> None:
        while (said := await self._hear_one()) is not None:
            if "born" in said:
                life = self._lives[said["born"]] = Life(said["born"])
                self._births.pop(0).set_result(life)
            elif "pid" in said:
                self._lives.pop(said["pid"]).ended.set_result(said["status"])
        for birth in self._births:
            birth.set_exception(RuntimeError("the nursery of killed processes has ended"))


def _importable(contract: Contract[..., Any], world: World) -> tuple[list[tuple[str, str | None]], str]:
    place = reference(contract)
    if place is None or place[0] == "__main__":
        raise InvalidInput(
            f"{contract.name} can only be found in this very process: define it in a module of its own, under a name "
            "of that module, so that the processes to be killed can import it",
            path="call",
        )
    names = dict.fromkeys((place[0], world.name))
    files = [(name, getattr(sys.modules.get(name), "__file__", None)) for name in names]
    return files, place[1]
