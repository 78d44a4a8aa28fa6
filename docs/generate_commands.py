"""Writes docs/reference/commands.md from the commands themselves; `--check` exits 1 when the page is stale."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from actum.cli.exits import MEANINGS, Exit
from actum.cli.lazy import LazyGroup
from actum.cli.main import PLACES, actum

PAGE = Path(__file__).parent / "reference" / "commands.md"


def write_page() -> str:
    """Return the page as Markdown, one sentence a line."""
    lines = [
        "# Commands",
        "",
        "<!-- Written by docs/generate_commands.py from the commands. Change those, then run it again. -->",
        "",
        "The database is that of `ACTUM_DATABASE_URL`, else an embedded server in `.actum`.",
        "A workflow is named by its id, the last digits of it (four or more), or `CONTRACT/KEY`; an approval by its id or the last digits of it.",
        "On the embedded database `--as author` and `--as reviewer` say who acts; over `ACTUM_DATABASE_URL` the actor is the role one connects with, `db:ROLE`, and `--as` is refused.",
        "JSON is given as text, as `@file`, or as `-` for stdin.",
        "With `--json` a command that changes something prints one object: its `verb`, the `actor`, whether it was a `dry_run`, and what was done; on a terminal nothing is shown before and nothing is asked.",
        "With `--where` it is the filter, the workflows that fit, and those that were asked.",
        "`review` prints the answer for each item, `verdict` what was said of the output, `rollback` its plan.",
        "Text that came from outside is shown with its control characters, ANSI sequences and marks of direction as visible escapes.",
        "",
        "## Exit codes",
        "",
        "| code | meaning |",
        "|---|---|",
        *(f"| {code.value} | {MEANINGS[code]} |" for code in Exit),
        "",
    ]
    for heading, path, command in _commands():
        if heading:
            lines += [f"## {heading}", ""]
        lines += _describe(path, command)
    return "\n".join(lines).rstrip() + "\n"


def _commands() -> Iterator[tuple[str, str, click.Command]]:
    last = ""
    for name, place in PLACES.items():
        command = _found(actum, name)
        heading, last = ("" if place.heading == last else place.heading), place.heading
        if isinstance(command, LazyGroup):
            for inner in command.places:
                yield heading, f"actum {name} {inner}", _found(command, inner)
                heading = ""
        else:
            yield heading, f"actum {name}", command


def _found(group: click.Group, name: str) -> click.Command:
    command = group.get_command(click.Context(group), name)
    if command is None:
        raise SystemExit(f"the command {name} is listed and cannot be found")
    return command


def _describe(path: str, command: click.Command) -> list[str]:
    context = click.Context(command, info_name=path)
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [f"### {path}", "", f"    {path} {usage}", ""]
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        if paragraph.startswith("\b"):
            lines += [*(f"    {line.strip()}" for line in paragraph.splitlines()[1:]), ""]
        else:
            lines += [*re.split(r"(?<=[.;:]) (?=[A-Z])", " ".join(paragraph.split())), ""]
    rows = [_option(option, context) for option in command.params if isinstance(option, click.Option)]
    if rows:
        lines += ["| option | meaning |", "|---|---|", *rows, ""]
    return lines


def _option(option: click.Option, context: click.Context) -> str:
    name, about = (part.replace("|", "\\|") for part in option.get_help_record(context) or ("", ""))
    return f"| `{name}` | {about} |"


def main() -> int:
    """Write the page, or compare it."""
    page = write_page()
    if "--check" in sys.argv[1:]:
        return int(not PAGE.exists() or PAGE.read_text("utf-8") != page)
    PAGE.write_text(page, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
