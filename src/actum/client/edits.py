"""Editing before approving: other values for the parameters that the effect's author offered, and no others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actum.authoring.canonical import canonical
from actum.client.cards import Card
from actum.client.fitting import require_fit
from actum.errors import InvalidInput
from actum.model.ids import short


def edit_arguments(card: Card, edits: object) -> bytes:
    """Return the canonical arguments of an action with `edits`, a value for each parameter to be changed.

    Raises InvalidInput for a parameter that is not in the effect's `editable=`, for a value that cannot fit, and for
    edits that change nothing.
    """
    name, step = short(card.approval.id), card.approval.step
    if not isinstance(edits, Mapping) or not edits:
        raise InvalidInput(
            '--edit is a JSON object with an entry for each parameter to change, such as {"amount": 5}',
            path="--edit",
        )
    if not isinstance(card.arguments, dict):
        raise InvalidInput(f"the arguments of {name} have no names to edit by", path="--edit")
    closed = sorted(set(edits) - set(card.editable))
    if closed:
        offered = ", ".join(card.editable)
        way = f"{step} lets an approver change {offered}" if offered else f"{step} has no editable= at all"
        raise InvalidInput(
            f"{closed[0]!r} of {name} cannot be edited: {way}; reject it, and have it asked anew",
            path=closed[0],
        )
    merged: dict[str, Any] = {**card.arguments, **edits}
    require_fit(merged, card.input_schema, "--edit")
    body = canonical(merged, "--edit")
    if body == canonical(card.arguments, "--edit"):
        raise InvalidInput("--edit changes nothing: approve it as it is, without --edit", path="--edit")
    return body
