"""The plugin costs a project nothing that does not use it, and cleans up after one that does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

WITHOUT = """
import sys

def test_nothing_of_actum_is_loaded_but_the_plugin():
    assert [] == sorted(name for name in sys.modules if name.startswith("actum.") and "testing" not in name)
    assert "asyncpg" not in sys.modules and "pydantic" not in sys.modules
"""
WITH = """
import pathlib, pytest

@pytest.mark.parametrize("number", range(3))
async def test_a_database(actum, number):
    with open({log!r}, "a") as log:
        log.write(actum.dsn + "\\n")
    assert [] == await actum.client.list()
"""

LASTING = """
import actum as a, pathlib, pytest

@a.step
async def stay() -> str:
    return "done"

@a.contract
async def visit() -> str:
    return await stay()

@pytest.mark.parametrize("what", ["first", "sets a role", "alters a table", "replaces a function", "changes a default", "last"])
async def test_a_blank_database(actum, what):
    assert [] == await actum.client.list()
    await actum.worker([visit])
    assert "done" == await (await actum.start(visit())).result(10)
    async with actum.store.pool.connection() as connection:
        await connection.fetchval("select current_user from actum.workflows")
        if what == "sets a role":
            await connection.execute("set role actum_worker")
        if what == "alters a table":
            await connection.execute("alter table actum.messages add remark text")
        if what == "replaces a function":
            await connection.execute(
                "create or replace function actum.is_same(one text, other text) returns boolean language sql as 'select true'"
            )
        if what == "changes a default":
            await connection.execute("alter table actum.messages alter sent_at set default '-infinity'")
    with open({log!r}, "a") as log:
        log.write(actum.dsn + "\\n")
"""
PAUSED = """
import actum as a

@a.contract
async def nothing() -> None: ...

async def test_it(actum):
    await actum.start(nothing())
    async with actum.store.pool.connection() as connection:
        await connection.execute("update actum.workflows set status = 'paused'")
"""


AUTO = "--asyncio-mode=auto"


def run(folder: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(text)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "ACTUM"))}
    environment = {**kept, "PYTHONPATH": str(folder)}
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            *options,
            str(folder),
        ],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_project_that_does_not_use_it_loads_nothing(tmp_path: Path) -> None:
    (tmp_path / "pytest_asyncio.py").write_text("raise ImportError('it is not installed')")
    ran = run(tmp_path, WITHOUT, "-p", "no:asyncio")
    assert "1 passed" in ran.stdout, ran.stdout + ran.stderr


def test_processes_share_one_server_and_leave_nothing_behind(tmp_path: Path) -> None:
    log = tmp_path / "log"
    ran = run(tmp_path, WITH.format(log=str(log)), AUTO, "-n", "2")
    assert "3 passed" in ran.stdout, ran.stdout + ran.stderr
    assert_nothing_is_left(log, count=3)


def test_where_the_loop_lasts_tests_share_a_database_until_one_changes_more_than_rows(tmp_path: Path) -> None:
    log = tmp_path / "log"
    lasting = [f"asyncio_default_{kind}_loop_scope=session" for kind in ("fixture", "test")]
    ran = run(tmp_path, LASTING.format(log=str(log)), AUTO, *(f"-o{option}" for option in lasting))
    assert "6 passed" in ran.stdout, ran.stdout + ran.stderr
    first, second, third, *others = log.read_text().splitlines()
    assert first == second == third
    assert 4 == len({third, *others}), "what each of those changed is seen by no other"


def test_a_difference_found_by_the_auditor_fails_the_test_and_leaves_nothing_behind(tmp_path: Path) -> None:
    log = tmp_path / "log"
    ran = run(tmp_path, WITH.format(log=str(log)) + PAUSED, AUTO)
    assert "the audit found:" in ran.stdout
    assert "column status is 'paused', and its events say 'pending'" in ran.stdout
    assert "1 error" in ran.stdout, "an error beside the test, which had ended well"
    assert 1 == ran.returncode
    assert_nothing_is_left(log, count=3)


def assert_nothing_is_left(log: Path, count: int) -> None:
    """Assert that so many databases were made, all on one server, which has ended."""
    lines = log.read_text().splitlines()
    assert count == len(set(lines)) == len(lines)
    (sockets,) = {line.partition("host=")[2].partition("&")[0] for line in lines}
    assert not list(Path(sockets).glob(".s.PGSQL*"))
