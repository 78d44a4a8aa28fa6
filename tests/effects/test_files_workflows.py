"""File effects inside workflows: approved, cut off, brought out of doubt, rolled back."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from patience import until

from actum import RollBack, StepFailed, WorkflowFailed, contract
from actum.authoring.contract import Contract
from actum.authoring.effect import Effect
from actum.effects.files import Deleted, Folder, Moved, Written
from actum.testing.harness import Harness


class Site:
    """A folder with two files, its effects, and contracts that use them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        (root / "a.txt").write_text("a\n")
        (root / "b.txt").write_text("b\n")
        (root / "a.txt").chmod(0o640)
        folder = Folder(root)
        write: Effect[[str, str], Written] = folder.writing("site.write")
        delete: Effect[[str], Deleted] = folder.deleting("site.delete")
        move: Effect[[str, str], Moved] = folder.moving("site.move")
        self.write = write

        @contract(on_failure="hold", steps=[write])
        async def publish(text: str) -> int:
            try:
                written = await write("a.txt", text)
            except StepFailed as failure:
                return -failure.attempts
            return written.after.size

        @contract(on_failure="rollback", steps=[write, delete, move])
        async def rebuild(text: str) -> None:
            await write("a.txt", text)
            await delete("b.txt")
            await move("a.txt", "b.txt")
            await write("c.txt", text)
            raise RollBack("it looks wrong")

        self.publish: Contract[[str], int] = publish
        self.rebuild: Contract[[str], None] = rebuild

    def state(self) -> dict[str, tuple[str, int]]:
        return {one.name: (one.read_text(), one.stat().st_mode & 0o777) for one in self.root.iterdir()}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


async def test_a_write_shows_its_diff_and_happens_once_approved(actum: Harness, site: Site) -> None:
    await actum.worker([site.publish])
    handle = await actum.start(site.publish("A\n"))
    await actum.run_until_idle()
    (approval,), _ = await actum.inbox()
    assert "a.txt (2 → 2 bytes)" in (approval.preview or "")
    assert "-a\\n+A" in (approval.preview or "")
    assert "a\n" == (site.root / "a.txt").read_text()
    await actum.approve(handle)
    assert 2 == await handle.result(10)
    assert ("A\n", 0o640) == site.state()["a.txt"]


@pytest.mark.parametrize("is_done", [True, False])
async def test_a_worker_lost_in_the_middle_is_followed_by_a_look_at_the_file(
    actum: Harness, site: Site, is_done: bool
) -> None:
    reached, release = threading.Event(), threading.Event()
    body = site.write.function

    def cut_short(path: str, text: str) -> Written:
        if is_done:
            body(path, text)
        reached.set()
        release.wait(60)
        raise SystemError("nobody hears of this")

    worker = await actum.worker([site.publish])
    site.write.function = cut_short
    handle = await actum.start(site.publish("A\n"))
    await actum.approve(handle)
    await until(lambda: asyncio.to_thread(reached.wait, 0.1), "the body is reached")
    stopping = asyncio.create_task(worker.stop(grace=0))
    site.write.function = body
    await actum.worker([site.publish])
    try:
        if not is_done:
            await actum.run_until_idle()
            assert "a\n" == (site.root / "a.txt").read_text(), "a no is not believed yet"
            actum.clock.advance("61s")
        assert 2 == await handle.result(20)
    finally:
        release.set()
        await stopping
    assert ("A\n", 0o640) == site.state()["a.txt"]
    assert "effect.settled" in await actum.kinds(handle)
    started = [kind for kind in await actum.kinds(handle) if kind == "effect.started"]
    assert (1 if is_done else 2) == len(started)


async def test_a_rollback_puts_every_file_back(actum: Harness, site: Site) -> None:
    before = site.state()
    await actum.worker([site.rebuild])
    handle = await actum.start(site.rebuild("new\n"))
    for _ in range(4):
        await actum.approve(handle)
    with pytest.raises(WorkflowFailed) as caught:
        await handle.result(10)
    assert "rolled_back" == caught.value.status
    assert before == site.state()


async def test_a_rollback_stops_at_a_file_that_somebody_changed_and_goes_on_once_it_is_put_right(
    actum: Harness, site: Site
) -> None:
    before = site.state()
    await actum.worker([site.rebuild])
    handle = await actum.start(site.rebuild("new\n"))
    for _ in range(3):
        await actum.approve(handle)
    await actum.run_until_idle()
    (site.root / "b.txt").write_text("mine\n")
    await actum.approve(handle)
    await actum.run_until_idle()
    row = await handle.row()
    assert ("blocked", "undo_failed") == (row.status, row.cause)
    assert {"b.txt": ("mine\n", 0o640)} == site.state()
    (site.root / "b.txt").write_text("new\n")
    await handle.resume("put right by hand")
    with pytest.raises(WorkflowFailed) as caught:
        await handle.result(10)
    assert "rolled_back" == caught.value.status
    assert before == site.state()


async def test_a_file_that_cannot_be_written_stops_before_anybody_is_asked(
    actum: Harness, site: Site
) -> None:
    (site.root / "a.txt").unlink()
    (site.root / "a.txt").mkdir()
    await actum.worker([site.publish])
    handle = await actum.start(site.publish("A\n"))
    await actum.run_until_idle()
    assert ([], []) == tuple(map(list, await actum.inbox()))
    assert [] == await actum.store.effects.list_of(handle.workflow_id)
