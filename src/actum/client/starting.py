"""From a call of a contract to the row, key, first event and input that start it."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson

from actum.authoring.call import Call
from actum.authoring.contract import Contract
from actum.client.arguments import check_priority, check_start_key
from actum.errors import InvalidInput, KeyConflict
from actum.machine.chain import FIRST_SEQ, GENESIS, link, payload_hash
from actum.model.events import EventKind
from actum.model.ids import new_id, short
from actum.store.rows import Started

Tags = Mapping[str, str]
"""Names and values by which workflows are found and compared, such as `{"prompt": "v2"}`."""
MOST_TAGS, LONGEST_TAG_NAME, LONGEST_TAG = 50, 100, 500
_UNSTORABLE = frozenset({"Cc", "Cs"})


def contract_of(call: object) -> Contract[..., Any]:
    """Return the contract that `call` applies; raises InvalidInput for anything but a contract's call."""
    if isinstance(call, Contract):
        raise InvalidInput(f"{call.name} is a contract without arguments: start a call of it, {call.name}(…)")
    if not isinstance(call, Call):
        raise InvalidInput(
            f"{call!r} cannot be started: pass a call of a contract, such as change_repository(task)"
        )
    subject = call.subject
    if not isinstance(subject, Contract):
        raise InvalidInput(
            f"{call.name} is no contract: only contracts are started; await it in one, or make it one"
        )
    return subject


def check_tags(tags: Mapping[Any, Any]) -> dict[str, str]:
    """Return tags that can be kept: text, of bounded number and length, with names that `tag.NAME=VALUE` can say.

    Raises InvalidInput for any other, with the way out.
    """
    if not isinstance(tags, Mapping):
        raise InvalidInput(
            f"tags are a mapping of names to text, such as {{'prompt': 'v2'}}, and not {tags!r}"
        )
    if len(tags) > MOST_TAGS:
        raise InvalidInput(f"{len(tags)} tags are too many: keep to {MOST_TAGS}, and the rest in the input")
    for name, value in tags.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise InvalidInput(
                f"the tag {name!r} is {value!r}: names and values of tags are text", path="tags"
            )
        if not name or len(name) > LONGEST_TAG_NAME or "=" in name or name != name.strip():
            raise InvalidInput(
                f"{name[:LONGEST_TAG_NAME]!r} cannot be a tag's name: 1 to {LONGEST_TAG_NAME} characters, without an "
                "equals sign, without blanks at its ends",
                path="tags",
            )
        if len(value) > LONGEST_TAG:
            raise InvalidInput(
                f"the tag {name!r} has {len(value)} characters: keep it to {LONGEST_TAG}, and more in the input",
                path="tags",
            )
        if any(unicodedata.category(mark) in _UNSTORABLE for mark in name + value):
            raise InvalidInput(f"the tag {name!r} holds a control character: use printable ones", path="tags")
    return dict(tags)


def prepare(
    call: Call[Any],
    *,
    at: int,
    actor: str,
    key: str | None,
    requester: str | None,
    priority: int,
    tags: Tags | None,
    document_hash: bytes,
) -> Started:
    """Return what a start writes; `at` is the database's instant in microseconds. Refuses what cannot be stored."""
    from actum.engine.log import to_datetime

    contract = contract_of(call)
    if key is not None:
        check_start_key(key)
    arguments, argument_hash = call.arguments, call.argument_hash
    workflow_id, salt = new_id(at // 1000), secrets.token_bytes(16)
    hashed = payload_hash(salt, argument_hash, arguments)
    team = contract.owner.team if contract.owner else None
    data = orjson.dumps({"key": key, "requester": requester}).decode() if key or requester else None
    head = _first_link(workflow_id, at, actor, contract.name, team, hashed, data)
    deadline: timedelta | None = contract.deadline
    return Started(
        id=workflow_id,
        contract=contract.name,
        key=key,
        shape_hash=contract.shape_hash,
        document_hash=document_hash,
        team=team,
        requester=requester,
        queue=contract.queue,
        priority=check_priority(priority),
        salt=salt,
        tags=orjson.dumps(check_tags(tags or {})).decode(),
        at=to_datetime(at),
        deadline=None if deadline is None else to_datetime(at) + deadline,
        input_hash=argument_hash,
        arguments=arguments,
        payload_hash=hashed or b"",
        actor=actor,
        data=data,
        hash=head,
        changes=" ".join(contract.changes),
    )


def find_standing(wanted: Started, standing: Mapping[tuple[str, str], tuple[UUID, bytes]]) -> UUID:
    """Return the workflow that holds the key of a start; raises KeyConflict when it was started with other input."""
    workflow_id, input_hash = standing[wanted.contract, wanted.key or ""]
    if input_hash != wanted.input_hash:
        raise KeyConflict(
            f"the key {wanted.key!r} of {wanted.contract} already stands for other input (workflow "
            f"{short(workflow_id)}): one key is one piece of work, so use another key",
            key=wanted.key or "",
        )
    return workflow_id


def _first_link(
    workflow_id: UUID,
    at: int,
    actor: str,
    contract: str,
    team: str | None,
    hashed: bytes | None,
    data: str | None,
) -> bytes:
    kind = EventKind.WORKFLOW_STARTED.value
    return link(
        GENESIS, workflow_id.bytes, FIRST_SEQ, at, kind, None, None, None, None, None, actor,
        contract, team, None, None, 0, hashed, data,
    )  # fmt: skip
