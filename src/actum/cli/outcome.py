"""What a command says that changes something: a sentence, or with --json one object, of one form for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from actum.cli.exits import Exit
from actum.cli.printing import say, say_json


def tell_outcome(
    verb: str,
    said: str | Sequence[str],
    facts: Mapping[str, object],
    *,
    actor: str | None,
    is_json: bool,
    dry_run: bool = False,
    style: str = "",
) -> int:
    """Print what was done: with --json `verb`, `actor`, `dry_run` and `facts` as one object, else the sentences.

    `facts` are JSON values, or what `str` makes one of. With `dry_run` they say what would have been done.
    """
    if is_json:
        say_json({"verb": verb, "actor": actor, "dry_run": dry_run, **facts})
        return Exit.FINE
    for line in [said] if isinstance(said, str) else said:
        say(line, style)
    return Exit.FINE
