"""`actum policy …`: write the rules, try them on what happened, and activate them."""

from __future__ import annotations

import click

from actum.cli.lazy import LazyGroup, Place

_WRITE, _TRY, _USE = "Write", "Try", "Use"

PLACES = {
    "facts": Place("policy_facts:facts", _WRITE, "Write the [facts] that previews give."),
    "lint": Place("policy_checking:lint", _WRITE, "Look for mistakes and doubts in a policy file."),
    "test": Place("policy_checking:test", _WRITE, "Check a policy against the cases beside it."),
    "explain": Place("policy_explaining:explain", _TRY, "Say how one operation is ruled, and why."),
    "diff": Place("policy_explaining:diff", _TRY, "Say in sentences what differs between two policies."),
    "simulate": Place("policy_simulating:simulate", _TRY, "Try a policy on what happened."),
    "shadow": Place(
        "policy_activating:shadow", _TRY, "Mark a policy to be tried on what happens from now on."
    ),
    "activate": Place(
        "policy_activating:activate", _USE, "Have effects ruled by a policy, or agree to that."
    ),
    "show": Place("policy_showing:show", _USE, "List policies, or show one with its history."),
}


@click.group(cls=LazyGroup, places=PLACES)
def policy() -> None:
    """Look after the policy: the rules that give each effect its tier and its approvers.

    A POLICY is a file, `active`, `shadow`, the first digits of a hash, or one of those that come with Actum, `default`
    and `dev`.
    """
