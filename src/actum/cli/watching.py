"""`actum watch`: follow one workflow until it ends. It polls, so that it needs nothing from anybody but the database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

import click

from actum.cli import options
from actum.cli.as_json import event_as_json
from actum.cli.exits import Exit
from actum.cli.facts import has_failure, message_of, read_facts
from actum.cli.next_steps import next_commands
from actum.cli.opening import carry_out, open_client
from actum.cli.printing import HEADING, complain, say, say_all, say_json
from actum.cli.story import name_of, state_of, tell
from actum.cli.text import columns
from actum.client import Client
from actum.errors import DatabaseUnavailable
from actum.model.events import Event
from actum.model.workflow import FINAL, Status

TellOne: TypeAlias = Callable[[Event], Awaitable[None]]

POLL = 0.3
"""Seconds between two looks."""
OUTAGE = 30.0
"""Seconds for which an outage of the database is waited out."""


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
        ended = await follow(client, workflow_id, _teller(client, is_json), until_person=until_person)
        if not is_json:
            say(ended.sentence)
            if ended.code is Exit.NEEDS_PERSON:
                say_all(f"  {line}" for line in next_commands(await read_facts(client, workflow_id)))
        return ended.code


async def follow(client: Client, workflow_id: UUID, tell_one: TellOne, *, until_person: bool) -> Followed:
    """Hand new events to `tell_one` until the workflow has ended, or needs a person where that is to end it.

    An outage of the database is told and waited out for OUTAGE seconds; then DatabaseUnavailable is raised.
    """
    following = _Following(client, workflow_id, tell_one, until_person)
    answered_at = time.monotonic()
    while True:
        try:
            ended = await following.look_once()
            answered_at = time.monotonic()
        except DatabaseUnavailable as error:
            if time.monotonic() - answered_at > OUTAGE:
                raise
            following.complain_once(str(error))
            ended = None
        if ended is not None:
            return ended
        await asyncio.sleep(POLL)


async def tell_nobody(_: Event) -> None:
    """Tell an event to nobody: for whoever waits for the end alone."""


class _Following:
    """How far one workflow was followed."""

    def __init__(self, client: Client, workflow_id: UUID, tell_one: TellOne, until_person: bool) -> None:
        self._client = client
        self._workflow_id = workflow_id
        self._tell_one = tell_one
        self._until_person = until_person
        self._told = self._judged = 0
        self._complaint = ""

    def complain_once(self, text: str) -> None:
        """Say to stderr what was not the last thing said."""
        if text != self._complaint:
            complain(text)
            self._complaint = text

    async def look_once(self) -> Followed | None:
        """Tell what is new, and return how it ended, if it did."""
        row = await self._client.get(self._workflow_id)
        if row.next_seq - 1 > self._told:
            for event in await self._client.store.records.read_events(self._workflow_id, self._told + 1):
                await self._tell_one(event)
                self._told = event.seq
        if row.status == Status.PENDING:
            nobody = await self._client.explain_wait(self._workflow_id)
            if nobody:
                self.complain_once(nobody)
        if row.status not in FINAL and not (self._until_person and row.next_seq != self._judged):
            return None
        return await self._judge()

    async def _judge(self) -> Followed | None:
        facts = await read_facts(self._client, self._workflow_id)
        if facts.row.next_seq - 1 > self._told:
            return None  # it has moved on: tell that first
        self._judged = facts.row.next_seq
        if facts.row.status in FINAL:
            is_good = facts.row.status == Status.COMPLETED
            return Followed(Exit.FINE if is_good else Exit.FAILED, state_of(facts))
        return Followed(Exit.NEEDS_PERSON, state_of(facts)) if facts.needs_person else None


def _teller(client: Client, is_json: bool) -> TellOne:
    """Return what prints an event; the payload of a failure is read for its message."""

    async def tell_one(event: Event) -> None:
        failure = ""
        if has_failure(event):
            kept = await client.store.records.read_snapshot(event.workflow_id, event.seq)
            failure = message_of(kept.body) if kept is not None else ""
        if is_json:
            say_json(event_as_json(event, failure), is_line=True)
        else:
            now = await client.store.read_clock()
            print("\n".join(tell(event, now, columns(), failure)), flush=True)

    return tell_one
