"""The two programs of the README, used as it says: one is killed and resumed, one waits for a person."""

from __future__ import annotations

import asyncio
import importlib.util
import signal
import sys
from pathlib import Path

import pytest
from doc_blocks import LONGEST, ROOT, Block, Reader, blocks_of

from actum import Client, Worker
from actum.authoring.lint import lint_module
from actum.errors import NotEntitled
from actum.settings import Settings

README = blocks_of(ROOT / "README.md")


def block_named(name: str) -> Block:
    return next(block for block in README if block.info == f"python {name}")


@pytest.mark.crash
def test_hello_is_killed_in_the_middle_and_its_first_step_does_not_run_again(reader: Reader) -> None:
    name = reader.save(block_named("hello.py"), "hello.py")
    before, after = (block.text for block in README if block.info == "text hello.py")
    first = reader.start(name)
    assert first.stdout is not None
    try:
        printed = ""
        while "greeting" not in printed:
            line = first.stdout.readline()
            assert line, first.communicate()[1]
            printed += line
        first.send_signal(signal.SIGKILL)
        rest, _ = first.communicate(timeout=LONGEST)
    finally:
        first.kill()
        first.wait()
    assert -signal.SIGKILL == first.returncode
    assert before == printed + rest

    second = reader.start(name)
    try:
        printed, complaints = second.communicate(timeout=LONGEST)
    finally:
        second.kill()
        second.wait()
    assert (0, after) == (second.returncode, printed), complaints


async def test_the_refund_waits_for_somebody_else_and_happens_once(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader.save(block_named("refund.py"), "refund.py")
    monkeypatch.chdir(reader.folder)
    monkeypatch.syspath_prepend(reader.folder)
    spec = importlib.util.spec_from_file_location("refund_of_readme", reader.folder / "refund.py")
    assert spec is not None
    assert spec.loader is not None
    refund = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, refund)
    spec.loader.exec_module(refund)
    settings = Settings.read({"ACTUM_HOME": str(reader.folder)})
    async with (
        asyncio.timeout(LONGEST),
        Client.open(actor="user:ana", settings=settings) as ana,
        Client.open(actor="user:ben", settings=settings) as ben,
        Worker([refund.handle_ticket], settings=settings, store=ana.store),
    ):
        handle = await ana.start(refund.handle_ticket(7), key="ticket-7")
        while not (await ana.inbox())[0]:
            await asyncio.sleep(0.02)  # until the approval is asked for
        (approval,), _ = await ana.inbox()
        assert not Path("bank").exists()
        with pytest.raises(NotEntitled):
            await ana.approve(approval.id, "I want it")
        await ben.approve(approval.id, "the photo shows it")
        assert "Ticket 7: refunded, receipt refund-7" == await handle.result()
        again = await ana.start(refund.handle_ticket(7), key="ticket-7")
        assert "Ticket 7: refunded, receipt refund-7" == await again.result()
    assert ["refund-7"] == [path.name for path in Path("bank").iterdir()]
    findings = lint_module(refund, root=reader.folder)
    assert {"owner-missing", "runbook-missing"} == {one.code for one in findings}
