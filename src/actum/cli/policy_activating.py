"""`actum policy activate` and `actum policy shadow`: which policy rules, and which one is tried beside it."""

from __future__ import annotations

import click

from actum.cli import options
from actum.cli.exits import Exit
from actum.cli.opening import carry_out, open_client
from actum.cli.outcome import tell_outcome
from actum.cli.policy_files import (
    DIGITS,
    cases_beside,
    find_policy,
    is_file,
    name_of,
    policy_argument,
    read_cases,
    tell_cases,
    tell_findings,
)
from actum.cli.printing import DIM, GOOD, WARN, say, say_all
from actum.cli.text import neutral
from actum.client import Client
from actum.client.policies import Activation, read_policy
from actum.errors import NotPossible, PolicyError
from actum.machine.policy import Policy, Requirement, difference


@click.command()
@policy_argument
@options.decision_reason
@options.acts_as(options.AUTHOR)
@options.dry_run
@options.as_json
def activate(name: str, reason: str, who: str | None, dry_run: bool, is_json: bool) -> int:
    """Have effects ruled by POLICY from now on, in place of the one before; says first what that changes.

    A file whose cases (`policy.cases.toml` beside it) fail is refused. Where POLICY or the active one has an
    [activation], this requests it, exit code 5, and somebody else agrees by the same command.
    """
    return carry_out(_activate(name, reason, who, dry_run, is_json))


async def _activate(name: str, reason: str, who: str | None, dry_run: bool, is_json: bool) -> int:
    async with open_client(who) as client:
        policy = await find_policy(client, name)
        _require_cases(name, policy)
        changes = await _changes(client, policy)
        if not is_json:
            tell_findings([one for one in await client.policies.doubts(policy) if one.severity != "note"])
            say_all((f"  {neutral(one)}" for one in changes), DIM)
        if dry_run:
            await client.policies.require_sound(policy)
            required = await client.policies.requirements(policy)
            more = f" once {_names(required)} agree" if required else ""
            said = f"would activate {name_of(policy)}{more}; nothing was done"
            facts = {"answer": "would_activate", "hash": policy.policy_hash.hex(), "changes": changes}
            return tell_outcome(
                "policy activate", said, facts, actor=client.actor, is_json=is_json, dry_run=True
            )
        done = await client.policies.activate(policy, reason=reason)
    if is_json:
        facts = {"answer": done.answer, "hash": done.policy.hash.hex(), "changes": changes}
        tell_outcome("policy activate", [], facts, actor=client.actor, is_json=True)
    else:
        _tell(done, policy)
    return Exit.NEEDS_PERSON if done.answer in ("requested", "agreed") else Exit.FINE


def _require_cases(name: str, policy: Policy) -> None:
    """Raise NotPossible if the file has cases beside it and one of them is ruled otherwise."""
    path = cases_beside(name)
    if not is_file(name) or not path.is_file():
        return
    failed = [one for one in read_cases(policy, path) if not one.has_passed]
    if failed:
        tell_cases(failed, path)
        raise NotPossible(
            f"{len(failed)} of the cases in {path} are not ruled as expected, so {name} was not activated: "
            "correct the policy or the cases"
        )


async def _changes(client: Client, policy: Policy) -> list[str]:
    """Return what activation changes in sentences; empty if nothing is active."""
    row = await client.policies.active()
    if row is None:
        return []
    try:
        return difference(read_policy(row), policy)
    except PolicyError:  # kept by a newer version: that one may be replaced too
        return [
            f"the active policy {row.name} {row.hash.hex()[:DIGITS]} cannot be read by this version of Actum."
        ]


def _tell(done: Activation, policy: Policy) -> None:
    said = name_of(policy)
    match done.answer:
        case "activated":
            say(f"{said} is active: effects are ruled by it from now on", GOOD)
        case "already":
            say(f"{said} is active already")
        case "requested":
            say(f"the activation of {said} is requested: {_names(done.required)} has to agree to it", WARN)
        case _:
            say(f"your agreement to {said} is counted: more people have to agree", WARN)
    if done.answer in ("requested", "agreed"):
        say(f"  actum policy activate {policy.policy_hash.hex()[:DIGITS]} --reason '…'")


def _names(required: tuple[Requirement, ...]) -> str:
    return " and ".join(
        f"{one.quorum} of {', '.join(map(neutral, one.by)) or 'anybody else'}" for one in required
    )


@click.command()
@click.argument("name", metavar="[POLICY]", default="")
@click.option("--off", "is_off", is_flag=True, help="Shadow no policy any more.")
@options.acts_as(options.AUTHOR)
@options.dry_run
@options.as_json
def shadow(name: str, is_off: bool, who: str | None, dry_run: bool, is_json: bool) -> int:
    """Mark POLICY to be tried on what happens from now on, in place of any other; it rules nothing.

    `actum policy simulate` then compares it with the active policy over what happened since.
    """
    if bool(name) == is_off:
        raise click.UsageError("name a policy to shadow, or say --off")
    return carry_out(_shadow(name, who, dry_run, is_json))


async def _shadow(name: str, who: str | None, dry_run: bool, is_json: bool) -> int:
    async with open_client(who) as client:
        policy = await find_policy(client, name) if name else None
        if dry_run:
            what = "end the shadow" if policy is None else f"shadow {name_of(policy)}"
            said = f"would {what}; nothing was done"
        elif policy is None:
            await client.policies.end_shadow()
            said = "no policy is shadowed any more"
        else:
            await client.policies.shadow(policy)
            said = f"{name_of(policy)} is shadowed: `actum policy simulate` says what it would have changed"
    facts = {
        "policy": None if policy is None else policy.document.name,
        "hash": None if policy is None else policy.policy_hash.hex(),
    }
    style = "" if dry_run or policy is None else GOOD
    return tell_outcome(
        "policy shadow", said, facts, actor=client.actor, is_json=is_json, dry_run=dry_run, style=style
    )
