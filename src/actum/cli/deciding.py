"""`actum approve`, `reject`, `answer`: a person's word, kept with its reason and with what was read before it."""

from __future__ import annotations

import click

from actum.cli import options
from actum.cli.attention import Attention, ask_reason, is_attended, require_word
from actum.cli.card import headline, tell_card
from actum.cli.exits import Exit
from actum.cli.inbox import read_approval
from actum.cli.inputs import read_json
from actum.cli.opening import carry_out, open_client
from actum.cli.printing import say
from actum.cli.text import columns, neutral
from actum.client import Client
from actum.client.cards import Card, read_card
from actum.client.edits import edit_arguments
from actum.client.fitting import require_fit
from actum.errors import InvalidInput, NotPossible
from actum.model.ids import short
from actum.store.rows import ApprovalRow, DecidedRow

_approval = click.argument("approval", metavar="APPROVAL")
_full = click.option("--full", "is_full", is_flag=True, help="Show the whole card before, folding nothing.")


@click.command()
@_approval
@options.decision_reason
@click.option("--confirm", metavar="VALUE", help="Its amount, target or kind, as the card names it.")
@click.option("--edit", metavar="JSON|@FILE|-", help="Other values for editable parameters, as one object.")
@_full
@options.acts_as(options.REVIEWER)
@options.dry_run
def approve(
    approval: str,
    reason: str,
    confirm: str | None,
    edit: str | None,
    is_full: bool,
    who: str | None,
    dry_run: bool,
) -> int:
    """Approve one action: exactly the one on the card, once.

    On a terminal the card is shown first, and approving means typing: the word `approve`, or, for what nothing can put
    back, its salient value (`--confirm` gives it beforehand, and elsewhere has to).
    With --edit the workflow is told the edited call instead, which is another action and goes through policy again.
    Saying it twice changes nothing. Refused, with exit code 4, to the one who asked for it.
    """
    return carry_out(_approve(approval, reason, confirm, edit, is_full, who, dry_run))


async def _approve(
    name: str,
    reason: str,
    confirm: str | None,
    edit: str | None,
    is_full: bool,
    who: str | None,
    dry_run: bool,
) -> int:
    _require_reason(reason)
    edits = None if edit is None else read_json(edit, "--edit")
    async with open_client(who, options.REVIEWER) as client:
        row = await read_approval(client, name)
        card = await read_card(client.store, row)
        edited = None if edit is None else edit_arguments(card, edits)
        attention = await _show(client, card, is_full, dry_run)
        if dry_run:
            return _would("approved", client)
        if row.state == "pending":
            require_word(card, confirm)
        decided = await client.approvals.approve(
            row.id,
            reason,
            seen_hash=row.card_hash,
            edited=edited,
            seen=attention.seen,
            seen_ms=attention.seen_ms,
        )
    return _tell("approved" if edited is None else "approved as edited", client, row, decided)


@click.command()
@_approval
@click.option("--reason", default="", metavar="TEXT", help="Why; asked for at a terminal, and kept for ever.")
@_full
@options.acts_as(options.REVIEWER)
@options.dry_run
def reject(approval: str, reason: str, is_full: bool, who: str | None, dry_run: bool) -> int:
    """Reject one action; the workflow is told why.

    Without --reason a terminal shows the card and offers reasons.
    """
    return carry_out(_reject(approval, reason, is_full, who, dry_run))


async def _reject(name: str, reason: str, is_full: bool, who: str | None, dry_run: bool) -> int:
    is_asked = not reason.strip() and is_attended()
    if not is_asked:
        _require_reason(reason)
    async with open_client(who, options.REVIEWER) as client:
        row = await read_approval(client, name)
        attention = Attention()
        if dry_run or is_asked:
            attention = await _show(client, await read_card(client.store, row), is_full, dry_run)
        if dry_run:
            return _would("rejected", client)
        if is_asked:
            reason = ask_reason()
            _require_reason(reason)
        decided = await client.approvals.reject(
            row.id, reason, seen_hash=row.card_hash, seen=attention.seen, seen_ms=attention.seen_ms
        )
    return _tell("rejected", client, row, decided)


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise InvalidInput(
            "a decision needs its reason: say in a few words why, with --reason", path="reason"
        )


async def _show(client: Client, card: Card, is_full: bool, dry_run: bool) -> Attention:
    attention = Attention()
    if dry_run or (is_attended() and card.approval.state == "pending"):
        now = await client.store.read_clock()
        attention.show(tell_card(card, now, columns(), is_full=is_full))
    return attention


def _would(ruling: str, client: Client) -> int:
    say(f"would be {ruling} by {neutral(client.actor)}; nothing was decided")
    return Exit.FINE


def _tell(ruling: str, client: Client, row: ApprovalRow, decided: DecidedRow) -> int:
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
