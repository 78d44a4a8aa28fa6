"""Run alone: a workflow in a process of its own is ruled, timed and recorded as its worker would have done it."""

from __future__ import annotations

import sys
from dataclasses import fields, replace
from datetime import timedelta
from json import loads
from pathlib import Path
from types import ModuleType
from typing import Any

import asyncpg
import pytest
from alone_contracts import pays
from patience import until

from actum.engine.alone import NOT_HANDED_OVER, hand_over
from actum.model.events import EventKind
from actum.settings import Settings
from actum.store.store import Store
from actum.testing.harness import Harness

POLICY = """
schema = 1
name = "tests"
owner = "platform"
default_tier = 2

[facts]
amount = "int"

[[rule]]
id = "prod"
match = { kind = "pay.it", environment = "prod" }
tier = 0
why = "It may be paid there."
"""


class Elsewhere:
    """A pool of another database than the settings name."""

    dsn, schema, pooler = "postgresql://u@h/other", "other", True


EVERY: dict[str, Any] = {
    "database_url": "postgresql://u@h/d",
    "schema": "mine",
    "home": Path("/srv/home"),
    "lease": 3.0,
    "hints": False,
    "pooler": False,
    "environment": "prod",
    "webhook_url": "https://h/in",
    "webhook_secret": "s" * 16,
    "apprise_urls": ("slack://x",),
    "alertmanager_url": "https://h/alerts",
    "console_url": "https://h/console",
    "token": "actum_" + "t" * 43,
}
"""A value for each setting that is not its default."""
OF_THE_STORE = {"database_url": Elsewhere.dsn, "schema": Elsewhere.schema, "pooler": Elsewhere.pooler}


def test_every_setting_is_handed_over_or_named_as_not() -> None:
    assert [one.name for one in fields(Settings)] == list(EVERY), "give the new setting a value here"
    given = Settings(**EVERY)
    plain = Settings(database_url=None)
    store = Store(Elsewhere())  # type: ignore[arg-type]  # nothing is asked of it
    handed = hand_over(given, store, 7.0)
    expected = {**EVERY, **OF_THE_STORE, "lease": 7.0, **dict.fromkeys(NOT_HANDED_OVER)}
    assert Settings(**expected) == handed
    assert [] == [name for name in EVERY if name != "pooler" and EVERY[name] == getattr(plain, name)]


def test_an_embedded_server_is_handed_over_by_its_folder() -> None:
    store = Store(Elsewhere())  # type: ignore[arg-type]  # nothing is asked of it
    store.home = Path("/srv/elsewhere")
    handed = hand_over(Settings(**EVERY), store, 7.0)
    assert (None, Path("/srv/elsewhere")) == (handed.database_url, handed.home)


async def ask(actum: Harness, statement: str, *values: object) -> list[Any]:
    """Run a statement, and return its rows."""
    connection: Any = await asyncpg.connect(actum.dsn)
    try:
        return list(await connection.fetch(statement, *values))
    finally:
        await connection.close()


async def test_what_runs_alone_is_ruled_frozen_and_timed_as_by_its_worker(
    actum: Harness, tmp_path: Path
) -> None:
    await actum.activate(POLICY)
    await actum.reviewer.freezes.freeze("environment", "prod", reason="something is wrong")
    handle = await actum.start(pays(str(tmp_path / "paid")))
    await ask(actum, "update actum.workflows set crash_count = 2")
    actum.settings = replace(actum.settings, environment="prod")
    await actum.worker([pays], name="first", lease=45.0, queues=["default", "more"])

    async def waits() -> list[dict[str, str]]:
        parked = [event for event in await actum.events(handle) if event.kind is EventKind.WORKFLOW_PARKED]
        assert all(event.actor == "worker:first-alone" for event in parked)
        return [one for event in parked for one in loads(event.data or "")["waits"]]

    assert ["freeze"] == [one["for"] for one in await until(waits, "the effect waits")]
    assert ([], []) == tuple(map(list, await actum.inbox()))
    assert not (tmp_path / "paid").exists()
    (alone,) = await ask(actum, "select queues, lease from actum.workers where name = 'first-alone'")
    assert (["default", "more"], timedelta(seconds=45)) == tuple(alone)


async def test_a_contract_that_no_other_process_finds_is_run_where_it_crashed(
    actum: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("only_here")
    monkeypatch.setitem(sys.modules, "only_here", module)
    exec("from actum import contract\n@contract\nasync def stays() -> str: return 'here'", vars(module))  # noqa: S102
    handle = await actum.start(module.stays())
    await ask(actum, "update actum.workflows set crash_count = 2")
    worker = await actum.worker([module.stays])
    assert "stays" in worker.isolator.contracts
    assert await handle.result(30) == "here"
    assert "stays" not in worker.isolator.contracts
