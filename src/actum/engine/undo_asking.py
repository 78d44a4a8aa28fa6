"""Asking a person whether an undo may go ahead although a freeze holds its kind back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from actum.engine.execution import as_data
from actum.engine.log import Record, to_datetime
from actum.engine.policing import FROZEN_RULE
from actum.engine.progress import Asked
from actum.engine.showing import preview_body
from actum.machine.keys import action_hash, outside_key
from actum.machine.policy import rule_without_policy
from actum.model.events import EventKind
from actum.model.ids import new_id
from actum.outcomes import Preview
from actum.store.records import as_text

if TYPE_CHECKING:
    from actum.engine.undoing import UndoExecution


def ask_for_undo(undo: UndoExecution) -> None:
    """Queue the approval row and its event: tier 2, decided by the owner's team.

    If the process dies before the flush, nobody was asked; after it, the next holder finds the row.
    """
    runner, request = undo.runner, undo.request
    ruling = replace(
        rule_without_policy(runner.row.team), rules=(FROZEN_RULE,), whys=("a freeze holds it back.",)
    )
    key = outside_key(request.key, request.generation)
    preview = preview_body(
        Preview(
            f"Undo {request.effect.name} ({request.effect.kind}, key {key}) although a freeze holds it back"
        )
    )
    hashed = action_hash(request.kind, "", request.arguments, request.key, undo.address)
    terms = ruling.as_data()
    asked = undo.progress.asked = Asked(new_id(runner.now() // 1000), hashed, None, undo.name, terms=terms)
    row = {
        "id": str(asked.approval_id),
        "workflow_id": str(runner.workflow_id),
        "address": undo.address,
        "asked_by": None,
        "step": undo.name,
        "kind": request.kind,
        "key": request.key,
        "action_hash": hashed.hex(),
        "arguments": request.arguments.hex(),
        "preview": preview.decode(),
        "relies_on": None,
        "tier": ruling.tier,
        "rule": ruling.rule,
        "policy_hash": None,
        "contract": runner.row.contract,
        "team": runner.row.team,
        "requester": runner.row.requester,
        "authors": list(runner.contract.owner.authors) if runner.contract.owner else [],
        "approvers": list(ruling.approvers),
        "requirements": [one.as_data() for one in ruling.approvals],
        "asked_at": as_text(to_datetime(runner.now())),
    }
    undo.record(
        Record(
            EventKind.APPROVAL_REQUESTED,
            runner.now(),
            tier=ruling.tier,
            data=as_data(
                approval_id=str(asked.approval_id), action_hash=hashed.hex(), rule=ruling.rule, ruling=terms
            ),
            extras=(("approvals", row),),
            then=[runner.hint_people],
        )
    )
