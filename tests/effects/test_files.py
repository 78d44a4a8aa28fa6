"""File effects, one at a time: what they refuse, what their cards show, and that nothing of anybody else is lost."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from actum import Happened, NotHappened, Unknown
from actum.authoring.attempt import CURRENT_ATTEMPT, Attempt
from actum.effects.files import Folder, Unfit, WriteFacts, Written
from actum.errors import InvalidContract


@pytest.fixture
def site(tmp_path: Path) -> Path:
    root = tmp_path / "site"
    root.mkdir()
    return root


@pytest.fixture(autouse=True)
def under_a_key() -> Iterator[None]:
    token = CURRENT_ATTEMPT.set(Attempt(1, key="operation/1"))
    yield
    CURRENT_ATTEMPT.reset(token)


def hooks(folder: Folder, what: str) -> tuple[Callable[..., Any], dict[str, Callable[..., Any]]]:
    """Return the body of an effect of `folder`, and its hooks by name."""
    effect: Any = getattr(folder, what)("t.touch")
    return effect.function, {name: hook.function for name, hook in effect.hooks.items()}


def state(path: Path) -> tuple[bytes, int, int]:
    status = path.stat()
    return path.read_bytes(), status.st_mode, status.st_mtime_ns


@pytest.mark.parametrize("mode", [0o644, 0o600, 0o4755, 0o444])
def test_a_written_file_keeps_its_mode_and_its_undo_restores_everything(site: Path, mode: int) -> None:
    page = site / "page.html"
    page.write_bytes(b"\xff\x00 no text\n")
    page.chmod(mode)
    os.utime(page, ns=(1, 10**18 + 1))
    before = state(page)
    write, hook = hooks(Folder(site), "writing")
    written = write("page.html", "neu: für Ana\n")
    assert ("neu: für Ana\n".encode(), before[1]) == state(page)[:2]
    assert Happened(written) == hook["probe"]("page.html", "neu: für Ana\n")
    for _ in range(2):
        hook["undo"](written, "page.html", "neu: für Ana\n")
        assert before == state(page)
    assert ["page.html"] == [path.name for path in site.iterdir()]


def test_a_new_file_is_gone_after_its_undo(site: Path) -> None:
    write, hook = hooks(Folder(site), "writing")
    written = write("new.txt", "")
    assert b"" == (site / "new.txt").read_bytes()
    for _ in range(2):
        hook["undo"](written, "new.txt", "")
        assert [] == list(site.iterdir())


def test_a_second_call_under_the_same_key_finds_the_work_of_the_first(site: Path) -> None:
    (site / "old.txt").write_text("was")
    for what, args in [
        ("writing", ("old.txt", "is")),
        ("moving", ("old.txt", "new.txt")),
        ("deleting", ("new.txt",)),
    ]:
        CURRENT_ATTEMPT.set(Attempt(1, key=what))
        act, hook = hooks(Folder(site), what)
        first = act(*args)
        assert first == act(*args)
        assert Happened(first) == hook["probe"](*args)


@pytest.mark.parametrize("change", ["content", "mode", "gone"])
def test_what_somebody_changed_since_is_left_as_it_is_and_the_copy_is_named(site: Path, change: str) -> None:
    page = site / "page.html"
    page.write_text("was")
    write, hook = hooks(Folder(site), "writing")
    written = write("page.html", "is")
    match change:
        case "content":
            page.write_text("is, and more")
        case "mode":
            page.chmod(0o700)
        case _:
            page.unlink()
    left = state(page) if page.exists() else None
    with pytest.raises(
        Unfit, match=r"page\.html was changed by somebody else since it was written"
    ) as caught:
        hook["undo"](written, "page.html", "is")
    assert left == (state(page) if page.exists() else None)
    copy = str(caught.value).rpartition(" lies in ")[2]
    assert "was" == Path(copy).read_text()
    answer = hook["probe"]("page.html", "is")
    assert isinstance(answer, Happened if change == "mode" else Unknown)


def test_a_name_taken_since_is_not_overwritten_by_an_undo(site: Path) -> None:
    (site / "a.txt").write_text("a")
    (site / "b.txt").write_text("b")
    delete, undelete = hooks(Folder(site), "deleting")
    move, unmove = hooks(Folder(site), "moving")
    deleted, moved = delete("a.txt"), move("b.txt", "c.txt")
    (site / "a.txt").write_text("mine")
    (site / "b.txt").write_text("mine")
    with pytest.raises(Unfit, match="was made anew"):
        undelete["undo"](deleted, "a.txt")
    with pytest.raises(Unfit, match="was made by somebody else"):
        unmove["undo"](moved, "b.txt", "c.txt")
    assert {"a.txt": "mine", "b.txt": "mine", "c.txt": "b"} == {p.name: p.read_text() for p in site.iterdir()}


def test_nothing_is_moved_over_another_file(site: Path) -> None:
    (site / "a.txt").write_text("a")
    (site / "b.txt").write_text("b")
    move, hook = hooks(Folder(site), "moving")
    for act in (move, hook["preview"]):
        with pytest.raises(Unfit):
            act("a.txt", "b.txt")
    assert {"a.txt": "a", "b.txt": "b"} == {p.name: p.read_text() for p in site.iterdir()}
    assert NotHappened() == hook["probe"]("a.txt", "c.txt")


PATHS = [
    "",
    ".",
    "/etc/passwd",
    "../x",
    "a/../../x",
    "a\\b",
    "a\nb",
    "out/x",
    "no/such/x",
    "link.txt",
    "folder",
    "pipe",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("what", ["writing", "deleting", "moving"])
def test_only_plain_files_inside_the_folder_are_touched(
    site: Path, tmp_path: Path, path: str, what: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x").write_text("theirs")
    (site / "out").symlink_to(outside)
    (site / "link.txt").symlink_to(outside / "x")
    (site / "folder").mkdir()
    os.mkfifo(site / "pipe")
    act, hook = hooks(Folder(site), what)
    args = (path,) if what == "deleting" else (path, "text.txt")
    for function in (act, hook["preview"]):
        with pytest.raises(Unfit):
            function(*args)
    assert "theirs" == (outside / "x").read_text()
    assert {"out", "link.txt", "folder", "pipe"} == {one.name for one in site.iterdir()}


def test_a_file_with_two_names_is_refused_because_only_one_would_change(site: Path) -> None:
    (site / "a.txt").write_text("a")
    os.link(site / "a.txt", site / "b.txt")
    write, _ = hooks(Folder(site), "writing")
    with pytest.raises(Unfit, match="other names"):
        write("a.txt", "b")
    assert "a" == (site / "a.txt").read_text()


def test_a_damaged_copy_is_not_put_back(site: Path) -> None:
    (site / "a.txt").write_text("was")
    folder = Folder(site)
    write, hook = hooks(folder, "writing")
    written: Written = write("a.txt", "is")
    assert written.before is not None
    copy = folder.place.keep.folder / f"{written.before.digest}.image"
    copy.write_text("something else")
    with pytest.raises(Unfit, match="was changed: restore it from a backup"):
        hook["undo"](written, "a.txt", "is")
    assert 0 == folder.prune("1h")
    os.utime(copy, (0, 0))
    assert 1 == folder.prune("1h")
    with pytest.raises(Unfit, match="no longer in"):
        hook["undo"](written, "a.txt", "is")
    assert "is" == (site / "a.txt").read_text()


def test_copies_are_for_the_worker_alone_and_outside_the_folder(site: Path) -> None:
    (site / "a.txt").write_text("secret")
    (site / "a.txt").chmod(0o644)
    folder = Folder(site)
    write, _ = hooks(folder, "writing")
    write("a.txt", "is")
    keep = folder.place.keep.folder
    assert (site.parent / ".site.before", 0o700) == (keep, keep.stat().st_mode & 0o777)
    assert {0o600} == {path.stat().st_mode & 0o777 for path in keep.iterdir()}
    with pytest.raises(InvalidContract, match="choose a keep= outside"):
        Folder(site, keep=site / "copies")


def test_cards_show_the_change_with_its_bytes(site: Path) -> None:
    folder = Folder(site)
    (site / "a.txt").write_text("one\ntwo\n")
    (site / "b.bin").write_bytes(b"\xff\xfe")
    _, write = hooks(folder, "writing")
    card = write["preview"]("a.txt", "one\n2\nthree\n")
    assert f"Write 1 file below {site}: a.txt (8 → 12 bytes)" == card.sentence
    assert {"-two", "+2", "+three", " one"} <= set(card.diff.splitlines())
    assert WriteFacts("a.txt", exists=True, bytes_before=8, bytes_after=12) == card.facts
    assert f"Write 1 file below {site}: n.txt (new, 1 bytes)" == write["preview"]("n.txt", "x").sentence
    assert "absent" == write["preview"]("n.txt", "x").relies_on != card.relies_on
    assert "2 bytes that are no text" in write["preview"]("b.bin", "x").diff
    assert "… and 603 more lines" in write["preview"]("n.txt", "x\n" * 1000).diff
    assert (
        f"Delete 1 file below {site}: a.txt (8 bytes)"
        == hooks(folder, "deleting")[1]["preview"]("a.txt").sentence
    )
    moved = hooks(folder, "moving")[1]["preview"]("a.txt", "c.txt")
    assert f"Move 1 file below {site}: a.txt → c.txt (8 bytes)" == moved.sentence
    assert {"a.txt", "b.bin"} == {one.name for one in site.iterdir()}
    assert not folder.place.keep.folder.exists(), "a preview writes nothing"


def test_an_unfinished_file_of_an_attempt_elsewhere_is_never_renamed_into_place(site: Path) -> None:
    from actum.effects.placing import put_in_place, tag_of, write_beside

    (site / "a.txt").write_text("was")
    slow = write_beside(site / "a.txt", b"half", tag_of("operation/1"), None)
    write, _ = hooks(Folder(site), "writing")
    write("a.txt", "is")
    with pytest.raises(FileNotFoundError):
        put_in_place(slow, site / "a.txt")
    assert "is" == (site / "a.txt").read_text()
