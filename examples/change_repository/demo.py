"""The main example, unattended, under its policy: five repositories, two cards, and a worker killed twice.

`python -m change_repository.demo [REPOSITORY] [--model PROVIDER:NAME]` runs on the embedded database with real worker
processes. One workflow tidies three repositories, whose commits share a card; reading one of them takes too long once,
and the first patch for another comes cut off. One changes code, is decided alone, and has its worker killed during
`propose_change` and between the commit and its record. One is a rehearsal that nobody is asked about, whose last check
fails, and which is put back. With a REPOSITORY of your own, the last two work on it. The last line is JSON, counted
from the database and the repositories.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime
from math import ceil
from pathlib import Path
from typing import Any

from actum import Client, WorkflowFailed
from actum.errors import ActumError
from actum.model.events import Event, EventKind
from actum.store.rows import WorkflowRow

from .demo_proof import count_kept, count_quality, count_rulings, prove, prove_many, show_timeline
from .demo_stage import Stage, say, show
from .problems import ChangeProblem
from .records import Task
from .ruled import POLICY_FILE, rule_by_own_policy
from .wanted import Wanted, read_wanted
from .workflow import change_repositories, change_repository, release_change

_DONE = (EventKind.STEP_COMPLETED, EventKind.EFFECT_SETTLED, EventKind.EFFECT_SUCCEEDED)


async def demonstrate(wanted: Wanted, folder: Path) -> dict[str, Any]:
    """Run the demo and return its last line."""
    async with Client.open(actor="user:author") as client, Client.open(actor="user:reviewer") as reviewer:
        stage = Stage(client, reviewer, folder)
        began = await client.store.read_clock()
        ruled = await rule_by_own_policy(client)
        say(f"{POLICY_FILE.name} is active: {ruled.policy.hash.hex()[:12]}")
        try:
            again = await share_a_card(stage, wanted.many) if wanted.many else 0
            last = await keep(stage, wanted.kept)
            last["completed_steps_run_again"] += again
            last["rolled_back"] = await put_back(stage, wanted.rehearsed)
        finally:
            stage.stop()
        await show_quality(stage, began)
        counted = await count_quality(client, began, stage.started)
        return {**last, **await count_rulings(client, stage.started), **counted}


async def share_a_card(stage: Stage, tasks: Sequence[Task]) -> int:
    """Run one workflow over several repositories; return how many completed steps ran again."""
    print(
        f"\n{len(tasks)} repositories to be tidied: tier 1, one card for all; one is slow to read, one gets half a patch"
    )
    stage.slow, stage.cuts, stage.together = tasks[0].repository, tasks[1].repository, len(tasks)
    for summary in await stage.run(change_repositories(list(tasks))):
        say(summary.title)
    row, events = await ended(stage)
    stage.slow = stage.cuts = None
    await stage.judge(row.id, "each branch holds the formatting and nothing else")
    commits, _ = await count_kept(stage.client, row.id, [task.repository for task in tasks])
    return prove_many(events, stage.begun(), commits)


async def keep(stage: Stage, task: Task) -> dict[str, Any]:
    """Run the workflow that is kept, and show its timeline, proof and summary."""
    print("A repository whose code changes, while its worker is killed twice")
    summary = await stage.run(change_repository(task), kills=2)
    row, events = await ended(stage)
    show_timeline(events)
    commits, branch = await count_kept(stage.client, row.id, [task.repository])
    again = prove(events, stage.begun(), commits)
    print(f"\n{summary.markdown}\n")
    if row.status == "completed":
        await stage.judge(row.id, "the branch does what was asked for")
    return {
        "workflow_id": str(row.id),
        "status": row.status,
        "steps": len({event.step for event in events if event.kind in _DONE}),
        "worker_kills": stage.kills,
        "completed_steps_run_again": again,
        "commits": commits,
        "branch": branch,
    }


async def put_back(stage: Stage, task: Task) -> int:
    """Run the workflow whose last check fails after the commit; return how many were rolled back."""
    print("A rehearsal, tier 0: nobody is asked, and its last check fails after the commit")
    try:
        await stage.run(release_change(task))
    except WorkflowFailed as failure:
        say(f"it ended as {failure.status}: {failure.reason}")
    row, events = await ended(stage)
    show_timeline(events)
    commits, _ = await count_kept(stage.client, row.id, [task.repository])
    print(f"\nProof\n  commits of it on any branch: {commits}\n")
    return int(row.status == "rolled_back")


async def show_quality(stage: Stage, began: datetime) -> None:
    """Print how well it went, over what the demo just did and nothing else in the database."""
    print("How well it went, as `actum quality` measures it")
    seconds = ceil((await stage.client.store.read_clock() - began).total_seconds())
    workflows = [part for one in stage.started for part in ("--workflow", str(one))]
    await show("quality", "--since", f"{seconds}s", *workflows)


async def ended(stage: Stage) -> tuple[WorkflowRow, list[Event]]:
    """Return the row and the events of the demo's last workflow."""
    row = await stage.client.get(stage.started[-1])
    return row, list(await stage.client.store.records.read_events(row.id))


def main() -> int:
    """Run the demo; the exit code is 0 when the workflow that is kept completed."""
    folder = Path(tempfile.mkdtemp(prefix="actum-demo-"))
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    try:
        last = asyncio.run(demonstrate(read_wanted("actum demo", folder), folder))
    except (ChangeProblem, ActumError) as problem:
        print(f"actum demo: {problem}", file=sys.stderr)
        return 1
    print(json.dumps(last))
    return 0 if last["status"] == "completed" else 1


if __name__ == "__main__":
    sys.exit(main())
