"""`actum verdict --due`: what waits for a word is listed with its age until somebody says one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from commanding import Actum

from actum import Sample, contract
from actum.testing.harness import Harness


@contract(verdicts=Sample("100%", within="2d"))
async def summarize(text: str) -> str:
    return text[:3]


async def test_what_waits_for_a_word_is_listed_with_its_age_and_gone_once_it_is_judged(
    actum: Harness, tmp_path: Path
) -> None:
    command = Actum(tmp_path, ACTUM_DATABASE_URL=actum.dsn)

    async def run(*arguments: str) -> str:
        done = await asyncio.to_thread(command.fine, "verdict", *arguments)
        return done.out

    assert "no output waits for a verdict" in await run("--due")
    await actum.worker([summarize])
    handle = await actum.start(summarize("a long text"))
    await handle.result(10)
    listed = await run("--due", "--contract", "summarize")
    assert f"{handle.short_id}  summarize" in listed
    assert "in 47 h" in listed or "in 2 d" in listed
    assert "no output waits" in await run("--due", "--contract", "other")
    assert '"is_overdue": false' in await run("--due", "--json")
    await run(handle.short_id, "unusable", "--why", "too short")
    assert "no output waits for a verdict" in await run("--due")


@pytest.mark.parametrize("arguments", [(), ("--due", "7c1e90ab"), ("7c1e90ab", "--contract", "summarize")])
async def test_a_verdict_is_about_one_workflow_or_the_list_is_asked_for(
    actum: Harness, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    done = await asyncio.to_thread(Actum(tmp_path, ACTUM_DATABASE_URL=actum.dsn), "verdict", *arguments)
    assert (2, 1, "") == (done.code, len(done.err.splitlines()), done.out)
