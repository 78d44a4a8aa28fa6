"""What `actum crashtest` says of a CALL that is none, before anything is opened."""

from __future__ import annotations

from pathlib import Path

import pytest
from commanding import Actum

CALLS = """
from actum import contract, step


@step
async def read() -> str:
    return "read"


@contract
async def greet(name: str) -> str:
    return f"hello {name}"


def divides():
    return 1 / 0


def misfits():
    return greet(5)


def leaves():
    raise SystemExit(0)


def needs(name):
    return greet(name)


def five():
    return 5


def bare():
    return greet


def stepping():
    return read()


async def later():
    return greet("ana")


number = 5
reading = read()
"""


@pytest.fixture
def calls(tmp_path: Path) -> Actum:
    (tmp_path / "calls.py").write_text(CALLS)
    return Actum(tmp_path)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        ("divides", "calls:divides raised ZeroDivisionError: division by zero: "),
        ("misfits", "greet: name does not fit its annotation: Input should be a valid string, got 5"),
        ("leaves", "calls:leaves raised SystemExit: 0: "),
        ("needs", "calls:needs raised TypeError: needs() missing 1 required positional argument: 'name': "),
        ("five", "calls:five returned 5 and no call of a contract: have it return one, such as onboard("),
        ("bare", "calls:bare returned <contract greet> and no call of a contract: "),
        ("stepping", "calls:stepping returned <call of read> and no call of a contract: "),
        ("later", "calls:later is async, and its call is needed at once: write it with a plain def"),
        ("number", "calls:number is 5 and no call of a contract: "),
        ("reading", "calls:reading is <call of read> and no call of a contract: "),
    ],
)
def test_what_is_no_call_is_a_fault_of_the_one_who_names_it(calls: Actum, call: str, sentence: str) -> None:
    done = calls("crashtest", f"calls:{call}", "--world", "calls")
    assert (2, "") == (done.code, done.out), done.err
    assert sentence in " ".join(done.err.split())
    assert "fault of Actum" not in done.err


def test_what_is_not_there_is_not_found(calls: Actum) -> None:
    done = calls("crashtest", "calls:nothing", "--world", "calls")
    assert 3 == done.code
    assert "calls has no contract 'nothing'" in done.err


def test_input_is_for_contracts_only(calls: Actum) -> None:
    done = calls("crashtest", "calls:divides", "--world", "calls", "--input", "{}")
    assert 2 == done.code
    assert "leave --input out" in done.err
