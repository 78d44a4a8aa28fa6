"""The program itself: what it costs, how it refuses, and its exit codes."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryFile

import click
import pytest
from commanding import Actum, command

from actum.cli.main import PLACES, actum

ROOT = Path(__file__).parents[2]


def cpu_of(arguments: list[str]) -> float:
    """Return the least CPU time, in seconds, that a command took in seven goes."""
    taken = []
    for _ in range(7):
        process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert 0 == process.returncode
        taken.append(usage.ru_utime + usage.ru_stime)
    return min(taken)


def test_help_costs_less_than_a_tenth_of_a_second_of_cpu() -> None:
    assert cpu_of(command("--help")) - cpu_of([sys.executable, "-c", "pass"]) < 0.1


def test_help_imports_neither_driver_nor_engine_nor_validation() -> None:
    code = (
        "import sys\nfrom actum.cli.main import run\nrun(['--help'])\n"
        "print({'asyncpg', 'pydantic', 'actum.engine', 'rich', 'uvloop'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "set()\n" == done.stderr


def test_every_listed_command_is_there_and_explains_itself() -> None:
    context = click.Context(actum)
    for name in PLACES:
        found = actum.get_command(context, name)
        assert found is not None, name
        assert name == found.name
        assert found.help, name


def test_the_reference_of_commands_is_fresh() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "docs" / "generate_commands.py"), "--check"])
    assert 0 == done.returncode, "run python docs/generate_commands.py"


def test_an_unknown_command_is_a_usage_error(idle: Actum) -> None:
    done = idle.process("flourish")
    assert 2 == done.code
    assert "No such command" in done.err


def test_an_address_that_is_none_is_refused_without_its_password(idle: Actum) -> None:
    done = idle.process("list", ACTUM_DATABASE_URL="mysql://me:secret@here/db")
    assert 2 == done.code
    assert "ACTUM_DATABASE_URL" in done.err
    assert "secret" not in done.err


def test_what_an_address_says_after_its_question_mark_is_refused_in_words(
    idle: Actum, tmp_path: Path
) -> None:
    open_to_all = tmp_path / "passwords"
    open_to_all.write_text("*:*:*:*:secret\n")
    open_to_all.chmod(0o644)
    for said, way_out in (
        ("target_session_attrs=zz", "read-write"),
        (f"passfile={tmp_path}", "is no file"),
        (f"passfile={open_to_all}", "chmod 600"),
    ):
        done = idle("list", ACTUM_DATABASE_URL=f"postgresql://me@/db?host={tmp_path}&{said}")
        assert (2, 1) == (done.code, len(done.err.splitlines())), done.err
        assert way_out in done.err
        assert "<" not in done.err


def test_a_setting_that_is_none_is_refused(idle: Actum) -> None:
    done = idle.process("list", ACTUM_DATABSE_URL="postgresql://here/db")
    assert 2 == done.code
    assert "ACTUM_DATABSE_URL" in done.err


def test_a_database_that_is_away_is_exit_code_6_in_one_sentence(idle: Actum, tmp_path: Path) -> None:
    away = f"postgresql://actum@/actum?host={tmp_path}&port=5999"
    for run, arguments in ((idle.process, ["worker", "flows"]), (idle, ["list"]), (idle, ["db", "status"])):
        done = run(*arguments, ACTUM_DATABASE_URL=away)
        assert (6, 1) == (done.code, len(done.err.splitlines())), done.err
        assert "no answer from the database" in done.err


def test_a_traceback_is_shown_only_when_asked_for(idle: Actum) -> None:
    assert "Traceback" not in idle.process("show", "abcd").err
    done = idle.process("--debug", "show", "abcd")
    assert (3, True) == (done.code, "Traceback" in done.err)


def test_the_laptops_identities_are_refused_over_an_address(idle: Actum) -> None:
    done = idle.process("cancel", "abcd", "--as", "author")
    assert 2 == done.code
    assert "embedded database" in done.err


def test_a_reader_that_goes_away_is_no_traceback(idle: Actum) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.Popen(
        command("doctor"),
        env=idle.environment,
        cwd=idle.folder,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writer)
    _, said = process.communicate(timeout=60)
    assert (1, "") == (process.returncode, said)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_the_machines_fault_in_one_sentence(idle: Actum) -> None:
    for arguments in (["doctor"], ["list", "--json"]):
        with open("/dev/full", "w") as full, TemporaryFile() as err, open(os.devnull) as nothing:
            child = idle.bear(arguments, nothing.fileno(), full.fileno(), err.fileno())
            assert 1 == child.wait(60)
            err.seek(0)
            said = err.read().decode()
        assert "No space left" in said
        assert (1, False) == (len(said.splitlines()), "fault of Actum" in said)


def test_an_argument_that_is_no_text_is_refused(idle: Actum) -> None:
    arguments = [*command("cancel", "abcd", "--reason"), b"\xff\xfe"]
    done = subprocess.run(arguments, env=idle.environment, cwd=idle.folder, capture_output=True)
    assert (2, 1) == (done.returncode, len(done.stderr.splitlines()))
    assert b"not UTF-8" in done.stderr


def test_a_terminal_gets_its_own_colours_and_nobody_elses(idle: Actum) -> None:
    name = idle.start("greet", {"name": "\x1b]0;owned\x07 \u202e"}, "--key", "colourful")
    for settings, is_coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        said = on_a_terminal(idle, {"TERM": "xterm", **settings}, "show", name)
        assert is_coloured == (b"\x1b[1m" in said), said
        assert b"colourful" in said
        assert b"\x1b]0;" not in said
        assert b"\\u202e" in said


def on_a_terminal(actum: Actum, settings: dict[str, str], *arguments: str) -> bytes:
    """Return what a command writes to a terminal."""
    reader, writer = pty.openpty()
    process = actum.bear(arguments, 0, writer, 2, **settings)
    os.close(writer)
    said = b""
    with contextlib.suppress(OSError):  # Linux: the other side is closed
        while piece := os.read(reader, 4096):
            said += piece
    os.close(reader)
    assert 0 == process.wait(60)
    return said
