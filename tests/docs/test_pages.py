"""Every page does what it says: programs run, commands parse, links lead somewhere, generated pages are fresh."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from doc_blocks import KILLED, ROOT, Block, Reader, blocks_of, pages

PAGES = [pytest.param(page, id=str(page.relative_to(ROOT))) for page in pages()]
SHELL = [
    pytest.param(block, line, id=f"{block.place} {line[:40]}")
    for page in pages()
    for block in blocks_of(page)
    if block.language == "sh"
    for line in block.text.splitlines()
    if line and not line.startswith("#")
]


def kills(block: Block) -> bool:
    """Return whether processes are killed when a reader does what the block says."""
    return KILLED in block.text or "crash_everywhere(" in block.text


PROGRAMS = [
    pytest.param(
        page,
        id=str(page.relative_to(ROOT)),
        marks=[pytest.mark.crash] if any(kills(block) for block in blocks_of(page)) else [],
    )
    for page in pages()
    if any(block.language == "python" for block in blocks_of(page))
]


@pytest.mark.parametrize("page", PROGRAMS)
def test_a_page_does_what_it_says(page: Path, reader: Reader) -> None:
    reader.follow(blocks_of(page))


@pytest.mark.parametrize(("block", "line"), SHELL)
def test_a_command_of_a_page_is_one_that_exists(block: Block, line: str) -> None:
    program, *arguments = shlex.split(line, comments=True)
    match program:
        case "actum":
            _parse(arguments)
        case "make":
            targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
            words = [word for word in arguments if "=" not in word]
            assert set() == set(words) - set(targets), block.place
        case "python":
            assert {one.word for one in blocks_of(block.page)} & set(arguments), block.place
        case _:
            pytest.fail(
                f"{block.place}: {program} is nothing that this test knows: use actum, make or python"
            )


def _parse(arguments: list[str]) -> None:
    """Parse as the command line would, without carrying anything out."""
    main = pytest.importorskip("actum.cli.main")
    command: click.Command = main.actum
    context = command.make_context("actum", list(arguments))
    while isinstance(command, click.Group):
        name, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert found is not None
        command, context = found, found.make_context(name, rest, parent=context)


@pytest.mark.parametrize("page", PAGES)
def test_a_link_between_pages_leads_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    links = [link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if "://" not in link]
    assert [] == [link for link in links if not (page.parent / link).exists()]


def test_every_page_is_reached_from_the_list_of_pages() -> None:
    listed = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    names = [str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")]
    assert [] == [name for name in sorted(names) if name != "README.md" and f"({name})" not in listed]


def test_the_generated_pages_are_fresh() -> None:
    checked = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"], capture_output=True, text=True
    )
    assert (0, "") == (checked.returncode, checked.stderr)
