"""What a person does to many workflows at once: looked at first, counted, and only then carried out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from actum.client.arguments import check_text
from actum.client.holding import plan_reopening
from actum.errors import InvalidContract, InvalidInput, NotPossible
from actum.machine.holding import Verb
from actum.model.contract import parse_duration
from actum.model.ids import new_id
from actum.model.workflow import Cause, Status
from actum.store.interventions import Filter, MatchRow

if TYPE_CHECKING:
    from actum.client.client import Client

VERBS = ("cancel", "pause", "resume", "retry", "rollback")
NAMES = ("contract", "team", "status", "cause", "step", "queue", "requester", "older", "incident")
MOST = 1000
"""How many workflows one intervention reaches: more are done in several, each looked at."""
ROLES = ("operator", "admin")


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done: the workflows that `verb` can reach as they stand, `total` of them in all.

    `unnamed` are those that the filter's incident affects beyond the thousand it names: a look of a worker's names them
    once others have moved on.
    """

    verb: str
    filter: Filter
    rows: Sequence[MatchRow]
    total: int
    unnamed: int = 0


async def read_filter(client: Client, conditions: Sequence[str]) -> Filter:
    """Read conditions such as `contract=pay`, `older=2h`, `tag.tenant=acme`; all must hold.

    Raises InvalidInput for one that cannot be meant and for none at all, NotFound for an incident that is none.
    """
    values: dict[str, Any] = {}
    tags: dict[str, str] = {}
    for condition in conditions:
        name, is_given, value = condition.partition("=")
        name = name.strip()
        if not is_given or not value or (name not in NAMES and not name.startswith("tag.")):
            raise InvalidInput(
                f"{condition!r} is no condition: write NAME=VALUE with one of {', '.join(NAMES)} or tag.NAME",
                path="--where",
            )
        if name in values or (name.startswith("tag.") and name[4:] in tags):
            raise InvalidInput(f"{name} is given twice, and all conditions must hold", path="--where")
        if name.startswith("tag."):
            tags[name[4:]] = value
        else:
            values[name] = await _read(client, name, value)
    if not conditions:
        raise InvalidInput("a filter needs at least one condition: --where contract=NAME", path="--where")
    return replace(Filter(" ".join(conditions)), **values, tags=tags)


async def _read(client: Client, name: str, value: str) -> str | timedelta | UUID:
    known = {
        "status": [one.value for one in Status if not one.is_final],
        "cause": [one.value for one in Cause],
    }
    if name in known and value not in known[name]:
        raise InvalidInput(
            f"{value!r} is no {name} of a workflow that goes on: those are {', '.join(known[name])}",
            path="--where",
        )
    if name == "older":
        try:
            return parse_duration(value)
        except InvalidContract as error:
            raise InvalidInput(str(error), path="--where") from None
    return await client.incidents.find(value) if name == "incident" else value


async def plan_bulk(client: Client, verb: str, wanted: Filter) -> Plan:
    """Return which workflows fit and can be reached by `verb` as they stand; changes nothing."""
    if verb not in VERBS:
        raise InvalidInput(f"{verb!r} cannot be done to many: {', '.join(VERBS)} can", path="verb")
    rows = await client.store.interventions.list_matching(wanted, verb, MOST)
    return Plan(verb, wanted, rows, rows[0].total if rows else 0, await _count_unnamed(client, wanted))


async def _count_unnamed(client: Client, wanted: Filter) -> int:
    if wanted.incident is None:
        return 0
    row = await client.incidents.get(wanted.incident)
    return max(row.count - len(row.workflow_ids), 0) if len(row.workflow_ids) >= MOST else 0


async def carry_out_bulk(client: Client, plan: Plan, *, reason: str, count: int) -> tuple[UUID, list[UUID]]:
    """Leave a message for each workflow of a plan, durable when this returns; return the bulk and who was reached.

    `count` is what somebody saw and meant: where the plan holds another number, nothing is done. One statement leaves
    them all, so a crash leaves all or none; what ended meanwhile is left out. Carried out twice it is asked twice,
    and the second finds nothing to do. Raises InvalidInput, NotPossible and NotEntitled.
    """
    if not check_text(reason, "the reason").strip():
        raise InvalidInput(f"{plan.verb} needs its --reason: say in a few words why", path="reason")
    if plan.total > MOST:
        raise NotPossible(
            f"{plan.total} workflows fit, and at most {MOST} are reached at once: add a condition to --where"
        )
    if count != plan.total:
        raise NotPossible(
            f"{plan.total} workflows fit and {count} were meant: look again with --dry-run; nothing was done"
        )
    await client.accounts.require_role(ROLES, f"{plan.verb} many workflows")
    bulk = new_id()
    places = await _find_places(client, plan)
    if not places:
        return bulk, []
    reached = await client.store.interventions.intervene(
        bulk, places, verb=plan.verb, actor=client.actor, reason=reason, filter_text=plan.filter.text
    )
    client.hints.send("ready")
    for workflow_id in reached:
        client.hints.send(f"wake:{workflow_id}")
    return bulk, reached


async def _find_places(client: Client, plan: Plan) -> Mapping[UUID, tuple[str | None, str | None]]:
    """Return the message's name and address for each workflow; a retry names the failure it sets aside."""
    if plan.verb != "retry":
        return {row.id: (None, None) for row in plan.rows}
    places: dict[UUID, tuple[str | None, str | None]] = {}
    for row in plan.rows:
        try:
            failure = await plan_reopening(client, row.id, Verb.RETRY)
        except NotPossible:  # it moved on since the look, or its deadline has passed: nothing to try again
            continue
        places[row.id] = str(failure.seq), failure.address
    return places
