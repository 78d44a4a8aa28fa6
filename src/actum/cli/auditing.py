"""`actum audit verify`: the logs are what was written, they add up to the rows, and no promise about effects is broken."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import click

from actum.cli import options
from actum.cli.anchoring import Anchor, compare_anchors, read_anchors
from actum.cli.exits import Exit
from actum.cli.lazy import LazyGroup, Place
from actum.cli.opening import carry_out, open_client
from actum.cli.printing import BAD, GOOD, say, say_json
from actum.cli.rulings import Rulings
from actum.cli.text import neutral
from actum.client import Client
from actum.errors import ActumError
from actum.machine.chain import (
    GENESIS,
    Edited,
    Gap,
    Intact,
    LostTail,
    Reordered,
    Verdict,
    payload_hash,
    verify,
)
from actum.machine.decisions import Decision, verify_decisions
from actum.machine.fold import fold
from actum.model.events import Event
from actum.model.ids import short
from actum.store.rows import DecisionRow, SnapshotRow, WorkflowRow

PAGE = 200
PATIENCE = 20
"""How often a workflow that moves while it is read is read again."""

PLACES = {
    "verify": Place(
        "auditing:verify_logs", "Commands", "Verify logs, decisions, rows, payloads and the ledger."
    ),
    "anchor": Place("anchoring:anchor", "Commands", "Write the heads of all chains to a file elsewhere."),
}


@click.group(cls=LazyGroup, places=PLACES)
def audit() -> None:
    """Verify the logs, and keep their heads elsewhere."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a workflow, as a sentence."""

    workflow_id: UUID
    sentence: str


@click.command("verify")
@click.argument("workflows", metavar="[WORKFLOW]...", nargs=-1)
@click.option(
    "--against",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Compare with what `actum audit anchor` wrote there.",
)
@options.as_json
def verify_logs(workflows: tuple[str, ...], against: Path | None, is_json: bool) -> int:
    """Verify the logs of workflows, all of them unless named: chains of events and decisions, payloads, rows, ledger.

    What was ruled is ruled again from the facts and by the policy that the log names, and told where that is stricter, or
    where another policy was active at that time.
    Exit code 1 when anything is wrong. A chain made anew from its first link together with its head is found only by
    comparing heads that are kept outside the database: `actum audit anchor` writes them.
    """
    return carry_out(_verify(workflows, read_anchors(against) if against else {}, is_json))


async def _verify(names: Sequence[str], anchors: Mapping[UUID, Sequence[Anchor]], is_json: bool) -> int:
    faults: list[Fault] = []
    seen: set[UUID] = set()
    async with open_client() as client:
        rulings = Rulings(client)
        wanted = [await client.find(name) for name in names]
        async for workflow_id in _each(client, wanted):
            seen.add(workflow_id)
            faults += await find_faults(client, workflow_id, anchors.get(workflow_id, ()), rulings)
        for workflow_id in () if wanted else anchors:
            if workflow_id not in seen:
                faults.append(Fault(workflow_id, "it was anchored, and there is no such workflow any more"))
        for workflow_id, address, violation in await client.store.effects.find_violations():
            if not wanted or workflow_id in wanted:
                faults.append(Fault(workflow_id, f"{violation}, at {address}"))
    if is_json:
        said = [{"workflow": str(fault.workflow_id), "fault": fault.sentence} for fault in faults]
        say_json({"verified": len(seen), "faults": said})
    else:
        for fault in faults:
            say(f"{short(fault.workflow_id)}: {neutral(fault.sentence)}", BAD)
        noun = "workflow" if len(seen) == 1 else "workflows"
        say(
            f"{len(seen)} {noun} verified, {len(faults) or 'no'} fault{'' if len(faults) == 1 else 's'}",
            BAD if faults else GOOD,
        )
    return Exit.FAILED if faults else Exit.FINE


