"""Commands out of the nursery are what a person would have started: a test that believes them is not lied to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from commanding import HERE, Actum, run_python
from nursery import PATIENCE

LOOK = """
import json, os, signal, sys, threading, warnings

streams = [sys.stdin, sys.stdout, sys.stderr]
seen = {
    "arguments": sys.argv,
    "program": getattr(vars(sys.modules["__main__"])["__spec__"], "name", None),
    "file": vars(sys.modules["__main__"])["__file__"],
    "path": sys.path,
    "folder": os.getcwd(),
    "environment": dict(os.environ),
    "typed": sys.stdin.readline(),
    "streams": [[one.encoding, one.errors, one.line_buffering, one.write_through] for one in streams],
    "terminals": [one.isatty() for one in streams],
    "standard": streams == [sys.__stdin__, sys.__stdout__, sys.__stderr__],
    "signals": {number.name: str(signal.getsignal(number)) for number in signal.Signals},
    "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
    "woken": signal.set_wakeup_fd(-1),
    "flags": str(sys.flags),
    "warnings": str(warnings.filters),
    "threads": [one.name for one in threading.enumerate()],
    "files": [number for number in range(3, 256) if os.path.exists(f"/dev/fd/{number}")],
    "group": os.getpgrp(),
    "session": os.getsid(0),
}
print(json.dumps(seen))
sys.exit(int(seen["typed"]))
"""


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["-m", "actum.cli", "worker", "below.looks", "--name", "é'"], id="a command"),
        pytest.param(["below/looks.py", "é'"], id="a file"),
    ],
)
def test_a_born_process_cannot_be_told_from_a_started_one(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "looks.py").write_text(LOOK)
    environment = Actum(tmp_path, ACTUM_SEEN="é \udcff", COLUMNS="50").environment
    born = run_python(arguments, tmp_path, environment, "41\n")
    started = subprocess.run(
        [sys.executable, *arguments],
        cwd=tmp_path,
        env=environment,
        input="41\n",
        capture_output=True,
        text=True,
    )
    assert (41, 41, "", "") == (born.code, started.returncode, born.err, started.stderr)
    assert "41\n" == born.json["typed"]
    assert json.loads(started.stdout) == born.json


def test_a_born_process_can_be_killed_and_its_end_says_so(idle: Actum) -> None:
    reader, writer = os.pipe()
    child = idle.bear(("start", "flows:greet", "--input", "-"), reader, 1, 2)
    os.close(reader)
    assert child.poll() is None
    os.kill(child.pid, signal.SIGKILL)
    assert -signal.SIGKILL == child.wait(PATIENCE) == child.poll()
    os.close(writer)


def test_what_only_an_interpreter_of_its_own_can_have_is_refused(idle: Actum) -> None:
    with pytest.raises(ValueError, match="start one for this command"):
        idle.process("list", PYTHONPATH="elsewhere")


@pytest.mark.crash
def test_nothing_is_left_where_the_tests_were_killed(tmp_path: Path) -> None:
    """Whoever still had the files open would keep their other end from ending."""
    (tmp_path / "waits.py").write_text("input()")
    held, writer = os.pipe()
    program = f"""
import os, signal, sys
sys.path[:0] = [{str(HERE)!r}]
from commanding import Actum
from pathlib import Path
Actum(Path({str(tmp_path)!r})).bear(("worker", "waits"), {held}, 1, 2)
print("born", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run(
        [sys.executable, "-c", program],
        pass_fds=[held],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    os.close(held)
    os.close(writer)
    assert (-signal.SIGKILL, "born\n", "") == (killed.returncode, killed.stdout, killed.stderr)
