"""What the demo shows of what happened, read from the log of events, the ledger of effects and the repositories."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from actum import Client
from actum.client.fatigue import read_fatigue
from actum.client.quality import read_report
from actum.model.events import Event, EventKind
from actum.model.quality import Family

_RULED = (EventKind.APPROVAL_REQUESTED, EventKind.EFFECT_STARTED)


def show_timeline(events: Sequence[Event]) -> None:
    """Print the log, one line an event."""
    print("\nTimeline")
    for event in events:
        what = event.step or ""
        more = " ".join(str(part) for part in (event.outcome, event.reason, event.actor) if part)
        print(
            f"  {event.seq:>3}  {event.at:%H:%M:%S.%f}"[:-3] + f"  {event.kind.value:<22} {what:<18} {more}"
        )


def prove(events: Sequence[Event], begun: Sequence[dict[str, Any]], commits: int) -> int:
    """Print each step's executions, and return how many began although the step's outcome was durable.

    The execution whose outcome counts is the last one of the worker named by the event; a later one ran again.
    """
    workers: dict[str, int] = {}
    for event in events:
        if event.kind in (EventKind.STEP_COMPLETED, EventKind.EFFECT_STARTED):
            workers[event.step or ""] = int((event.actor or "-0").rpartition("-")[2])
    print("\nProof")
    again = 0
    for step, pid in workers.items():
        pids = [note["pid"] for note in begun if note["step"] == step]
        after = pids[::-1].index(pid) if pid in pids else len(pids)
        again += after
        if step == "request_approval":
            print(f"  {step:<18} was answered by a person, once")
        elif len(pids) == 1:
            print(f"  {step:<18} ran once")
        else:
            print(
                f"  {step:<18} ran {len(pids)} times: killed before its outcome was durable, so begun again"
            )
    print(f"  completed steps that ran again: {again}")
    print(f"  commits made: {commits}")
    return again


def prove_many(events: Sequence[Event], begun: Sequence[dict[str, Any]], commits: int) -> int:
    """Print how often the steps ran where nothing was killed, and return how many ran again although they were done.

    An attempt that failed is begun again by right: each is an event.
    """
    runs = Counter((note["step"], note["repository"]) for note in begun)
    failed = [event for event in events if event.kind is EventKind.ATTEMPT_FAILED]
    again = len(begun) - len(runs) - len(failed)
    print("\nProof")
    print(f"  steps that ran once: {sum(count == 1 for count in runs.values())} of {len(runs)}")
    for event in failed:
        print(f"  {event.step:<18} was tried again: {event.reason}")
    print(f"  completed steps that ran again: {again}")
    print(f"  commits made: {commits}\n")
    return again


async def count_kept(
    client: Client, workflow_id: UUID, repositories: Iterable[str]
) -> tuple[int, str | None]:
    """Return how many commits on branches carry a key of the workflow's effects, and the branch of the last one."""
    keys = {row.key for row in await client.store.effects.list_of(workflow_id)}
    found = [count_commits(top, key) for top in repositories for key in keys]
    return sum(count for count, _ in found), next((branch for _, branch in found[::-1] if branch), None)


def count_commits(repository: str, key: str) -> tuple[int, str | None]:
    """Return how many commits carry the operation key, and the branch of the last one."""
    commits = _git(
        repository, "log", "--all", "--format=%H", "--fixed-strings", f"--grep=Actum-Operation: {key}"
    )
    if not commits:
        return 0, None
    branches = _git(repository, "branch", "--format=%(refname:short)", "--contains", commits[0])
    return len(commits), branches[0] if branches else None


def _git(repository: str, *arguments: str) -> list[str]:
    command = ["git", "-C", repository, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


async def count_rulings(client: Client, workflows: Sequence[UUID]) -> dict[str, Any]:
    """Return how many effects of these workflows policy ruled, by tier, and how many cards people decided for them.

    A batch is one card, as in `actum quality`. Steps are not counted: they act on nothing, and are of tier 0 always. What
    is denied has no tier and is not counted either.
    """
    tiers: dict[tuple[UUID, str | None], int] = {}
    for workflow_id in workflows:
        for event in await client.store.records.read_events(workflow_id):
            is_undo = (event.address or "").startswith("undo.")
            if event.kind in _RULED and event.tier is not None and not is_undo:
                tiers[workflow_id, event.address] = event.tier
    began = min([(await client.get(one)).created_at for one in workflows])
    people = await read_fatigue(client.store, since=began, workflows=workflows)
    counts = Counter(tiers.values())
    return {
        "prompts": sum(one.prompts for one in people.loads),
        "operations": len(tiers),
        "tiers": {str(tier): counts[tier] for tier in (0, 1, 2)},
    }


async def count_quality(client: Client, since: datetime, workflows: Sequence[UUID]) -> dict[str, Any]:
    """Return how well these workflows went, as `actum quality` measures it; `unusable` are outputs that a check refused,
    and those that somebody called so later.
    """
    machines = [family for family in Family if family is not Family.PEOPLE]
    report = await read_report(client.store, machines, since=since, workflows=workflows)
    people = await read_fatigue(client.store, since=since, workflows=workflows)
    counts = {one.measure.name: one.some for one in report.readings}
    return {
        "recovered_timeouts": counts["timeouts_recovered"],
        "retries_that_helped": counts["retries_recovered"],
        "human_wait_seconds": round(people.times.total, 3),
        "rollbacks": counts["rollbacks"],
        "unusable": counts["caught"] + counts["unusable"],
    }
