"""What a person does about a held workflow: retry, skip or edit the failure it is held for.

Whatever can be seen without the contract's code is checked here, before anything is left for the workflow; the worker
that receives it has the last word, and says so in the workflow's block. See docs/design/hold.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from actum.authoring.canonical import canonical
from actum.client.fitting import require_fit
from actum.errors import InvalidInput, NotPossible
from actum.machine.holding import Failure, Verb, choose, require_open, require_possible
from actum.model.ids import short
from actum.model.workflow import Cause, Status
from actum.store.rows import WorkflowRow

if TYPE_CHECKING:
    from actum.client.client import Client


async def plan_reopening(
    client: Client, workflow_id: UUID, verb: Verb, address: str | None = None, value: Any = None
) -> Failure:
    """Return the failure that `verb` would set aside now, with the output of a skip or the arguments of an edit.

    Changes nothing. Raises NotFound, NotPossible (it is not held, nothing failed there, its end was asked for), and
    InvalidInput for a value that certainly does not fit.
    """
    row = await client.get(workflow_id)
    name = short(row.id)
    if row.status != Status.BLOCKED or row.cause != Cause.HELD:
        stands = row.status.replace("_", " ") + (f", {row.cause}" if row.cause else "")
        raise NotPossible(
            f"workflow {name} is not held ({stands}): `actum show {name}` says what is possible"
        )
    if row.deadline is not None and row.deadline <= await client.store.read_clock():
        raise NotPossible(f"the deadline of workflow {name} has passed: roll it back, or cancel it")
    events = await client.store.records.read_events(workflow_id)
    if events[-1].seq >= row.next_seq:
        raise NotPossible(f"workflow {name} has just moved on: `actum show {name}` says what is possible")
    require_open(events)
    failure = choose(events, address)
    require_possible(failure, verb)
    await _require_fit(client, row, failure, verb, value)
    return failure


async def reopen(
    client: Client,
    workflow_id: UUID,
    verb: Verb,
    address: str | None = None,
    *,
    value: Any = None,
    reason: str,
) -> Failure:
    """Leave an intervention for a held workflow, durable when this returns, and return the failure it sets aside.

    Raises what `plan_reopening` raises, and InvalidInput without a reason. Said twice it is carried out once: the
    second finds a workflow that is not held, or is dropped by the worker because another failure stands there.
    """
    if not reason.strip():
        raise InvalidInput(f"{verb.value} needs its reason: say in a few words why", path="reason")
    failure = await plan_reopening(client, workflow_id, verb, address, value)
    await client.send(
        workflow_id,
        verb.value,
        address=failure.address,
        name=str(failure.seq),
        body=None if verb is Verb.RETRY else canonical(value, _option(verb)),
        reason=reason,
    )
    return failure


def _option(verb: Verb) -> str:
    return "the output" if verb is Verb.SKIP else "the input"


async def _require_fit(client: Client, row: WorkflowRow, failure: Failure, verb: Verb, value: Any) -> None:
    if verb is Verb.RETRY:
        return
    found = await client.store.contracts.get(row.contract, row.document_hash)
    steps = orjson.loads(found["document"])["steps"] if found else []
    step: dict[str, Any] = next((one for one in steps if one["name"] == failure.step), {})
    if verb is Verb.SKIP:
        require_fit(value, orjson.dumps(step.get("output", {})).decode(), _option(verb))
        return
    if not isinstance(value, Mapping) or not value:
        raise InvalidInput(
            "the input is a JSON object with an entry for each parameter to change", path="input"
        )
    schema: dict[str, Any] = {**step.get("input", {}), "required": []}
    unknown = sorted(set(value) - set(schema.get("properties", value)))
    if unknown:
        known = ", ".join(schema["properties"])
        raise InvalidInput(
            f"{failure.step} has no parameter {unknown[0]!r}: it takes {known}", path=unknown[0]
        )
    require_fit(dict(value), orjson.dumps(schema).decode(), _option(verb))
