"""What people call a workflow or an approval, and which one they mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from uuid import UUID

from actum.client.arguments import check_text
from actum.errors import InvalidInput, NotFound
from actum.store.batches import BatchRow
from actum.store.store import Store

_DIGITS = re.compile(r"[0-9a-f-]{4,36}")


async def find_workflow(store: Store, name: str) -> UUID:
    """Return the workflow that `name` means: an id, its last digits (four at least), or `contract/key`.

    Raises NotFound when there is none, InvalidInput when several end so.
    """
    check_text(name, "the name of the workflow")
    contract, slash, key = name.partition("/")
    if slash:
        found = await store.workflows.find_keys([(contract, key)])
        if (contract, key) not in found:
            raise NotFound(
                f"no workflow of {contract} has the key {key!r}: `actum list --contract {contract}` shows them"
            )
        return found[contract, key][0]
    digits = read_digits(name, "workflow", "actum list")
    if len(digits) == 32:
        workflow_id = UUID(digits)
        if await store.workflows.get(workflow_id) is None:
            raise NotFound(f"there is no workflow {name}: `actum list` shows those there are")
        return workflow_id
    return one_of(await store.workflows.find(digits), name, "workflow", "actum list")


async def find_approval(store: Store, name: str) -> UUID:
    """Return the approval that `name` means: an id or its last digits; raises as `find_workflow` does."""
    digits = read_digits(name, "approval", "actum inbox")
    if len(digits) == 32:
        return UUID(digits)
    return one_of(await store.approvals.find(digits), name, "approval", "actum inbox")


async def find_batch(store: Store, name: str) -> BatchRow:
    """Return the batch that `name` means: its id or the last digits of it; raises as `find_workflow` does."""
    digits = read_digits(name, "batch", "actum inbox")
    rows = {row.id: row for row in await store.cards.find_batches(digits)}
    return rows[one_of(list(rows), name, "batch", "actum inbox")]


def read_digits(name: str, noun: str, command: str) -> str:
    """Return the digits of an id, or the last of one, four at least; raises NotFound for anything else."""
    lowered = check_text(name, f"the name of the {noun}").strip().lower()
    if not _DIGITS.fullmatch(lowered):
        raise NotFound(
            f"{name!r} names no {noun}: give its id, or the last digits of it, as `{command}` shows them"
        )
    return lowered.replace("-", "")


def one_of(found: Sequence[UUID], name: str, noun: str, command: str) -> UUID:
    """Return the only one found; raises NotFound where there is none, InvalidInput where several end so."""
    if not found:
        raise NotFound(f"no {noun} ends in {name!r}: `{command}` shows those there are")
    if len(found) > 1:
        raise InvalidInput(
            f"{len(found)} {noun}{'es' if noun == 'batch' else 's'} end in {name!r}: give more of its digits"
        )
    return found[0]
