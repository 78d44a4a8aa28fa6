"""A group of commands whose modules are imported when a command is used, so that `actum --help` stays cheap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command is (`module:attribute`, below `actum.cli`), under which heading, and its one line of help."""

    where: str
    heading: str
    about: str


class LazyGroup(click.Group):
    """Lists commands from a table of places and imports the one that is called."""

    def __init__(self, *args: Any, places: Mapping[str, Place], **options: Any) -> None:
        super().__init__(*args, **options)
        self.places = places

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of the table."""
        return list(self.places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command; None when there is none of that name."""
        place = self.places.get(cmd_name)
        if place is None:
            return None
        module, _, attribute = place.where.partition(":")
        command: click.Command = getattr(import_module(f"actum.cli.{module}"), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands under their headings, without importing any."""
        headings = dict.fromkeys(place.heading for place in self.places.values())
        for heading in headings:
            rows = [(name, place.about) for name, place in self.places.items() if place.heading == heading]
            with formatter.section(heading):
                formatter.write_dl(rows)
