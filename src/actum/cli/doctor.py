"""`actum doctor`: what is wrong, or could become so, with database, workers and workflows; each with its cure."""

from __future__ import annotations

import importlib.util
import platform
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import click

from actum.cli import options
from actum.cli.exits import Exit
from actum.cli.opening import carry_out
from actum.cli.printing import BAD, GOOD, WARN, say_all, say_json
from actum.cli.text import age, columns, indent, neutral
from actum.model.workflow import FINAL
from actum.settings import Settings
from actum.store.migrate import read_standing
from actum.store.opening import open_store
from actum.store.store import Store

FINE, WARNING, WRONG = "fine", "warning", "wrong"
_STYLES = {FINE: GOOD, WARNING: WARN, WRONG: BAD}
SKEW = 2.0
"""Seconds by which clocks may differ before it is worth a word; leases do not depend on it."""
LATE = timedelta(minutes=2)
"""How old what nobody sends has to be before it is missed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: its word, a sentence, and the cure where one is needed."""

    level: str
    sentence: str
    cure: str = ""


@click.command()
@options.as_json
def doctor(is_json: bool) -> int:
    """Look at database, workers and workflows, and say what helps; exit code 1 when something is wrong."""
    return carry_out(_doctor(is_json))


async def _doctor(is_json: bool) -> int:
    settings = Settings.read()
    store, opened = await open_store(settings, size=2)
    try:
        findings = [one async for one in _examine(store, settings, is_embedded=opened.is_embedded)]
    finally:
        await opened.close()
    if is_json:
        say_json([asdict(one) for one in findings])
    else:
        for one in findings:
            text = one.sentence + (f": {one.cure}" if one.cure else "")
            say_all(indent(neutral(text), f"{one.level:<8} ", " " * 9, columns()), _STYLES[one.level])
    return Exit.FAILED if any(one.level == WRONG for one in findings) else Exit.FINE


async def _examine(store: Store, settings: Settings, *, is_embedded: bool) -> AsyncIterator[Finding]:
    yield _here()
    async for one in _database(store, is_embedded=is_embedded):
        yield one
    standing = await read_standing(store.pool)
    if standing.pending:
        missing = ", ".join(standing.pending)
        yield Finding(WRONG, f"the schema {settings.schema} lacks {missing}", "run `actum db migrate`")
        return
    yield Finding(FINE, f"the schema {settings.schema} is at this version")
    async for one in _workers(store):
        yield one
    async for one in _workflows(store):
        yield one
    async for one in _notifications(store, is_embedded=is_embedded):
        yield one


def _here() -> Finding:
    has_uvloop = importlib.util.find_spec("uvloop") is not None
    loop = "uvloop" if has_uvloop else "asyncio's own loop, which is slower"
    return Finding(FINE, f"Python {platform.python_version()} on {platform.system()}, with {loop}")


async def _database(store: Store, *, is_embedded: bool) -> AsyncIterator[Finding]:
    said = await store.describe()
    where = "the embedded server" if is_embedded else "the database"
    yield Finding(FINE, f"{where} answers, as {said['role']}, with {said['bytes'] // 1_000_000} MB")
    if said["is_replica"]:
        yield Finding(
            WRONG, "this is a replica and takes no writes", "point ACTUM_DATABASE_URL at the primary"
        )
    if said["fsync"] != "on":
        yield Finding(WRONG, "fsync is off: a power cut loses what was durable", "set fsync = on")
    if said["synchronous_commit"] == "off":
        yield Finding(WRONG, "synchronous_commit is off: a crash loses what was durable", "set it to on")
    apart = abs((datetime.now(UTC) - await store.read_clock()).total_seconds())
    if apart > SKEW:
        yield Finding(WARNING, f"this machine's clock is {apart:.0f} s off the database's", "synchronize it")


async def _workers(store: Store) -> AsyncIterator[Finding]:
    workers = await store.workers.list_live()
    now = await store.read_clock()
    if not workers:
        yield Finding(
            WARNING, "no live worker", "start one with `actum worker MODULE`, or `actum dev MODULE`"
        )
    for one in workers:
        served = ", ".join(one.contracts)
        yield Finding(FINE, f"worker {one.name} (up {age(now - one.started_at)}) serves {served}")
    stopped = await store.workers.list_stopped_owners()
    if stopped:
        yield Finding(
            WARNING, f"{len(stopped)} dead worker(s) still hold workflows", "any live worker takes them over"
        )
    served_now = {name for one in workers for name in one.contracts}
    known = dict.fromkeys(row["contract"] for row in await store.contracts.find_shapes())
    for name in known:
        count = await store.workflows.count_ready(name)
        if count and name not in served_now:
            yield Finding(
                WRONG, f"{count} workflow(s) of {name} are ready and no live worker serves it", "start one"
            )


async def _workflows(store: Store) -> AsyncIterator[Finding]:
    counts = await store.workflows.count_by_status()
    blocked = counts.pop("blocked", 0)
    open_ones = sum(count for status, count in counts.items() if status not in FINAL)
    yield Finding(FINE, f"{open_ones} workflows under way, {sum(counts.values()) - open_ones} ended")
    if blocked:
        yield Finding(WARNING, f"{blocked} workflow(s) blocked", "see `actum list --status blocked`")
    broken = await store.effects.find_violations()
    if broken:
        yield Finding(WRONG, f"{len(broken)} broken promise(s) about effects", "see `actum audit verify`")
    waiting = len(await store.approvals.list_pending(10_000)) + len(await store.questions.list_open(10_000))
    if waiting:
        yield Finding(FINE, f"{waiting} approval(s) and question(s) wait for a person: see `actum inbox`")


async def _notifications(store: Store, *, is_embedded: bool) -> AsyncIterator[Finding]:
    standing = await store.notifications.read_standing(LATE)
    if standing.unattended:
        yield Finding(
            FINE if is_embedded else WARNING,
            f"nobody is told: {standing.unattended} notification(s) wait, and no worker sends them",
            "give the workers ACTUM_WEBHOOK_URL and ACTUM_WEBHOOK_SECRET, or ACTUM_APPRISE_URLS",
        )
    if standing.failing or standing.abandoned:
        yield Finding(
            WARNING,
            f"{standing.failing} notification(s) could not be sent so far, and {standing.abandoned} were given up",
            standing.error or "see the workers' logs",
        )