async def _each(client: Client, wanted: Sequence[UUID]) -> AsyncIterator[UUID]:
    for workflow_id in wanted:
        yield workflow_id
    last: UUID | None = None
    while not wanted:
        page = await client.list(before=last, count=PAGE)
        for row in page:
            yield row.id
        if len(page) < PAGE:
            return
        last = page[-1].id


async def find_faults(
    client: Client, workflow_id: UUID, anchors: Sequence[Anchor] = (), rulings: Rulings | None = None
) -> list[Fault]:
    """Return what is wrong with one workflow's log; one that moves meanwhile is read again."""
    row, events, snapshots = await _read(client, workflow_id)
    for _ in range(PATIENCE):
        if (await client.get(workflow_id)).next_seq == row.next_seq:
            break
        row, events, snapshots = await _read(client, workflow_id)
    verdict = verify(events, row.chain_head, row.next_seq)
    sentences = [said] if (said := _say(verdict)) else []
    sentences += _compare(row, events) if not sentences else []
    sentences += _payload_faults(row, events, snapshots)
    decisions, verdict = await _verify_decisions(client, workflow_id)
    if said := _say(verdict, "decision"):
        sentences.append(said)
    sentences += compare_anchors(anchors, events, decisions)
    sentences += await (rulings or Rulings(client)).find_faults(row, events, snapshots, decisions)
    return [Fault(workflow_id, sentence) for sentence in sentences]


async def _read(
    client: Client, workflow_id: UUID
) -> tuple[WorkflowRow, Sequence[Event], Sequence[SnapshotRow]]:
    row = await client.get(workflow_id)
    events = await client.store.records.read_events(workflow_id)
    return row, events, await client.store.records.read_snapshots(workflow_id)


async def _verify_decisions(client: Client, workflow_id: UUID) -> tuple[Sequence[DecisionRow], Verdict]:
    """Verify a workflow's chain of decisions; one that grows meanwhile is read again."""
    store = client.store.approvals
    heads, rows = await store.list_decision_heads(workflow_id), await store.list_decisions(workflow_id)
    for _ in range(PATIENCE):
        if heads == (now := await store.list_decision_heads(workflow_id)):
            break
        heads, rows = now, await store.list_decisions(workflow_id)
    _, count, head = heads[0] if heads else (workflow_id, 0, GENESIS)
    decisions = [Decision(**{name: getattr(row, name) for name in Decision.__slots__}) for row in rows]
    return rows, verify_decisions(decisions, head, count)


def _say(verdict: Verdict, noun: str = "event") -> str:
    match verdict:
        case Intact():
            return ""
        case Edited(seq):
            return f"{noun} {seq} is not the one that was written there"
        case Gap(seq):
            return f"{noun} {seq} is missing"
        case Reordered(seq):
            return f"another {noun} stands at {seq}"
        case LostTail(seq):
            return f"{noun} {seq} and all after it are missing"


def _compare(row: WorkflowRow, events: Sequence[Event]) -> list[str]:
    try:
        folded = fold(events)
    except ActumError as error:
        return [f"its log cannot have happened: {error}"]
    pairs = {
        "status": (row.status, folded.status.value),
        "cause": (row.cause, folded.cause.value if folded.cause else None),
        "current_step": (row.current_step, folded.current_step),
        "attempt_count": (row.attempt_count, folded.attempt_count),
    }
    return [
        f"its row says {name} {said!r}, and its log {told!r}"
        for name, (said, told) in pairs.items()
        if said != told
    ]


def _payload_faults(row: WorkflowRow, events: Sequence[Event], snapshots: Sequence[SnapshotRow]) -> list[str]:
    if row.salt is None:
        return []
    kept = {one.seq: one for one in snapshots}
    faults = []
    for event in events:
        snapshot = kept.get(event.seq)
        if event.payload_hash is None or snapshot is None or snapshot.body is None:
            continue
        if payload_hash(row.salt, snapshot.argument_hash, snapshot.body) != event.payload_hash:
            faults.append(f"the payload of event {event.seq} is not the one that was written")
    return faults
