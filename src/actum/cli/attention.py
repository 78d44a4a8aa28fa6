"""Whether a person is there, what they were shown, for how long, and what they typed.

Nothing has a default: an empty line is no yes. Without a terminal nothing is asked, and nothing is said to have been
seen, because nobody can tell.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field

import click

from actum.cli.card import Sheet, must_confirm
from actum.cli.printing import say
from actum.client.cards import Card, describe_seen
from actum.errors import InvalidInput
from actum.model.ids import short

APPROVE = "approve"
REASONS = (
    "the wrong target",
    "too much at once",
    "not now",
    "a check failed",
    "I cannot tell from the card what would happen",
)
"""What a person who rejects is offered; their own words are as good."""


@dataclass(slots=True)
class Attention:
    """What somebody was shown since it was opened, for the record of their decision."""

    opened: float = field(default_factory=time.monotonic)
    words: int = 0
    folded: int = 0

    def show(self, sheet: Sheet) -> None:
        """Count what was shown."""
        self.words += sheet.words
        self.folded += sheet.folded

    @property
    def seen(self) -> str | None:
        """What was shown, None where nothing was."""
        return describe_seen(self.words, self.folded) if self.words else None

    @property
    def seen_ms(self) -> int | None:
        """For how long it was open, in milliseconds, None where nothing was shown."""
        return int((time.monotonic() - self.opened) * 1000) if self.words else None


def is_attended(*, is_json: bool = False) -> bool:
    """Whether a person sits before a terminal, for output and input; with --json it is a program that reads."""
    return not is_json and sys.stdin.isatty() and sys.stdout.isatty()


def ask_line(text: str) -> str:
    """Ask a person for a line; nothing typed is nothing said."""
    answer: str = click.prompt(text, default="", show_default=False, prompt_suffix=" ")
    return answer.strip()


def ask_reason() -> str:
    """Ask a person why they reject: by the number of an offered reason, or in words."""
    for number, reason in enumerate(REASONS, 1):
        say(f"  {number}  {reason}")
    said = ask_line("Why? A number, or your own words:")
    return REASONS[int(said) - 1] if said in {str(n + 1) for n in range(len(REASONS))} else said


def require_word(card: Card, confirm: str | None, *, is_json: bool = False) -> None:
    """Have a person confirm an approval: by the salient value of what is final, else by the word `approve`.

    `confirm` is the value given beforehand. Raises InvalidInput when it is another, or nobody is there to be asked, as
    with --json.
    """
    is_final = must_confirm(card)
    name, value = card.salient if is_final else ("word", APPROVE)
    if confirm is None and is_attended(is_json=is_json):
        confirm = ask_line(f"To approve, type its {name}:" if is_final else f"To approve, type {APPROVE}:")
    elif not is_final:
        return
    if confirm is None:
        raise InvalidInput(
            f"nothing can put {short(card.approval.id)} back: type its {name}, as `actum inbox "
            f"{short(card.approval.id)}` shows it, with --confirm",
            path="--confirm",
        )
    if confirm.strip() != value.strip():
        wrong = f"{confirm!r} is not its {name}" if is_final else f"{confirm!r} is not {APPROVE}"
        raise InvalidInput(
            f"{wrong if confirm else 'nothing was typed'}: nothing was approved", path="--confirm"
        )
