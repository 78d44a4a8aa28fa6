"""The record that permits one attempt at an effect: its ledger entry, its approval, and the ruling it is made under."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from actum.engine.execution import as_data
from actum.engine.log import Intent, Record
from actum.engine.progress import is_doubted
from actum.machine.keys import action_hash
from actum.machine.policy import Ruling
from actum.model.events import EventKind

if TYPE_CHECKING:
    from actum.engine.effects import EffectExecution


def intent_of(execution: EffectExecution, ruling: Ruling, key: str) -> Record:
    """Return the record, with what policy said; where nobody was asked, with what was seen too.

    So the automatic decision is logged with the intent: one row, in the workflow's own chain.
    """
    runner, progress, effect = execution.runner, execution.progress, execution.effect
    asked, arguments = progress.asked, execution.request.arguments
    tier, approval_id, hashed = ruling.tier, None, None
    if asked is not None:
        tier = asked.terms["tier"] if asked.terms is not None else ruling.tier
        approval_id = asked.approval_id
        target = str(orjson.loads(progress.preview or b"{}").get("target") or "")
        hashed = action_hash(effect.kind, target, arguments, key, execution.address)
    is_seen_here = asked is None and progress.preview is not None
    intent = Intent(
        mode=execution.mode,
        kind=effect.kind,
        key=key,
        generation=progress.generation,
        origin=runner.row.origin,
        step=execution.name,
        argument_hash=execution.argument_hash,
        arguments=arguments,
        tier=tier,
        approval_id=approval_id,
        action_hash=hashed,
        policy_hash=ruling.policy_hash,
    )
    return Record(
        EventKind.EFFECT_STARTED,
        runner.now(),
        step=execution.name,
        address=execution.address,
        attempt=execution.attempts,
        tier=tier,
        data=as_data(
            kind=effect.kind,
            key=key,
            generation=progress.generation,
            arguments=execution.request.argument_hash.hex(),
            open_doubt=is_doubted(progress),
            approval_id=str(approval_id) if approval_id is not None else None,
            ruling={"tier": ruling.tier, "rules": ruling.rules, "why": ruling.whys},
            policy=ruling.policy_hash.hex() if ruling.policy_hash else None,
            reversibility=effect.reversibility,
            environment=runner.worker.policing.environment,
        ),
        snapshot="preview" if is_seen_here else None,
        argument_hash=execution.request.argument_hash if is_seen_here else None,
        body=progress.preview if is_seen_here else None,
        intent=intent,
    )
