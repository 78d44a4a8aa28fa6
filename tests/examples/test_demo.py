"""`make demo` as a stranger runs it: real workers, real kills, one commit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from actum import Client
from actum.machine.policy import DEV_POLICY, parse_policy
from actum.model.quality import TITLES
from actum.settings import Settings
from actum.store.batches import BatchRow
from change_repository.demo_proof import count_rulings
from change_repository.demo_stage import Stage
from change_repository.demo_worker import DIED
from change_repository.records import Task
from change_repository.ruled import rule_by_own_policy
from change_repository.sample_repository import make_small_repository
from change_repository.small_samples import UNTIDY
from change_repository.workflow import change_repositories

ROOT = Path(__file__).parents[2]


def demonstrate(dsn: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the demo on the database at `dsn`."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "examples"), "ACTUM_DATABASE_URL": dsn}
    return subprocess.run(
        [sys.executable, "-m", "change_repository.demo", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def git(folder: Path, *arguments: str) -> str:
    """Return what git prints."""
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


KNOWN = {
    "status": "completed",
    "steps": 6,
    "worker_kills": 2,
    "completed_steps_run_again": 0,
    "commits": 1,
    "rolled_back": 1,
    "prompts": 2,
    "operations": 5,
    "tiers": {"0": 1, "1": 3, "2": 1},
    "rollbacks": 1,
    "unusable": 1,
}
MEASURED = {"recovered_timeouts": 1, "retries_that_helped": 2, "human_wait_seconds": 6.814}
"""As it was once; a machine under load may be late more than once."""


def count_branches(top: Path) -> int:
    """Return how many branches there are beside the main one, each one commit ahead of it."""
    names = git(top, "branch", "--format=%(refname:short)").split()
    ahead = [git(top, "rev-list", "--count", f"main..{name}").strip() for name in names if name != "main"]
    assert {"1"} >= set(ahead)
    return len(ahead)


@pytest.mark.crash
async def test_the_demo_asks_twice_for_five_repositories_kills_its_worker_twice_and_commits_once(
    actum_dsn: str,
) -> None:
    done = demonstrate(actum_dsn)
    assert done.returncode == 0, done.stderr
    last = json.loads(done.stdout.splitlines()[-1])
    assert {*KNOWN, *MEASURED, "workflow_id", "branch"} == set(last)
    assert KNOWN == {name: last[name] for name in KNOWN}
    stated = next(
        line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith('{"workf')
    )
    assert KNOWN.items() <= json.loads(stated).items()
    assert MEASURED.items() <= json.loads(stated).items()
    assert list(last) == list(json.loads(stated))
    check_against_quality(actum_dsn, last)
    assert last["branch"].startswith("actum/")
    for words in (
        "3 of 3 items are open",
        "TIER 2, DECIDED ALONE",
        "Timeline",
        "Proof",
        "user:reviewer  2",
        *TITLES.values(),
    ):
        assert words in done.stdout
    assert 1 == done.stdout.count("as `actum review` shows it")
    assert 1 == done.stdout.count("as `actum inbox` shows it")
    async with Client.open(
        actor="user:auditor", settings=Settings.read({"ACTUM_DATABASE_URL": actum_dsn})
    ) as client:
        await check_against_database(client, last)


def check_against_quality(dsn: str, last: dict[str, Any]) -> None:
    """Compare the last line with what `actum quality` says of the whole database, which holds nothing else."""
    done = subprocess.run(
        [sys.executable, "-m", "actum.cli", "quality", "--since", "1h", "--json"],
        env={**os.environ, "ACTUM_DATABASE_URL": dsn},
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout)
    numbers = {name: one["some"] for name, one in told["measures"].items()}
    assert 1 <= numbers["timeouts_recovered"] == numbers["timeouts"] == last["recovered_timeouts"]
    assert 2 <= numbers["retries"] == numbers["retries_recovered"] == last["retries_that_helped"]
    assert {"timeout.attempt", "check.failed"} == {one["reason"] for one in told["reasons"]}
    assert 0 < last["human_wait_seconds"] == round(told["people"]["seconds_to_decide"]["total"], 3)
    assert numbers["rollbacks"] == numbers["rollbacks_complete"] == last["rollbacks"]
    assert numbers["caught"] + numbers["unusable"] == last["unusable"]
    assert (2, 2, 0) == (numbers["outputs"], numbers["usable"], numbers["disagreements"])
    assert last["prompts"] == sum(one["prompts"] for one in told["people"]["prompts"])


async def check_against_database(client: Client, last: dict[str, Any]) -> None:
    """Compare the last line with the ledger, the approvals and the repositories."""
    rows = {row.contract: row for row in await client.list()}
    assert {"change_repositories", "change_repository", "release_change"} == set(rows)
    assert last["workflow_id"] == str(rows["change_repository"].id)
    effects = [one for row in rows.values() for one in await client.store.effects.list_of(row.id)]
    done = [one for one in effects if not one.address.startswith("undo.")]
    assert last["operations"] == len(done)
    assert last["tiers"] == {str(tier): [one.tier for one in done].count(tier) for tier in (0, 1, 2)}
    assert ["succeeded"] * 4 + ["undone"] == sorted(one.state for one in done)
    approvals = await client.store.approvals.list_of([row.id for row in rows.values()])
    assert {("used", "user:reviewer", "user:author")} == {
        (one.state, one.ruled_by, one.requester) for one in approvals
    }
    assert [(1, True)] * 3 + [(2, False)] == sorted((one.tier, one.batch_id is not None) for one in approvals)
    assert last["prompts"] == len({one.batch_id or one.id for one in approvals})
    for one in approvals:
        top, _, branch = json.loads(one.preview or "")["target"].rpartition("@")
        assert ["main", branch] == sorted(git(Path(top), "branch", "--format=%(refname:short)").split())[::-1]
        assert f"Actum-Operation: {one.key}" in git(Path(top), "log", "-1", branch)


class Deserted(Stage):
    """A stage on which the worker is killed while the card is in front of the reviewer."""

    async def decide_batch(self, batch: BatchRow) -> None:
        assert self.worker is not None
        self.worker.kill()
        self.worker.wait()
        await super().decide_batch(batch)


@pytest.mark.crash
async def test_a_worker_that_is_killed_in_the_middle_of_a_batch_has_nothing_asked_or_done_twice(
    actum_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACTUM_DATABASE_URL", actum_dsn)
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "examples"))
    tops = [make_small_repository(tmp_path / name, files) for name, files in UNTIDY.items()]
    (tmp_path / DIED).touch()  # so no worker dies of itself
    async with Client.open(actor="user:author") as client, Client.open(actor="user:reviewer") as reviewer:
        await rule_by_own_policy(client)
        stage = Deserted(client, reviewer, tmp_path)
        try:
            summaries = await stage.run(change_repositories([Task(repository=str(top)) for top in tops]))
        finally:
            stage.stop()
        assert (["committed"] * 3, 1) == ([one.outcome for one in summaries], stage.kills)
        assert [1, 1, 1] == [count_branches(top) for top in tops]
        assert ["used"] * 3 == [one.state for one in await client.store.approvals.list_of(stage.started)]
        rulings = await count_rulings(client, stage.started)
        assert {"prompts": 1, "operations": 3, "tiers": {"0": 0, "1": 3, "2": 0}} == rulings
        runs = Counter((note["step"], note["repository"]) for note in stage.begun())
        assert {1} == set(runs.values())
        assert 2 == len({note["pid"] for note in stage.begun()})


@pytest.mark.crash
def test_the_demo_leaves_a_given_repository_as_it_is_but_for_a_new_branch(
    actum_dsn: str, tmp_path: Path
) -> None:
    (tmp_path / "code.py").write_text("import os\n\n\ndef one() -> int:\n    return 1\n")
    (tmp_path / "test_code.py").write_text(
        "from code import one\n\n\ndef test_one():\n    assert one() == 1\n"
    )
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    (tmp_path / "notes.txt").write_text("not committed")
    before = git(tmp_path, "status", "--porcelain"), git(tmp_path, "rev-parse", "HEAD")
    done = demonstrate(actum_dsn, str(tmp_path))
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["status"], last["completed_steps_run_again"]) == ("completed", 0), done.stdout
    assert (git(tmp_path, "status", "--porcelain"), git(tmp_path, "rev-parse", "HEAD")) == before
    assert last["commits"] == 1, done.stdout
    assert sorted(["main", last["branch"]]) == sorted(
        git(tmp_path, "branch", "--format=%(refname:short)").split()
    )
    assert (1, 2, {"0": 1, "1": 0, "2": 1}) == (last["prompts"], last["operations"], last["tiers"])


def test_a_path_that_is_no_repository_is_refused_with_one_sentence(actum_dsn: str, tmp_path: Path) -> None:
    done = demonstrate(actum_dsn, str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("actum demo: ")
    assert len(done.stderr.strip().splitlines()) == 1


async def test_a_database_that_another_policy_rules_is_left_as_it_is(actum_dsn: str) -> None:
    settings = Settings.read({"ACTUM_DATABASE_URL": actum_dsn})
    async with Client.open(actor="user:owner", settings=settings) as client:
        await client.policies.activate(parse_policy(DEV_POLICY), reason="ours")
        done = demonstrate(actum_dsn)
        assert (1, "") == (done.returncode, done.stdout)
        assert done.stderr.startswith("actum demo: this database is ruled by the policy 'dev', which stays")
        assert 1 == len(done.stderr.strip().splitlines())
        active = await client.policies.active()
        assert active is not None
        assert "dev" == active.name
        assert [] == await client.list()
