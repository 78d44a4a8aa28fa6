"""What is killed in the crash test of file effects, with its world: one folder, named by the environment."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import actum as a
from actum.effects.files import Folder

SITE = "EFFECTS_CRASH_SITE"
ROOT = Path(os.environ[SITE])

site = Folder(ROOT)
write = site.writing("site.write")
delete = site.deleting("site.delete")
move = site.moving("site.move")


def reset() -> None:
    shutil.rmtree(ROOT, ignore_errors=True)
    shutil.rmtree(site.place.keep.folder, ignore_errors=True)
    ROOT.mkdir()
    for name in ("a.txt", "b.txt"):
        (ROOT / name).write_text(f"{name}\n")
        (ROOT / name).chmod(0o640)


def observe() -> dict[str, list[str]]:
    return {one.name: [one.read_text(), oct(one.stat().st_mode)] for one in sorted(ROOT.iterdir())}


@a.contract(on_failure="rollback")
async def rebuild() -> None:
    await write("a.txt", "new\n")
    await delete("b.txt")
    await move("a.txt", "b.txt")
    raise a.RollBack("not wanted")
