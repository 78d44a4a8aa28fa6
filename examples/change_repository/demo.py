"""The main example, unattended, with its worker killed twice: what is done, is done once.

`python -m change_repository.demo [REPOSITORY] [--model PROVIDER:NAME]` starts the workflow on the embedded database with real worker
processes, SIGKILLs the worker during `propose_change`, has the second one die between the commit and its record,
approves as the demo's reviewer, and shows timeline and proof. Its last line is JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from actum import Call, Client, WorkflowFailed
from actum.client import Handle
from actum.errors import ActumError
from actum.model.events import Event, EventKind
from actum.store.rows import ApprovalRow, WorkflowRow

from .problems import ChangeProblem
from .records import Summary, Task
from .wanted import read_task
from .workflow import change_repository, release_change

PATIENCE = 180.0


@dataclass
class Demo:
    """One run of the demo: what it watches, and what it has done so far."""

    client: Client
    reviewer: Client
    folder: Path
    handle: Handle[Summary] | None = None
    worker: subprocess.Popen[bytes] | None = None
    kills: int = 0
    approved: list[ApprovalRow] = field(default_factory=list)

    @property
    def log(self) -> Path:
        """Where workers note the steps they begin."""
        return self.folder / "steps.jsonl"

    def begun(self) -> list[dict[str, Any]]:
        """Return the notes of the workers, in order."""
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def start_worker(self) -> None:
        """Start a worker process; the second and later ones die after the commit, unless one did already."""
        command = [sys.executable, "-m", "change_repository.demo_worker", str(self.log)]
        if self.kills:
            command.append(str(self.folder / "died-after-commit"))
        self.worker = subprocess.Popen(command)
        say(f"worker {self.worker.pid} started")

    async def run(self, call: Call[Summary]) -> Summary:
        """Drive one workflow to its end, killing and approving on the way; raises WorkflowFailed as its result does."""
        self.handle = await self.client.start(call, requester="user:author")
        say(f"workflow {self.handle.short_id} started: {call.name}")
        if self.worker is None:
            self.start_worker()
        ending = asyncio.ensure_future(self.handle.result(PATIENCE))
        try:
            while not ending.done():
                await self.look()
                await asyncio.wait({ending}, timeout=0.02)
            return ending.result()
        finally:
            ending.cancel()

    def stop(self) -> None:
        """End the worker."""
        if self.worker is not None:
            self.worker.terminate()
            self.worker.wait(timeout=30)

    async def look(self) -> None:
        """Do what is to be done now: kill during the proposal, restart the dead, approve what is asked."""
        worker = self.worker
        if worker is None:
            return
        if self.kills == 0 and any(note["step"] == "propose_change" for note in self.begun()):
            worker.send_signal(signal.SIGKILL)
            worker.wait()
            self.kills += 1
            say(f"worker {worker.pid} was killed during propose_change (SIGKILL)")
            self.start_worker()
        elif worker.poll() is not None:
            self.kills += 1
            say(f"worker {worker.pid} died between the commit and its record (signal {-worker.returncode})")
            self.start_worker()
        approvals, _ = await self.reviewer.inbox()
        for approval in approvals:
            if self.handle is not None and approval.workflow_id == self.handle.workflow_id:
                show_card(approval)
                await self.reviewer.approve(
                    approval.id,
                    "the checks passed and the diff is what was asked for",
                    seen_hash=approval.action_hash,
                )
                self.approved.append(approval)
                say("approved by user:reviewer")


def say(text: str) -> None:
    """Print one line of progress."""
    print(f"· {text}", flush=True)


def show_card(approval: ApprovalRow) -> None:
    """Print what an approver reads: sentence, checks, diff."""
    preview = json.loads(approval.preview or "{}")
    print(f"\n  {preview.get('sentence') or approval.kind}")
    for check in preview.get("checks", []):
        print(f"    {check}")
    lines = str(preview.get("diff", "")).splitlines()
    shown = lines[:24]
    print("\n".join(f"    {line}" for line in shown))
    if len(lines) > len(shown):
        print(f"    … and {len(lines) - len(shown)} more lines")
    print()


def show_timeline(events: list[Event]) -> None:
    """Print the log, one line an event."""
    print("\nTimeline")
    for event in events:
        what = event.step or ""
        more = " ".join(str(part) for part in (event.outcome, event.reason, event.actor) if part)
        print(
            f"  {event.seq:>3}  {event.at:%H:%M:%S.%f}"[:-3] + f"  {event.kind.value:<22} {what:<18} {more}"
        )


def prove(events: list[Event], begun: list[dict[str, Any]], commits: int) -> int:
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
        if not pids:
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


def count_commits(repository: str, key: str) -> tuple[int, str | None]:
    """Return how many commits carry the operation key, and the branch of the last one."""
    git = ["git", "-C", repository]
    found = subprocess.run(
        [*git, "log", "--all", "--format=%H", f"--grep=Actum-Operation: {key}", "--fixed-strings"],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    if not found:
        return 0, None
    branches = subprocess.run(
        [*git, "branch", "--format=%(refname:short)", "--contains", found[0]],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    return len(found), branches[0] if branches else None


async def demonstrate(task: Task, folder: Path) -> dict[str, Any]:
    """Run the demo on a repository and return its last line."""
    async with Client.open(actor="user:author") as client, Client.open(actor="user:reviewer") as reviewer:
        demo = Demo(client, reviewer, folder)
        try:
            last = await keep(demo, task)
            return {**last, "rolled_back": await put_back(demo, task)}
        finally:
            demo.stop()


async def keep(demo: Demo, task: Task) -> dict[str, Any]:
    """Run the workflow that is kept, and show its timeline, proof and summary."""
    summary = await demo.run(change_repository(task))
    row, events = await ended(demo)
    show_timeline(events)
    commits, branch = count_commits(task.repository, demo.approved[0].key) if demo.approved else (0, None)
    again = prove(events, demo.begun(), commits)
    print(f"\n{summary.markdown}\n")
    kinds = (EventKind.STEP_COMPLETED, EventKind.EFFECT_SETTLED, EventKind.EFFECT_SUCCEEDED)
    return {
        "workflow_id": str(row.id),
        "status": row.status,
        "steps": len({event.step for event in events if event.kind in kinds}),
        "worker_kills": demo.kills,
        "completed_steps_run_again": again,
        "commits": commits,
        "branch": branch,
    }


async def put_back(demo: Demo, task: Task) -> int:
    """Run the workflow whose last check fails after the commit; return how many were rolled back."""
    print("A second workflow, whose last check fails after the commit")
    refusal = ["python", "-c", "raise SystemExit('not on a Friday')"]
    before = len(demo.approved)
    try:
        smaller = task.model_copy(update={"model": None, "max_files": 1, "release_command": refusal})
        await demo.run(release_change(smaller))
    except WorkflowFailed as failure:
        say(f"it ended as {failure.status}: {failure.reason}")
    row, events = await ended(demo)
    show_timeline(events)
    for approval in demo.approved[before:]:
        commits, _ = count_commits(task.repository, approval.key)
        print(f"\nProof\n  commits of it on any branch: {commits}\n")
    return int(row.status == "rolled_back")


async def ended(demo: Demo) -> tuple[WorkflowRow, list[Event]]:
    """Return the row and the events of the demo's last workflow."""
    assert demo.handle is not None
    row = await demo.handle.row()
    return row, list(await demo.client.store.records.read_events(row.id))


def main() -> int:
    """Run the demo; the exit code is 0 when the workflow completed."""
    folder = Path(tempfile.mkdtemp(prefix="actum-demo-"))
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    try:
        last = asyncio.run(demonstrate(read_task("actum demo", folder), folder))
    except (ChangeProblem, ActumError) as problem:
        print(f"actum demo: {problem}", file=sys.stderr)
        return 1
    print(json.dumps(last))
    return 0 if last["status"] == "completed" else 1


if __name__ == "__main__":
    sys.exit(main())
