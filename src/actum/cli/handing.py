"""`actum revoke`, `hand-over`, `inquire`, `reply`: what else a person may do with an approval than say yes or no."""

from __future__ import annotations

import click

from actum.cli import options
from actum.cli.card import headline
from actum.cli.inbox import read_approval
from actum.cli.opening import carry_out, open_client
from actum.cli.outcome import tell_outcome
from actum.cli.text import neutral
from actum.client import Client
from actum.machine.approvals import identity
from actum.store.rows import ApprovalRow

_approval = click.argument("approval", metavar="APPROVAL")


@click.command()
@_approval
@options.decision_reason
@options.acts_as(options.REVIEWER)
@options.dry_run
@options.as_json
def revoke(approval: str, reason: str, who: str | None, dry_run: bool, is_json: bool) -> int:
    """Take an approval back before it is used; the workflow has to ask again."""
    return carry_out(_revoke(approval, reason, who, dry_run, is_json))


async def _revoke(name: str, reason: str, who: str | None, dry_run: bool, is_json: bool) -> int:
    async with open_client(who, options.REVIEWER) as client:
        row = await read_approval(client, name)
        if not dry_run:
            await client.approvals.revoke(row.id, reason)
    said = headline(row)
    said = f"would take back: {said}; nothing was done" if dry_run else f"taken back: {said}"
    return _tell("revoke", said, client, row, dry_run, is_json, reason=reason)


@click.command("hand-over")
@_approval
@click.argument("person", metavar="PERSON")
@options.decision_reason
@options.acts_as(options.REVIEWER)
@options.dry_run
@options.as_json
def hand_over(approval: str, person: str, reason: str, who: str | None, dry_run: bool, is_json: bool) -> int:
    """Have PERSON decide in your place; you have no say in it any more."""
    return carry_out(_hand_over(approval, person, reason, who, dry_run, is_json))


async def _hand_over(
    name: str, person: str, reason: str, who: str | None, dry_run: bool, is_json: bool
) -> int:
    async with open_client(who, options.REVIEWER) as client:
        row = await read_approval(client, name)
        if not dry_run:
            await client.approvals.hand_over(row.id, person, reason)
    said = f"to {neutral(person)}: {headline(row)}"
    said = f"would hand over {said}; nothing was done" if dry_run else f"handed over {said}"
    return _tell("hand-over", said, client, row, dry_run, is_json, person=identity(person), reason=reason)


@click.command()
@_approval
@click.argument("question", metavar="QUESTION")
@options.acts_as(options.REVIEWER)
@options.dry_run
@options.as_json
def inquire(approval: str, question: str, who: str | None, dry_run: bool, is_json: bool) -> int:
    """Ask something about an approval before deciding; its time stands still until somebody replies."""
    return carry_out(_inquire(approval, question, who, dry_run, is_json))


async def _inquire(name: str, question: str, who: str | None, dry_run: bool, is_json: bool) -> int:
    async with open_client(who, options.REVIEWER) as client:
        row = await read_approval(client, name)
        number = None if dry_run else await client.approvals.inquire(row.id, question)
    said = [f"asked, as question {number} about: {headline(row)}", f"  actum reply {number} '…'"]
    if dry_run:
        said = [f"would ask about: {headline(row)}; nothing was asked"]
    return _tell("inquire", said, client, row, dry_run, is_json, number=number, question=question)


def _tell(
    verb: str,
    said: str | list[str],
    client: Client,
    row: ApprovalRow,
    dry_run: bool,
    is_json: bool,
    **facts: object,
) -> int:
    told = {"approval_id": row.id, "workflow_id": row.workflow_id, "address": row.address, **facts}
    return tell_outcome(verb, said, told, actor=client.actor, is_json=is_json, dry_run=dry_run)


@click.command()
@click.argument("number", metavar="NUMBER", type=click.IntRange(1, 2**62))
@click.argument("answer", metavar="ANSWER")
@options.acts_as(options.AUTHOR)
@options.dry_run
@options.as_json
def reply(number: int, answer: str, who: str | None, dry_run: bool, is_json: bool) -> int:
    """Reply to question NUMBER about an approval; the first reply stands, and time goes on."""
    return carry_out(_reply(number, answer, who, dry_run, is_json))


async def _reply(number: int, answer: str, who: str | None, dry_run: bool, is_json: bool) -> int:
    async with open_client(who) as client:
        if not dry_run:
            await client.approvals.answer_inquiry(number, answer)
    said = f"replied to question {number} as {neutral(client.actor)}"
    if dry_run:
        said = f"would reply to question {number} as {neutral(client.actor)}; nothing was said"
    facts = {"number": number, "reply": answer}
    return tell_outcome("reply", said, facts, actor=client.actor, is_json=is_json, dry_run=dry_run)
