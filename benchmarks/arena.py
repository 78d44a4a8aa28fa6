"""Where contenders meet: one embedded server, one process for each worker, one JSON line at the end.

Every workload opens the arena, runs its contenders one after the other on the same server, and closes it. Nothing of
a run is left behind. Workers are processes of their own, as a user's would be; they say one JSON line when they are
ready and one when they are told to stop.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from actum.store.embedded import EmbeddedServer
from actum.store.migrate import migrate
from actum.store.store import Store

HERE = Path(__file__).resolve().parent
PATIENCE = 120.0
"""Seconds after which a workload that does not end is given up."""

LEFT = {
    "actum": "select count(*) from actum.workflows where finished_at is null",
    "dbos": "select count(*) from dbos.workflow_status where status in ('PENDING', 'ENQUEUED', 'DELAYED')",
}
"""How many workflows have not ended, by contender."""
LAST_END = {
    "actum": "select extract(epoch from max(finished_at))::float8 from actum.workflows",
    "dbos": "select max(updated_at) / 1000.0::float8 from dbos.workflow_status",
}
"""When the last workflow ended, in seconds of the machine's clock, by contender."""


def number(name: str, default: int) -> int:
    """Return the size that the environment gives (`BENCH_…`), else the default."""
    text = os.environ.get(f"BENCH_{name}", "")
    if text and not text.isdigit():
        sys.exit(f"BENCH_{name}={text!r} is no number: write digits, such as BENCH_{name}={default}")
    return int(text) if text else default


def say(text: str) -> None:
    """Report progress to the person who watches."""
    print(text, file=sys.stderr, flush=True)


def announce(result: dict[str, Any]) -> None:
    """Print the one line that is the result."""
    print(json.dumps({k: round(v, 3) if isinstance(v, float) else v for k, v in result.items()}), flush=True)


def median(values: Sequence[float]) -> float:
    """Return the middle of several rounds."""
    return float(statistics.median(values))


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` of all values do not exceed."""
    ranked = sorted(values)
    return ranked[min(int(len(ranked) * share), len(ranked) - 1)]


def own_cpu() -> float:
    """Return the seconds of processor time this process has used, in all its threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def tell(**facts: Any) -> None:
    """Say one line to the process that started this one."""
    print(json.dumps(facts), flush=True)


@dataclass
class Arena:
    """An open server with a database for each contender."""

    place: Path
    actum_url: str
    dbos_url: str
    actum: Any
    """A connection to Actum's database."""
    dbos: Any
    """A connection to DBOS's database."""

    def environment(self, **more: str) -> dict[str, str]:
        """Return what a contender's process sees."""
        return {
            **os.environ,
            "PYTHONPATH": str(HERE),
            "ACTUM_DATABASE_URL": self.actum_url,
            "BENCH_DBOS_URL": self.dbos_url,
            "BENCH_PLACE": str(self.place),
            **more,
        }

    def process(self, module: str, *arguments: str, **environment: str) -> Contender:
        """Start `benchmarks/MODULE.py ARGUMENTS` as a process of its own."""
        return Contender(module, arguments, self.environment(**environment), self.place)

    async def wal(self) -> int:
        """Return the position of the write-ahead log, in bytes."""
        found: int = await self.actum.fetchval("select (pg_current_wal_insert_lsn() - '0/0')::bigint")
        return found

    async def emptied(self, who: str, to: int = 0) -> None:
        """Wait until at most `to` of a contender's workflows have not ended."""
        connection = self.actum if who == "actum" else self.dbos
        await until(lambda: _at_most(connection, LEFT[who], to), f"{who} has not come to its end")

    async def last_end(self, who: str) -> float:
        """Return when the last workflow ended, by the machine's clock."""
        connection = self.actum if who == "actum" else self.dbos
        found: float = await connection.fetchval(LAST_END[who])
        return float(found)


async def _at_most(connection: Any, statement: str, count: int) -> bool:
    return bool(await connection.fetchval(statement) <= count)


async def until(happened: Callable[[], Any], trouble: str, pause: float = 0.05) -> None:
    """Look every `pause` seconds until something has happened; gives the run up after `PATIENCE` seconds."""
    deadline = time.monotonic() + PATIENCE
    while not await happened():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{trouble} within {PATIENCE:.0f} s")
        await asyncio.sleep(pause)


class Contender:
    """A process that takes part."""

    def __init__(
        self, module: str, arguments: Sequence[str], environment: dict[str, str], place: Path
    ) -> None:
        self.name = f"{module} {' '.join(arguments)}"
        self._log = (place / f"{module}.log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / f"{module}.py"), *arguments],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def heard(self) -> dict[str, Any]:
        """Return the next line it says; its log goes to our stderr if it ends without one."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                found: dict[str, Any] = json.loads(line)
                return found
        say(Path(self._log.name).read_text(errors="replace")[-4000:])
        raise RuntimeError(
            f"{self.name} ended with {self._process.wait()} and without a word: its log is above"
        )

    def stop(self) -> dict[str, Any]:
        """Tell it to stop, and return what it says then."""
        assert self._process.stdin is not None
        self._process.stdin.write("stop\n")
        self._process.stdin.flush()
        said = self.heard()
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._log.close()
        return said

    def kill(self) -> float:
        """Send SIGKILL, wait for the end, and return when, by the machine's clock."""
        at = time.time()
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._log.close()
        return at


@asynccontextmanager
async def open_arena() -> AsyncIterator[Arena]:
    """Start a server in a folder of its own, with a database for each contender; end and remove both afterwards."""
    place = Path(tempfile.mkdtemp(prefix="actum-bench-"))
    place.chmod(0o711)  # the server may run as another account
    server = EmbeddedServer.open(place / "home")
    connections = []
    try:
        store = await Store.open(server.dsn)
        await migrate(store.pool)
        await store.close()
        actum = await asyncpg.connect(server.dsn)
        connections.append(actum)
        for setting in ("fsync", "synchronous_commit"):
            if await actum.fetchval("select current_setting($1)", setting) != "on":
                sys.exit(f"{setting} is off: figures without it say nothing")
        await actum.execute("create database dbos")
        theirs = server.dsn.replace("/actum?", "/dbos?")
        dbos = await asyncpg.connect(theirs)
        connections.append(dbos)
        yield Arena(place, server.dsn, theirs, actum, dbos)
    finally:
        for connection in connections:
            await connection.close()
        server.close()
        await _ended(place)
        shutil.rmtree(place, ignore_errors=True)


async def _ended(place: Path) -> None:
    """Wait until the server has left its folder, so that it can be removed."""
    deadline = time.monotonic() + 20
    while list(place.glob("home/**/postmaster.pid")) and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
