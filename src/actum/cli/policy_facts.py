"""`actum policy facts`: the `[facts]` of a policy, from the types that previews name or from what they gave."""

from __future__ import annotations

import typing
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import click

from actum.authoring.contract import Contract
from actum.authoring.effect import Effect
from actum.cli import options
from actum.cli.exits import Exit
from actum.cli.modules import find_contracts
from actum.cli.opening import carry_out, open_client
from actum.cli.printing import complain, say_all, say_json
from actum.cli.text import neutral_lines
from actum.machine.policy import Operation, vocabulary
from actum.model.contract import parse_duration
from actum.outcomes import Preview

Schema = Mapping[str, Any]

_TYPES: Mapping[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string"}


@click.command()
@click.argument("places", metavar="[MODULE[:NAME,NAME]]...", nargs=-1)
@click.option(
    "--since", default="30d", show_default=True, metavar="DURATION", help="Without a module: how far back."
)
@options.as_json
def facts(places: tuple[str, ...], since: str, is_json: bool) -> int:
    """Write the table [facts] of a policy, from the types of the facts that previews give.

    A preview names them in what it returns: `-> Preview[Facts]`. Without a MODULE: from what previews gave lately.
    """
    if places:
        schemas, untyped = read_effects(
            {id(one): one for place in places for one in find_contracts(place)}.values()
        )
    else:
        schemas, untyped = infer(carry_out(_operations(since))), []
    text = vocabulary(schemas)
    if is_json:
        say_json({"facts": text, "schemas": schemas, "untyped": untyped})
        return Exit.FINE
    say_all(neutral_lines(text))
    for kind in untyped:
        complain(
            f"{kind}: its preview does not name its facts: write `-> Preview[Facts]`, Facts being a model or dataclass"
        )
    return Exit.FINE


async def _operations(since: str) -> list[Operation]:
    length = parse_duration(since)
    async with open_client() as client:
        found = await client.policies.list_operations(await client.store.read_clock() - length)
    return [past.operation for past in found]


def read_effects(contracts: Iterable[Contract[..., Any]]) -> tuple[dict[str, Schema], list[str]]:
    """Return the JSON schemas of the facts that previews name, by kind of effect, and the kinds that name none."""
    schemas: dict[str, Schema] = {}
    untyped: set[str] = set()
    for effect in _effects(contracts, set()):
        hook = effect.hooks.get("preview")
        if hook is None:
            continue
        schema = _schema_of(hook.function)
        if schema is None:
            untyped.add(effect.kind)
        elif effect.kind in schemas and schemas[effect.kind] != schema:
            schemas[f"{effect.kind} of {effect.name}"] = schema
        else:
            schemas[effect.kind] = schema
    return schemas, sorted(untyped)


def _effects(contracts: Iterable[Contract[..., Any]], seen: set[int]) -> Iterator[Effect[..., Any]]:
    for contract in contracts:
        for one in contract.steps:
            if id(one) in seen:
                continue
            seen.add(id(one))
            if isinstance(one, Effect):
                yield one
            elif isinstance(one, Contract):
                yield from _effects([one], seen)


def _schema_of(preview: Any) -> Schema | None:
    """Return the schema of the facts in `-> Preview[Facts]`; None where nothing is named, or it has no schema."""
    from pydantic import TypeAdapter
    from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

    try:
        returned = typing.get_type_hints(preview).get("return")
    except (NameError, TypeError):  # names that only a type checker sees
        return None
    named = typing.get_args(returned) if typing.get_origin(returned) is Preview else ()
    if not named or named[0] is Any:
        return None
    try:
        return TypeAdapter(named[0]).json_schema(by_alias=False, mode="validation")
    except (PydanticSchemaGenerationError, PydanticUserError):
        return None


def infer(operations: Iterable[Operation]) -> dict[str, Schema]:
    """Return schemas that fit the facts of operations, by kind; a null tells nothing about a type."""
    types: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for operation in operations:
        for name, value in (operation.facts or {}).items():
            if operation.kind is not None and value is not None:
                types[operation.kind][name].add(_TYPES.get(type(value), "object"))
    return {
        kind: {"properties": {name: _schema(found) for name, found in by.items()}}
        for kind, by in types.items()
    }


def _schema(types: set[str]) -> Schema:
    named = types - {"integer"} if "number" in types else types
    return {"anyOf": [{"type": one} for one in sorted(named)]}
