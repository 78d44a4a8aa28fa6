"""`actum crashtest` for CI: what it prints, its exit codes, and that nothing of it outlives it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actum.engine.process import started
from actum.testing.server import TestServer

pytestmark = pytest.mark.crash

HERE = Path(__file__).parent
FLOWS = "crash_everywhere_flows"


def begin(*arguments: str, folder: Path = HERE, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "actum.cli", "crashtest", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1] / "examples"), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def crashtest(server: TestServer, *arguments: str) -> tuple[int, str, str]:
    with begin(*arguments, ACTUM_DATABASE_URL=server.dsn) as process:
        out, complaints = process.communicate(timeout=120)
    return process.returncode, out, complaints


def until(condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.01)
    return found


@pytest.mark.parametrize("call", ["in_a_hurry", "made_on_demand"])
def test_a_call_or_what_makes_one_is_crashed(actum_server: TestServer, call: str) -> None:
    code, out, complaints = crashtest(actum_server, f"{FLOWS}:{call}", "--world", FLOWS)
    assert (0, "") == (code, complaints)
    assert "sound: each run came to the same, and nothing happened twice" == out.splitlines()[-1]


def test_a_fault_is_told_in_json_with_exit_code_1(actum_server: TestServer) -> None:
    arguments = ["faults.hidden_write:faulty", "--world", "faults.world", "--input", '{"ticket": "T-7"}']
    code, out, _ = crashtest(actum_server, *arguments, "--json")
    assert 1 == code
    report = json.loads(out)
    assert ["step_writes"] == [fault["kind"] for fault in report["faults"]]
    assert report["faults"][0]["boundary"] in report["boundaries"]
    assert ['observe() holds "comment on T-7" twice; without a kill once'] == report["faults"][0]["twice"]


def test_a_workflow_that_is_held_is_told_by_its_failure(actum_server: TestServer) -> None:
    arguments = [f"{FLOWS}:is_held", "--world", FLOWS, "--input", '{"name": "ada"}', "--json"]
    code, out, _ = crashtest(actum_server, *arguments)
    assert 1 == code
    (fault,) = json.loads(out)["faults"]
    assert ("not_ended", "refuse") == (fault["kind"], fault["step"])
    assert "nobody is called ada" in fault["what"]
    assert "at refuse (1), and is held for a person" in fault["what"]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["nowhere:flow", "--world", FLOWS], 3, "there is no module 'nowhere'"),
        ([f"{FLOWS}:child", "--world", "nowhere"], 2, "--input lacks 'name'"),
        ([f"{FLOWS}:in_a_hurry", "--world", "nowhere"], 3, "there is no module 'nowhere'"),
        ([f"{FLOWS}:in_a_hurry", "--world", FLOWS, "--input", "{}"], 2, "leave --input out"),
        ([f"{FLOWS}:nothing", "--world", FLOWS], 3, "has no contract 'nothing'"),
        ([f"{FLOWS}:in_a_hurry", "--world", "faults.hidden_write"], 2, "has no reset()"),
        ([f"{FLOWS}:ends_its_process", "--world", FLOWS, "--input", '{"code": 7}'], 1, "(with exit code 7)"),
    ],
)
def test_what_cannot_be_crashed_is_refused_in_a_sentence(
    actum_server: TestServer, arguments: list[str], code: int, sentence: str
) -> None:
    ended, out, complaints = crashtest(actum_server, *arguments)
    assert (code, "") == (ended, out), complaints
    assert sentence in complaints
    assert "Traceback" not in complaints


def test_when_it_is_killed_itself_what_it_started_ends_too(actum_server: TestServer, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    process = begin(
        f"{FLOWS}:waits_in_a_step", "--world", FLOWS, "--input", '{"name": "ada"}',
        ACTUM_DATABASE_URL=actum_server.dsn, ACTUM_TEST_PID=str(pid_file), TMPDIR=str(tmp_path),
    )  # fmt: skip
    with process:
        pid = int(until(lambda: pid_file.exists() and pid_file.read_text(), "the step began"))
        assert list(tmp_path.glob("actum-crashtest-*"))
        process.send_signal(signal.SIGKILL)
    until(lambda: started(pid) is None, "the process that worked on the workflow ended")
    until(lambda: not list(tmp_path.glob("actum-crashtest-*")), "its folder was removed")
