"""`actum audit verify`: the logs are what was written, they add up to the rows, and no promise about effects is broken."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import click

from actum.cli import options
from actum.cli.exits import Exit
from actum.cli.lazy import LazyGroup, Place
from actum.cli.opening import carry_out, open_client
from actum.cli.printing import BAD, GOOD, say, say_json
from actum.cli.text import neutral
from actum.client import Client
from actum.errors import ActumError
from actum.machine.chain import Edited, Gap, Intact, LostTail, Reordered, Verdict, payload_hash, verify
from actum.machine.fold import fold
from actum.model.events import Event
from actum.model.ids import short
from actum.store.rows import SnapshotRow, WorkflowRow

PAGE = 200
PATIENCE = 20
"""How often a workflow that moves while it is read is read again."""

PLACES = {"verify": Place("auditing:verify_logs", "Commands", "Verify logs, rows, payloads and the ledger.")}


@click.group(cls=LazyGroup, places=PLACES)
def audit() -> None:
    """Verify the logs."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a workflow, as a sentence."""

    workflow_id: UUID
    sentence: str


@click.command("verify")
@click.argument("workflows", metavar="[WORKFLOW]...", nargs=-1)
@options.as_json
def verify_logs(workflows: tuple[str, ...], is_json: bool) -> int:
    """Verify the logs of workflows, all of them unless named: hash chain, payloads, rows, and the ledger.

    Exit code 1 when anything is wrong. A chain made anew from its first event together with its row is found only by
    comparing heads that are kept outside the database.
    """
    return carry_out(_verify(workflows, is_json))


async def _verify(names: Sequence[str], is_json: bool) -> int:
    faults: list[Fault] = []
    count = 0
    async with open_client() as client:
        wanted = [await client.find(name) for name in names]
        async for workflow_id in _each(client, wanted):
            count += 1
            faults += await find_faults(client, workflow_id)
        for workflow_id, address, violation in await client.store.effects.find_violations():
            if not wanted or workflow_id in wanted:
                faults.append(Fault(workflow_id, f"{violation}, at {address}"))
    if is_json:
        said = [{"workflow": str(fault.workflow_id), "fault": fault.sentence} for fault in faults]
        say_json({"verified": count, "faults": said})
    else:
        for fault in faults:
            say(f"{short(fault.workflow_id)}: {neutral(fault.sentence)}", BAD)
        noun = "workflow" if count == 1 else "workflows"
        say(
            f"{count} {noun} verified, {len(faults) or 'no'} fault{'' if len(faults) == 1 else 's'}",
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


async def find_faults(client: Client, workflow_id: UUID) -> list[Fault]:
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
    return [Fault(workflow_id, sentence) for sentence in sentences]


async def _read(
    client: Client, workflow_id: UUID
) -> tuple[WorkflowRow, Sequence[Event], Sequence[SnapshotRow]]:
    row = await client.get(workflow_id)
    events = await client.store.records.read_events(workflow_id)
    return row, events, await client.store.records.read_snapshots(workflow_id)


def _say(verdict: Verdict) -> str:
    match verdict:
        case Intact():
            return ""
        case Edited(seq):
            return f"event {seq} is not the one that was written there"
        case Gap(seq):
            return f"event {seq} is missing"
        case Reordered(seq):
            return f"another event stands at {seq}"
        case LostTail(seq):
            return f"event {seq} and all after it are missing"


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
