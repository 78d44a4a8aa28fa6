"""`actum start`: begin a workflow, and, if asked, wait for its end."""

from __future__ import annotations

import click

from actum.authoring.call import Call
from actum.cli import options
from actum.cli.as_json import recorded
from actum.cli.exits import Exit
from actum.cli.facts import read_facts
from actum.cli.inputs import call_of
from actum.cli.modules import AnyContract, find_contract
from actum.cli.next_steps import next_commands
from actum.cli.opening import carry_out, open_client
from actum.cli.outcome import tell_outcome
from actum.cli.printing import complain, say, say_json
from actum.cli.text import neutral
from actum.cli.watching import follow, tell_nobody
from actum.client import Client
from actum.client.arguments import check_start_key
from actum.client.starting import check_tags
from actum.errors import InvalidInput
from actum.model.ids import short


@click.command()
@click.argument("place", metavar="MODULE:CONTRACT")
@click.option(
    "--input", "text", metavar="JSON|@FILE|-", help="A JSON object with an entry for each parameter."
)
@click.option("--key", help="One key is one piece of work: starting it again finds the same workflow.")
@click.option("--requester", metavar="NAME", help="On whose behalf, such as user:ana; else who starts it.")
@click.option(
    "--tag",
    "tags",
    metavar="NAME=VALUE",
    multiple=True,
    help="To find and compare it by, such as prompt=v2; may be given again.",
)
@click.option("--wait", "waits", is_flag=True, help="Wait for the end and print the result as JSON.")
@options.until_person
@options.acts_as(options.AUTHOR)
@options.as_json
@options.dry_run
def start(
    place: str,
    text: str | None,
    key: str | None,
    requester: str | None,
    tags: tuple[str, ...],
    waits: bool,
    until_person: bool,
    who: str | None,
    is_json: bool,
    dry_run: bool,
) -> int:
    """Start a workflow of a contract; it exists when this returns.

    With a key that is taken, by the same input, the workflow that is already there is named; other input is refused.

    \b
      actum start flows:greet --input '{"name": "Ana"}' --key greet-ana
      actum start flows:greet --input @task.json --tag prompt=v2 --wait
    """
    contract = find_contract(place)
    call = call_of(contract, text)
    given = _read_tags(tags)
    if dry_run:
        return _rehearse(contract, call, key, is_json)
    return carry_out(
        _start(contract, call, key, requester, given, waits or until_person, until_person, who, is_json)
    )


def _read_tags(tags: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for tag in tags:
        name, is_given, value = tag.partition("=")
        if not is_given:
            raise InvalidInput(f"{tag!r} is no tag: write --tag NAME=VALUE, such as --tag prompt=v2")
        if name in found:
            raise InvalidInput(f"the tag {name!r} is given twice: give it one value")
        found[name] = value
    return check_tags(found)


def _rehearse(contract: AnyContract, call: Call[object], key: str | None, is_json: bool) -> int:
    if key is not None:
        check_start_key(key)
    arguments = call.arguments.decode()
    named = f" under the key {neutral(key)}" if key else ""
    said = f"would start {neutral(contract.name)}{named} with {neutral(arguments)}; nothing was started"
    facts = {"contract": contract.name, "key": key, "input": recorded(arguments)}
    return tell_outcome("start", said, facts, actor=None, is_json=is_json, dry_run=True)


async def _start(
    contract: AnyContract,
    call: Call[object],
    key: str | None,
    requester: str | None,
    tags: dict[str, str],
    waits: bool,
    until_person: bool,
    who: str | None,
    is_json: bool,
) -> int:
    async with open_client(who) as client:
        handle = await client.start(call, key=key, requester=requester, tags=tags)
        if waits:
            complain(f"{contract.name} {handle.short_id}")
            ended = await follow(client, handle.workflow_id, tell_nobody, until_person=until_person)
            if ended.code is Exit.FINE:
                say_json(await client.handle(handle.workflow_id).result())
            else:
                complain(ended.sentence)
            if ended.code is Exit.NEEDS_PERSON:
                for line in next_commands(await read_facts(client, handle.workflow_id)):
                    complain(f"  {line}")
            return ended.code
        if is_json:
            await _say_started(client, contract, handle.workflow_id.hex, key)
        else:
            say(f"started {neutral(contract.name)} {short(handle.workflow_id)}  ({handle.workflow_id})")
    return Exit.FINE


async def _say_started(client: Client, contract: AnyContract, workflow: str, key: str | None) -> None:
    row = await client.get(await client.find(workflow))
    facts = {
        "id": row.id,
        "name": short(row.id),
        "contract": contract.name,
        "key": key,
        "status": row.status,
    }
    tell_outcome("start", [], facts, actor=client.actor, is_json=True)
