"""`actum revoke`, `hand-over`, `inquire`, `reply`: what else a person may do with an approval than say yes or no."""

from __future__ import annotations

import click

from actum.cli import options
from actum.cli.card import headline
from actum.cli.exits import Exit
from actum.cli.inbox import read_approval
from actum.cli.opening import carry_out, open_client
from actum.cli.printing import say
from actum.cli.text import neutral

_approval = click.argument("approval", metavar="APPROVAL")


@click.command()
@_approval
@options.decision_reason
@options.acts_as(options.REVIEWER)
@options.dry_run
def revoke(approval: str, reason: str, who: str | None, dry_run: bool) -> int:
    """Take an approval back before it is used; the workflow has to ask again."""
    return carry_out(_revoke(approval, reason, who, dry_run))


async def _revoke(name: str, reason: str, who: str | None, dry_run: bool) -> int:
    async with open_client(who, options.REVIEWER) as client:
        row = await read_approval(client, name)
        if not dry_run:
            await client.approvals.revoke(row.id, reason)
    said = headline(row)
    say(f"would take back: {said}; nothing was done" if dry_run else f"taken back: {said}")
    return Exit.FINE


@click.command("hand-over")
@_approval
@click.argument("person", metavar="PERSON")
@options.decision_reason
@options.acts_as(options.REVIEWER)
@options.dry_run
def hand_over(approval: str, person: str, reason: str, who: str | None, dry_run: bool) -> int:
    """Have PERSON decide in your place; you have no say in it any more."""
    return carry_out(_hand_over(approval, person, reason, who, dry_run))


async def _hand_over(name: str, person: str, reason: str, who: str | None, dry_run: bool) -> int:
    async with open_client(who, options.REVIEWER) as client:
        row = await read_approval(client, name)
        if not dry_run:
            await client.approvals.hand_over(row.id, person, reason)
    said = f"to {neutral(person)}: {headline(row)}"
    say(f"would hand over {said}; nothing was done" if dry_run else f"handed over {said}")
    return Exit.FINE


@click.command()
@_approval
@click.argument("question", metavar="QUESTION")
@options.acts_as(options.REVIEWER)
@options.dry_run
def inquire(approval: str, question: str, who: str | None, dry_run: bool) -> int:
    """Ask something about an approval before deciding; its time stands still until somebody replies."""
    return carry_out(_inquire(approval, question, who, dry_run))


async def _inquire(name: str, question: str, who: str | None, dry_run: bool) -> int:
    async with open_client(who, options.REVIEWER) as client:
        row = await read_approval(client, name)
        if dry_run:
            say(f"would ask about: {headline(row)}; nothing was asked")
            return Exit.FINE
        number = await client.approvals.inquire(row.id, question)
    say(f"asked, as question {number} about: {headline(row)}")
    say(f"  actum reply {number} '…'")
    return Exit.FINE


@click.command()
@click.argument("number", metavar="NUMBER", type=click.IntRange(1, 2**62))
@click.argument("answer", metavar="ANSWER")
@options.acts_as(options.AUTHOR)
@options.dry_run
def reply(number: int, answer: str, who: str | None, dry_run: bool) -> int:
    """Reply to question NUMBER about an approval; the first reply stands, and time goes on."""
    return carry_out(_reply(number, answer, who, dry_run))


async def _reply(number: int, answer: str, who: str | None, dry_run: bool) -> int:
    async with open_client(who) as client:
        if dry_run:
            say(f"would reply to question {number} as {neutral(client.actor)}; nothing was said")
            return Exit.FINE
        await client.approvals.answer_inquiry(number, answer)
    say(f"replied to question {number} as {neutral(client.actor)}")
    return Exit.FINE
