"""`actum watch`: follow one workflow until it ends. It polls, so that it needs nothing from anybody but the database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import click

from actum.cli import options
from actum.cli.as_json import event_as_json
from actum.cli.exits import Exit
from actum.cli.facts import message_of, read_facts
from actum.cli.next_steps import next_commands
from actum.cli.opening import carry_out, open_client
from actum.cli.printing import HEADING, complain, say, say_all, say_json
from actum.cli.story import name_of, state_of, tell
from actum.cli.text import columns
from actum.client import Client
from actum.model.events import Event
from actum.model.workflow import FINAL, Status

POLL = 0.3
"""Seconds between two looks."""


@dataclass(frozen=True, slots=True)
class Followed:
    """How following ended: the exit code, and the sentence of the state."""

    code: Exit
    sentence: str


@click.command()
@options.workflow
@options.until_person
@options.as_json
def watch(workflow: str, until_person: bool, is_json: bool) -> int:
    """Print what a workflow does, as it does it, until it ends.

    Exit code 0 when it completed, 1 when it ended otherwise, and with --until-person 5 as soon as nothing but a
    person's word can move it. Interrupting changes nothing about the workflow.
    """
    return carry_out(_watch(workflow, until_person, is_json))


async def _watch(workflow: str, until_person: bool, is_json: bool) -> int:
    async with open_client() as client:
        workflow_id = await client.find(workflow)
        if not is_json:
            say(name_of(await client.get(workflow_id)), HEADING)
        teller = _Teller(client, is_json)
        ended = await follow(client, workflow_id, teller.tell, until_person=until_person)
        await teller.told()
        if not is_json:
            say(ended.sentence)
            if ended.code is Exit.NEEDS_PERSON:
                say_all(f"  {line}" for line in next_commands(await read_facts(client, workflow_id)))
        return ended.code


async def follow(
    client: Client, workflow_id: UUID, tell_new: Callable[[Sequence[Event]], object], *, until_person: bool
) -> Followed:
    """Hand new events to `tell_new` until the workflow has ended, or needs a person where that is to end it."""
    seen, said = 0, ""
    while True:
        row = await client.get(workflow_id)
        if row.next_seq - 1 > seen:
            events = await client.store.records.read_events(workflow_id, seen + 1)
            seen = events[-1].seq if events else seen
            tell_new(events)
        if row.status in FINAL or (
            until_person and row.status in (Status.WAITING, Status.BLOCKED, Status.PAUSED)
        ):
            facts = await read_facts(client, workflow_id)
            if facts.row.status == Status.COMPLETED:
                return Followed(Exit.FINE, state_of(facts))
            if facts.row.status in FINAL:
                return Followed(Exit.FAILED, state_of(facts))
            if facts.needs_person:
                return Followed(Exit.NEEDS_PERSON, state_of(facts))
        nobody = await client.explain_wait(workflow_id) if row.status == Status.PENDING else None
        if nobody and nobody != said:
            complain(nobody)
            said = nobody
        await asyncio.sleep(POLL)


class _Teller:
    """Prints events; the payloads of failures are read for their messages."""

    def __init__(self, client: Client, is_json: bool) -> None:
        self._client = client
        self._is_json = is_json
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue()
        self._task = asyncio.get_running_loop().create_task(self._tell(), name="actum watch")

    def tell(self, events: Sequence[Event]) -> None:
        for event in events:
            self._queue.put_nowait(event)

    async def told(self) -> None:
        """Wait until everything is printed."""
        self._queue.put_nowait(None)
        await self._task

    async def _tell(self) -> None:
        while (event := await self._queue.get()) is not None:
            failure = ""
            if event.kind.value.endswith((".failed", ".doubted")):
                kept = await self._client.store.records.read_snapshot(event.workflow_id, event.seq)
                failure = message_of(kept.body) if kept is not None else ""
            if self._is_json:
                say_json(event_as_json(event, failure), is_line=True)
            else:
                now = await self._client.store.read_clock()
                print("\n".join(tell(event, now, columns(), failure)), flush=True)
