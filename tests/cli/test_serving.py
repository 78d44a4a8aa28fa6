"""`actum worker` and `actum dev`: what they refuse, how they stop, and what a laptop is told to type."""

from __future__ import annotations

import re
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from commanding import HERE, Actum, Begin, execute, until


def ran(own: Actum, name: str) -> int:
    """Return how often the step `hold` was begun for `name`."""
    file = own.folder / f"{name}.ran"
    return len(file.read_text().splitlines()) if file.exists() else 0


def release(own: Actum, name: str) -> None:
    """Let the step `hold` return."""
    (own.folder / f"{name}.go").touch()


@pytest.mark.parametrize(
    ("place", "code", "said"),
    [
        pytest.param("homeless:orphan", 2, "no team and no escalation and no runbook", id="no owner"),
        pytest.param("homeless:lost", 2, "no/such/runbook.md", id="a runbook that is not there"),
        pytest.param("nowhere", 3, "no module 'nowhere'", id="no module"),
        pytest.param("flows:greet,graat", 3, "has no contract 'graat'", id="no contract"),
        pytest.param("json", 3, "names no contract", id="a module without contracts"),
    ],
)
def test_a_worker_refuses_what_it_cannot_serve(idle: Actum, place: str, code: int, said: str) -> None:
    done = idle("worker", place)
    assert (code, 1) == (done.code, len(done.err.splitlines())), done.err
    assert said in done.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_lets_a_running_step_finish(own: Actum, begin: Begin, number: int) -> None:
    worker = begin(own, "worker", "flows:linger", "--name", "w", "--grace", "60")
    worker.wait_for("w serves linger")
    name = own.start("linger", {"name": "drained"})
    until(lambda: ran(own, "drained") == 1, "the step runs")
    worker.signal(number)
    worker.wait_for("w stops")
    release(own, "drained")
    assert 0 == worker.end()
    told = [line.partition("actum.worker: ")[2] for line in worker.said.splitlines()]
    assert ["w serves linger", "w stops: 1 workflow(s) held, 60 s of grace", "w stopped"] == told
    begin(own, "worker", "flows:linger", log="other")
    own.fine("watch", name)
    assert 1 == ran(own, "drained")


def test_the_second_signal_leaves_at_once_and_the_step_runs_again_elsewhere(own: Actum, begin: Begin) -> None:
    worker = begin(own, "worker", "flows:linger", "--name", "w", "--grace", "600", "--lease", "2")
    worker.wait_for("w serves")
    name = own.start("linger", {"name": "torn"})
    until(lambda: ran(own, "torn") == 1, "the step runs")
    worker.signal(signal.SIGTERM)
    worker.wait_for("w stops")
    worker.signal(signal.SIGTERM)
    assert 1 == worker.end()
    assert "leaves at once" in worker.said
    release(own, "torn")
    begin(own, "worker", "flows:linger", "--lease", "2", log="other")
    own.fine("watch", name)
    assert 2 == ran(own, "torn")


def test_a_step_that_outlasts_the_grace_does_not_hold_the_process(own: Actum, begin: Begin) -> None:
    worker = begin(own, "worker", "flows:linger", "--name", "w", "--grace", "0")
    worker.wait_for("w serves")
    name = own.start("linger", {"name": "left"})
    until(lambda: ran(own, "left") == 1, "the step runs")
    worker.signal(signal.SIGTERM)
    assert 0 == worker.end()
    release(own, "left")
    begin(own, "worker", "flows:linger", log="other")
    own.fine("watch", name)
    assert 2 == ran(own, "left")


def test_a_workflow_that_nobody_serves_is_told_so(idle: Actum) -> None:
    name = idle.start("greet", {"name": "lonely"})
    assert "no live worker serves greet" in idle.fine("show", name).out


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Actum]:
    """Commands in a project on a laptop: no database is set, so it has one of its own."""
    home = Path(tempfile.mkdtemp(prefix="actum-cli-"))
    home.chmod(0o711)
    folder = Path(shutil.copytree(HERE / "project", tmp_path / "project"))
    yield Actum(folder, ACTUM_HOME=str(home / "actum"))
    shutil.rmtree(home, ignore_errors=True)


def test_dev_serves_and_prints_the_lines_to_type(laptop: Actum, begin: Begin) -> None:
    dev = begin(laptop, "dev", "flows")
    dev.wait_for("serves")
    name = laptop.start("change", {"task": {"title": "laptop"}})
    dev.wait_for("actum approve")
    line = re.search(r"actum approve (\w+)", dev.said)
    assert line is not None
    assert "\x1b" not in dev.said
    typed = ("approve", line[1], "--confirm", "laptop")
    assert 4 == laptop(*typed, "--as", "author", "--reason", "mine").code
    assert "by user:reviewer" in laptop.fine(*typed, "--reason", "read it").out
    laptop.fine("watch", name)
    started = laptop.fine("show", name, "--json").json
    assert ("user:author", "laptop x 1") == (started["requester"], started["result"])
    dev.signal(signal.SIGINT)
    assert 0 == dev.end()
    assert "stopped" in dev.said.splitlines()[-1]


def test_dev_marks_contracts_without_an_owner(laptop: Actum, begin: Begin) -> None:
    dev = begin(laptop, "dev", "homeless")
    dev.wait_for("serves")
    assert re.search(r"orphan +\(no full owner", dev.said)
    done = laptop("start", "homeless:orphan", "--wait")
    assert (0, 1) == (done.code, done.json)


def test_dev_wants_no_database_but_its_own(idle: Actum) -> None:
    done = idle("dev", "flows")
    assert 2 == done.code
    assert "unset ACTUM_DATABASE_URL" in done.err


def test_a_worker_that_was_declared_dead_says_so_and_is_exit_code_1(own: Actum, begin: Begin) -> None:
    worker = begin(own, "worker", "flows:greet", "--name", "w", "--lease", "1")
    worker.wait_for("w serves")
    execute(own, "update actum.workers set stopped_at = now(), stop_reason = 'a test'")
    assert 1 == worker.end()
    assert "w stopped: the lease was lost" in worker.said
