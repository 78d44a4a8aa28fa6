"""`actum review`: a batch on one card: what sticks out, a sample opened, one row an item, and one decision for each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import click

from actum.cli import options
from actum.cli.attention import Attention, ask_line, is_attended
from actum.cli.card import Line, Sheet, write_card
from actum.cli.exits import Exit
from actum.cli.inbox import batch_as_json, card_as_json, read_waiting, tell_batch
from actum.cli.opening import carry_out, open_client
from actum.cli.outcome import tell_outcome
from actum.cli.printing import BAD, DIM, GOOD, HEADING, WARN, say, say_json
from actum.cli.text import columns, local, neutral, since, table
from actum.client import Client
from actum.client.cards import Card
from actum.client.finding import find_batch
from actum.client.oddities import say_number
from actum.client.reviews import Review, read_review
from actum.errors import InvalidInput, NotPossible
from actum.model.ids import short
from actum.store.approvals import Ruled
from actum.store.rows import DecidedRow

ALL = "approve all"


@click.command()
@click.argument("batch", required=False)
@click.option(
    "--approve-all", "approves", is_flag=True, help="Approve every open item, but for --except and --reject."
)
@click.option("--except", "excepted", default="", metavar="ID,ID", help="Items to leave open.")
@click.option(
    "--reject",
    "rejected",
    multiple=True,
    metavar="ID=WHY",
    help="An item to reject, and why; may be repeated.",
)
@click.option(
    "--reason", default="", metavar="TEXT", help="Why the others are approved; it is kept for ever."
)
@click.option("--full", "is_full", is_flag=True, help="Open every item, folding nothing.")
@options.acts_as(options.REVIEWER)
@options.as_json
@options.dry_run
def review(
    batch: str | None,
    approves: bool,
    excepted: str,
    rejected: tuple[str, ...],
    reason: str,
    is_full: bool,
    who: str | None,
    is_json: bool,
    dry_run: bool,
) -> int:
    """Review a BATCH on one card, and decide its items; without BATCH, list the batches and fix nothing.

    From the first look on nothing joins the batch.
    What sticks out stands first, then a sample that the batch's own id chooses, then one row for each item.
    Each item is decided as if alone: one that changed meanwhile, or that you may not decide, stays as it is.
    """
    if batch is None:
        return carry_out(_list(is_json))
    if not approves and not rejected:
        if excepted or reason:
            raise InvalidInput(
                "--except and --reason go with --approve-all or --reject", path="--approve-all"
            )
        return carry_out(_show(batch, is_full, who, is_json))
    return carry_out(_decide(batch, approves, excepted, rejected, reason, who, is_json, dry_run))


async def _list(is_json: bool) -> int:
    async with open_client() as client:
        batches = (await read_waiting(client)).batches
        now = await client.store.read_clock()
    if is_json:
        say_json([batch_as_json(batch, rows) for batch, rows in batches])
        return Exit.FINE
    for batch, rows in batches:
        tell_batch(batch, rows, now)
    if not batches:
        say("no batch waits for a person")
    return Exit.FINE


async def _show(name: str, is_full: bool, who: str | None, is_json: bool) -> int:
    async with open_client(who, options.REVIEWER) as client:
        found = await read_review(client.store, await find_batch(client.store, name))
        now = await client.store.read_clock()
        if is_json:
            say_json(_as_json(found))
            return Exit.FINE
        attention = Attention()
        attention.show(_tell(found, now, is_full))
        if not is_attended() or not found.open_cards:
            return Exit.FINE
        verdicts = _ask(found)
        if not verdicts:
            say("nothing was decided")
            return Exit.FINE
        return await _carry_out(client, found, verdicts, attention, is_json)


def _ask(found: Review) -> list[Ruled]:
    """Ask a person for the decisions, in words: what is not named stays open."""
    say()
    line = ask_line(f"Type `{ALL}`, or `{ALL} but ID, ID`:")
    if line != ALL and not line.startswith(f"{ALL} but "):
        if line:
            raise InvalidInput(f"{line!r} is no decision: nothing was decided", path="decision")
        return []
    names = [one.strip() for one in line.removeprefix(ALL).removeprefix(" but ").split(",") if one.strip()]
    excepted = found.find(names)
    whys = {one: ask_line(f"Why reject {short(one)}? (nothing leaves it open)") for one in excepted}
    return _verdicts(
        found, ask_line("Why approve the others?"), excepted, {k: v for k, v in whys.items() if v}
    )


async def _decide(
    name: str,
    approves: bool,
    excepted: str,
    rejected: Sequence[str],
    reason: str,
    who: str | None,
    is_json: bool,
    dry_run: bool,
) -> int:
    async with open_client(who, options.REVIEWER) as client:
        batch = await find_batch(client.store, name)
        if batch.shown_at is None:
            raise NotPossible(
                f"nobody has looked at batch {short(batch.id)} yet: read it first, with `actum review {short(batch.id)}`"
            )
        found = await read_review(client.store, batch)
        whys = dict(_split(one) for one in rejected)
        rejects = dict(zip(found.find(whys), whys.values(), strict=True))
        left = found.find(one for one in excepted.split(",") if one.strip())
        verdicts = _verdicts(found, reason, left, rejects) if approves else _rejections(found, rejects)
        if dry_run:
            said = f"would decide {len(verdicts)} of {len(found.open_cards)} items; nothing was decided"
            facts = {
                "batch": found.batch.id,
                "items": [{"id": str(one.approval_id), "ruling": one.ruling} for one in verdicts],
            }
            return tell_outcome("review", said, facts, actor=client.actor, is_json=is_json, dry_run=True)
        return await _carry_out(client, found, verdicts, Attention(), is_json)


def _split(text: str) -> tuple[str, str]:
    name, sign, why = text.partition("=")
    if not sign or not why.strip():
        raise InvalidInput(f"--reject {text!r} lacks its reason: write ID=WHY", path="--reject")
    return name, why


def _verdicts(found: Review, reason: str, left: Sequence[UUID], rejects: dict[UUID, str]) -> list[Ruled]:
    approved = [one for one in found.open_cards if one.approval.id not in {*left, *rejects}]
    if approved and not reason.strip():
        raise InvalidInput(
            "a decision needs its reason: say in a few words why, with --reason", path="reason"
        )
    verdicts = [Ruled(one.approval.id, "approved", reason, one.approval.card_hash) for one in approved]
    return [*verdicts, *_rejections(found, rejects)]


def _rejections(found: Review, rejects: dict[UUID, str]) -> list[Ruled]:
    hashes = {one.approval.id: one.approval.card_hash for one in found.cards}
    return [Ruled(one, "rejected", why, hashes[one]) for one, why in rejects.items()]


async def _carry_out(
    client: Client, found: Review, verdicts: Sequence[Ruled], attention: Attention, is_json: bool
) -> int:
    if not verdicts:
        raise NotPossible(f"no item of batch {short(found.batch.id)} is open: there is nothing to decide")
    answers = await client.approvals.decide_many(verdicts, seen=attention.seen, seen_ms=attention.seen_ms)
    if is_json:
        say_json(
            [
                {"id": str(one), "answer": answer.answer, "state": answer.state, "detail": answer.detail}
                for one, answer in answers
            ]
        )
    return _tell_answers(found, answers, client.actor, is_quiet=is_json)


def _tell_answers(
    found: Review, answers: Sequence[tuple[UUID, DecidedRow]], actor: str, *, is_quiet: bool
) -> int:
    fine = [one for one in answers if one[1].answer in ("decided", "voted", "repeated")]
    if not is_quiet:
        for one, answer in answers:
            good = answer.answer in ("decided", "voted", "repeated")
            said = answer.state if good else f"{answer.answer.replace('_', ' ')}, {answer.state}"
            detail = "" if good or not answer.detail else f": {neutral(answer.detail)}"
            say(f"{short(one)}  {said}{detail}", GOOD if good else BAD)
        left = len(found.open_cards) - len(fine)
        say(f"{len(fine)} of {len(answers)} decided by {neutral(actor)}, {left} left open")
    refused = {answer.answer for one, answer in answers if (one, answer) not in fine}
    if not refused:
        return Exit.FINE
    return Exit.REFUSED if refused <= {"self_approval", "not_entitled"} else Exit.FAILED


# showing


def _tell(found: Review, now: datetime, is_full: bool) -> Sheet:
    """Print a review, and return what was printed."""
    sheet = Sheet(short(found.batch.id), columns(), is_full)
    _head(sheet, found, now)
    opened = {**dict.fromkeys(found.outliers), **dict.fromkeys(found.sample)}
    if is_full:
        opened |= dict.fromkeys(card.approval.id for card in found.cards)
    for number, one in enumerate(opened):
        if number == 0 and found.outliers:
            sheet.add("What sticks out:", BAD, first="", rest="")
        elif number == len(found.outliers):
            sheet.add("A sample, chosen by the batch's id:", HEADING, first="", rest="")
        card = next(card for card in found.cards if card.approval.id == one)
        _open(sheet, card, found.outliers.get(one), now)
    _rows(sheet, found)
    for line in sheet.lines:
        say(line.text, line.style)
    return sheet


def _head(sheet: Sheet, found: Review, now: datetime) -> None:
    batch, count = found.batch, len(found.open_cards)
    sheet.add(
        f"Batch {short(batch.id)}: {count} of {len(found.cards)} items are open", HEADING, first="", rest=""
    )
    sheet.add("-- tier 1, each item decided as if alone", DIM)
    for card in found.cards[:1]:
        for reason in card.reasons:
            sheet.tell("Why asked", f"{neutral(reason.why)} (rule {neutral(reason.rule)})")
    sheet.tell(
        "Together", ", ".join(f"{neutral(name)} = {say_number(total)}" for name, total in found.sums.items())
    )
    sheet.tell("Asked", since(batch.opened_at, now))
    expiry = min((c.approval.expires_at for c in found.open_cards if c.approval.expires_at), default=None)
    if expiry is not None:
        sheet.tell("Expires", f"the first at {local(expiry, now)}")
    new = [card for card in found.open_cards if card.is_first]
    if new and 2 * len(new) > count:
        sheet.tell(
            "Unlike",
            f"{len(new)} of these are the first of their kind: nothing like them was asked before",
            WARN,
        )


def _open(sheet: Sheet, card: Card, why: str | None, now: datetime) -> None:
    if why is not None:
        sheet.add(f"{short(card.approval.id)} sticks out: {neutral(why)}", BAD)
    written = write_card(card, now, sheet.width, is_full=sheet.is_full)
    sheet.lines += [Line(f"{short(card.approval.id)}", HEADING), *written.lines, Line("")]
    sheet.folded += written.folded


def _rows(sheet: Sheet, found: Review) -> None:
    cells = [
        [
            short(card.approval.id),
            card.approval.state,
            f"{'! ' if card.approval.id in found.outliers else ''}{neutral(card.sentence)}",
        ]
        for card in found.cards
    ]
    sheet.add("Every item (! sticks out):", HEADING, first="", rest="")
    sheet.lines += [Line(line) for line in table(cells, ["ITEM", "STATE", "WHAT"], sheet.width)]
    if found.open_cards:
        name = short(found.batch.id)
        sheet.lines.append(Line(f"  actum review {name} --approve-all --except ID,ID --reason '…'"))
        sheet.lines.append(Line(f"  actum review {name} --reject 'ID=WHY'"))


def _as_json(found: Review) -> dict[str, object]:
    rows = [card.approval for card in found.open_cards]
    return {
        **batch_as_json(found.batch, rows),
        **found.as_data(),
        "items": [card_as_json(card) for card in found.cards],
    }
