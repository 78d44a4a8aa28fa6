"""`actum approve`, `reject`, `answer`: a person's word, kept with its reason and with what was read before it."""

from __future__ import annotations

import click

from actum.authoring.canonical import canonical
from actum.cli import options
from actum.cli.attention import Attention, ask_reason, is_attended, require_word
from actum.cli.card import headline, tell_card
from actum.cli.inbox import read_approval
from actum.cli.inputs import read_json
from actum.cli.opening import carry_out, open_client
from actum.cli.outcome import tell_outcome
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
@options.as_json
def approve(
    approval: str,
    reason: str,
    confirm: str | None,
    edit: str | None,
    is_full: bool,
    who: str | None,
    dry_run: bool,
    is_json: bool,
) -> int:
    """Approve one action: exactly the one on the card, once.

    On a terminal the card is shown first, and approving means typing: the word `approve`, or, for what nothing can put
    back, its salient value (`--confirm` gives it beforehand, and elsewhere has to).
    With --edit the workflow is told the edited call instead, which is another action and goes through policy again.
    Saying it twice changes nothing. Refused, with exit code 4, to the one who asked for it. With --json nothing is shown
    before, and nothing asked.
    """
    return carry_out(_approve(approval, reason, confirm, edit, is_full, who, dry_run, is_json))


async def _approve(
    name: str,
    reason: str,
    confirm: str | None,
    edit: str | None,
    is_full: bool,
    who: str | None,
    dry_run: bool,
    is_json: bool,
) -> int:
    _require_reason(reason)
    edits = None if edit is None else read_json(edit, "--edit")
    async with open_client(who, options.REVIEWER) as client:
        row = await read_approval(client, name)
        card = await read_card(client.store, row)
        edited = None if edit is None else edit_arguments(card, edits)
        attention = await _show(client, card, is_full, dry_run, is_json)
        if dry_run:
            return _would("approve", "approved", client, row, reason, is_json)
        if row.state == "pending":
            require_word(card, confirm, is_json=is_json)
        decided = await client.approvals.approve(
            row.id,
            reason,
            seen_hash=row.card_hash,
            edited=edited,
            seen=attention.seen,
            seen_ms=attention.seen_ms,
        )
    ruling = "approved" if edited is None else "approved as edited"
    return _tell("approve", ruling, client, row, decided, reason, is_json)


@click.command()
@_approval
@click.option("--reason", default="", metavar="TEXT", help="Why; asked for at a terminal, and kept for ever.")
@_full
@options.acts_as(options.REVIEWER)
@options.dry_run
@options.as_json
def reject(approval: str, reason: str, is_full: bool, who: str | None, dry_run: bool, is_json: bool) -> int:
    """Reject one action; the workflow is told why.

    Without --reason a terminal shows the card and offers reasons.
    """
    return carry_out(_reject(approval, reason, is_full, who, dry_run, is_json))


async def _reject(
    name: str, reason: str, is_full: bool, who: str | None, dry_run: bool, is_json: bool
) -> int:
    is_asked = not reason.strip() and is_attended(is_json=is_json)
    if not is_asked:
        _require_reason(reason)
    async with open_client(who, options.REVIEWER) as client:
        row = await read_approval(client, name)
        attention = Attention()
        if dry_run or is_asked:
            attention = await _show(client, await read_card(client.store, row), is_full, dry_run, is_json)
        if dry_run:
            return _would("reject", "rejected", client, row, reason, is_json)
        if is_asked:
            reason = ask_reason()
            _require_reason(reason)
        decided = await client.approvals.reject(
            row.id, reason, seen_hash=row.card_hash, seen=attention.seen, seen_ms=attention.seen_ms
        )
    return _tell("reject", "rejected", client, row, decided, reason, is_json)


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise InvalidInput(
            "a decision needs its reason: say in a few words why, with --reason", path="reason"
        )


async def _show(client: Client, card: Card, is_full: bool, dry_run: bool, is_json: bool) -> Attention:
    attention = Attention()
    is_asked = is_attended() and card.approval.state == "pending"
    if not is_json and (dry_run or is_asked):
        now = await client.store.read_clock()
        attention.show(tell_card(card, now, columns(), is_full=is_full))
    return attention


def _would(verb: str, ruling: str, client: Client, row: ApprovalRow, reason: str, is_json: bool) -> int:
    said = f"would be {ruling} by {neutral(client.actor)}; nothing was decided"
    facts = {**_named(row), "answer": None, "state": row.state, "reason": reason or None}
    return tell_outcome(verb, said, facts, actor=client.actor, is_json=is_json, dry_run=True)


def _tell(
    verb: str, ruling: str, client: Client, row: ApprovalRow, decided: DecidedRow, reason: str, is_json: bool
) -> int:
    again = " already" if decided.answer == "repeated" else ""
    said = f"{ruling}{again} by {neutral(decided.ruled_by)}: {headline(row)}"
    if decided.state == "pending":
        said = f"counted for {neutral(client.actor)}, and others have to approve too: {headline(row)}"
    facts = {
        **_named(row),
        "answer": decided.answer,
        "state": decided.state,
        "ruled_by": decided.ruled_by,
        "reason": reason,
    }
    return tell_outcome(verb, said, facts, actor=client.actor, is_json=is_json)


def _named(row: ApprovalRow) -> dict[str, object]:
    return {"approval_id": row.id, "workflow_id": row.workflow_id, "address": row.address}


@click.command()
@options.workflow
@click.argument("address", metavar="ADDRESS")
@click.option("--value", "text", required=True, metavar="JSON|@FILE|-", help="The answer.")
@options.acts_as(options.REVIEWER)
@options.dry_run
@options.as_json
def answer(workflow: str, address: str, text: str, who: str | None, dry_run: bool, is_json: bool) -> int:
    """Answer the question that a workflow asks at ADDRESS; the first answer stands."""
    return carry_out(_answer(workflow, address, text, who, dry_run, is_json))


async def _answer(
    workflow: str, address: str, text: str, who: str | None, dry_run: bool, is_json: bool
) -> int:
    value = read_json(text, "--value")
    canonical(value, "--value")
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
        if not dry_run:
            await client.answer(workflow_id, address, value)
    done = f"answered by {neutral(client.actor)}: {said}"
    facts = {
        "workflow_id": workflow_id,
        "address": address,
        "question": question.question,
        "value": value,
    }
    return tell_outcome(
        "answer",
        f"would answer: {said}; nothing was answered" if dry_run else done,
        facts,
        actor=client.actor,
        is_json=is_json,
        dry_run=dry_run,
    )
