"""`actum audit anchor`: the heads of all chains, in a file outside the database; and what no longer agrees with one.

A chain that was made anew together with its head is found by nothing inside the database. A line written elsewhere,
yesterday, finds it: what the chain was then is still a part of what it is.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import click
import orjson

from actum.cli import options
from actum.cli.as_json import instant
from actum.cli.opening import carry_out, open_client
from actum.cli.outcome import tell_outcome
from actum.client import Client
from actum.errors import InvalidInput, NotFound
from actum.model.events import Event
from actum.store.rows import DecisionRow

PAGE = 500
WORKFLOW, DECISIONS = "workflow", "decisions"


@dataclass(frozen=True, slots=True)
class Anchor:
    """What a chain was once: how many links it had, and the last of them."""

    chain: str
    workflow_id: UUID
    count: int
    head: str


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@options.as_json
def anchor(file: Path, is_json: bool) -> int:
    """Add the heads of all chains, of events and of decisions, to FILE as JSON lines.

    Keep FILE where whoever could edit the database cannot: `actum audit verify --against FILE` compares.
    """
    return carry_out(_anchor(file, is_json))


async def _anchor(file: Path, is_json: bool) -> int:
    lines = []
    async with open_client() as client:
        at = instant(await client.store.read_clock())
        async for one in _read_heads(client):
            lines.append(
                {
                    "at": at,
                    "chain": one.chain,
                    "workflow": str(one.workflow_id),
                    "count": one.count,
                    "head": one.head,
                }
            )
    try:
        with file.open("ab") as out:
            out.write(b"".join(orjson.dumps(line) + b"\n" for line in lines))
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise InvalidInput(f"{file} cannot be written: {error.strerror}", path="FILE") from None
    said = f"{len(lines)} head{'' if len(lines) == 1 else 's'} added to {file}"
    facts = {"file": str(file), "heads": len(lines), "at": at}
    return tell_outcome("audit anchor", said, facts, actor=client.actor, is_json=is_json)


async def _read_heads(client: Client) -> AsyncIterator[Anchor]:
    before: UUID | None = None
    while page := await client.list(before=before, count=PAGE):
        for row in page:
            yield Anchor(WORKFLOW, row.id, row.next_seq - 1, row.chain_head.hex())
        before = page[-1].id
    after: UUID | None = None
    while heads := await client.store.approvals.list_decision_heads(after=after, count=PAGE):
        for workflow_id, count, head in heads:
            yield Anchor(DECISIONS, workflow_id, count, head.hex())
        after = heads[-1][0]


def read_anchors(file: Path) -> dict[UUID, list[Anchor]]:
    """Return the anchors in a file, by workflow; raises NotFound and InvalidInput, naming the line."""
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise NotFound(f"{file} cannot be read: {error.strerror}") from None
    found: dict[UUID, list[Anchor]] = {}
    for number, line in enumerate(lines, 1):
        try:
            said: dict[str, Any] = orjson.loads(line)
            one = Anchor(str(said["chain"]), UUID(said["workflow"]), int(said["count"]), str(said["head"]))
        except (ValueError, KeyError, TypeError):
            raise InvalidInput(
                f"{file}, line {number}, is no anchor: keep the file as it was written"
            ) from None
        found.setdefault(one.workflow_id, []).append(one)
    return found


def compare_anchors(
    anchors: Sequence[Anchor], events: Sequence[Event], decisions: Sequence[DecisionRow]
) -> list[str]:
    """Return, as sentences, which anchors the chains of their workflow no longer hold."""
    links = {
        WORKFLOW: {event.seq: event.hash.hex() for event in events},
        DECISIONS: {decision.seq: decision.hash.hex() for decision in decisions},
    }
    return [
        f"its chain of {'events' if one.chain == WORKFLOW else one.chain} is not the one anchored at {one.count}"
        for one in anchors
        if links.get(one.chain, {}).get(one.count) != one.head
    ]
