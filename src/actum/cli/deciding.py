"""`actum approve`, `reject`, `answer`: a person's word, kept with its reason."""

from __future__ import annotations

import click

from actum.cli import options
from actum.cli.card import card, headline
from actum.cli.exits import Exit
from actum.cli.inbox import read_approval, read_document
from actum.cli.inputs import read_json
from actum.cli.opening import carry_out, open_client
from actum.cli.printing import say, say_all
from actum.cli.text import columns, neutral
from actum.client.fitting import require_fit
from actum.errors import InvalidInput, NotPossible
from actum.model.ids import short

_approval = click.argument("approval", metavar="APPROVAL")


@click.command()
@_approval
@options.decision_reason
@options.acts_as(options.REVIEWER)
@options.dry_run
def approve(approval: str, reason: str, who: str | None, dry_run: bool) -> int:
    """Approve one action: exactly the one on the card, once.

    Saying it twice changes nothing. Refused, with exit code 4, to the one who asked for it.
    """
    return carry_out(_decide("approved", approval, reason, who, dry_run))


@click.command()
@_approval
@options.decision_reason
@options.acts_as(options.REVIEWER)
@options.dry_run
def reject(approval: str, reason: str, who: str | None, dry_run: bool) -> int:
    """Reject one action; the workflow is told why."""
    return carry_out(_decide("rejected", approval, reason, who, dry_run))


async def _decide(ruling: str, name: str, reason: str, who: str | None, dry_run: bool) -> int:
    if not reason.strip():
        raise InvalidInput(
            "a decision needs its reason: say in a few words why, with --reason", path="reason"
        )
    async with open_client(who, options.REVIEWER) as client:
        row = await read_approval(client, name)
        if dry_run:
            say_all(card(row, await read_document(client, row), await client.store.read_clock(), columns()))
            say(f"would be {ruling} by {neutral(client.actor)}; nothing was decided")
            return Exit.FINE
        decided = await (client.approve if ruling == "approved" else client.reject)(
            row.id, reason, seen_hash=row.action_hash
        )
    if decided.state == "pending":
        say(f"counted for {neutral(client.actor)}, and others have to approve too: {headline(row)}")
        return Exit.FINE
    again = " already" if decided.answer == "repeated" else ""
    say(f"{ruling}{again} by {neutral(decided.ruled_by)}: {headline(row)}")
    return Exit.FINE


@click.command()
@options.workflow
@click.argument("address", metavar="ADDRESS")
@click.option("--value", "text", required=True, metavar="JSON|@FILE|-", help="The answer.")
@options.acts_as(options.REVIEWER)
@options.dry_run
def answer(workflow: str, address: str, text: str, who: str | None, dry_run: bool) -> int:
    """Answer the question that a workflow asks at ADDRESS; the first answer stands."""
    return carry_out(_answer(workflow, address, text, who, dry_run))


async def _answer(workflow: str, address: str, text: str, who: str | None, dry_run: bool) -> int:
    value = read_json(text, "--value")
    async with open_client(who, options.REVIEWER) as client:
        workflow_id = await client.find(workflow)
        for question in await client.store.questions.list_of(workflow_id):
            if question.address == address and question.answered_at is None and question.closed_at is None:
                require_fit(value, question.schema, "--value")
                break
        else:
            raise NotPossible(
                f"no question is open at {address!r} of workflow {short(workflow_id)}: see `actum inbox`"
            )
        said = f"{neutral(question.question)}"
        if dry_run:
            say(f"would answer: {said}; nothing was answered")
            return Exit.FINE
        await client.answer(workflow_id, address, value)
    say(f"answered by {neutral(client.actor)}: {said}")
    return Exit.FINE
