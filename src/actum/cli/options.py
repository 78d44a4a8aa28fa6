"""Options that many commands share, each with one meaning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

AUTHOR, REVIEWER = "author", "reviewer"


def acts_as(default: str) -> Callable[[F], F]:
    """Add `--as`, the laptop's identities; `default` is who acts without it."""
    return click.option(
        "--as",
        "who",
        type=click.Choice([AUTHOR, REVIEWER]),
        help=f"On the embedded database: who acts, {default} unless given.",
    )


as_json = click.option("--json", "is_json", is_flag=True, help="Print JSON.")
dry_run = click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
reason = click.option("--reason", default="", metavar="TEXT", help="Why; it is kept with the event.")
decision_reason = click.option("--reason", required=True, metavar="TEXT", help="Why; it is kept for ever.")
workflow = click.argument("workflow", metavar="WORKFLOW")
until_person = click.option(
    "--until-person", is_flag=True, help="Also leave, with exit code 5, once only a person can move it."
)


def limit(default: int) -> Callable[[F], F]:
    """Add `--limit`."""
    return click.option(
        "--limit",
        type=click.IntRange(1, 10_000),
        default=default,
        show_default=True,
        metavar="COUNT",
        help="How many at most.",
    )
