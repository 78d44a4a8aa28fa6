"""`actum cancel`, `pause`, `resume`, `signal`, `settle`: a person acts on one workflow."""

from __future__ import annotations

from typing import Any

import pytest
from commanding import Actum, until


def status_of(served: Actum, name: str) -> str:
    status: str = served.fine("show", name, "--json").json["status"]
    return status


def wait_until(served: Actum, name: str, status: str) -> None:
    until(lambda: status_of(served, name) == status, f"{name} is {status}")


def doubt(served: Actum, amount: int) -> tuple[str, str]:
    """Start a payment, approve it, and return (workflow, address) once it is in doubt."""
    name = served.start("spend", {"amount": amount}, "--requester", "user:ana")
    until(lambda: bool(served.fine("show", name, "--json").json["approvals"]), "an approval")
    approval: dict[str, Any] = served.fine("show", name, "--json").json["approvals"][0]
    served.fine("approve", approval["name"], "--confirm", "bank.pay", "--reason", "due today")
    assert 5 == served("watch", name, "--until-person").code
    wait_until(served, name, "blocked")
    return name, approval["address"]


def test_a_paused_workflow_takes_in_nothing_until_it_is_resumed(served: Actum) -> None:
    name = served.start("listen")
    assert 0 == served.process("pause", name, "--reason", "maintenance").code
    wait_until(served, name, "paused")
    assert "paused" in served.fine("show", name).out
    assert "maintenance" in served.fine("show", name).out
    assert 1 == served("pause", name).code
    assert 0 == served.process("signal", name, "go", "--value", '"on"').code
    assert "paused" == status_of(served, name)
    assert 0 == served.process("resume", name).code
    served.fine("watch", name)
    assert "on" == served.fine("show", name, "--json").json["result"]


def test_a_cancelled_workflow_ends_and_can_be_reached_no_more(served: Actum) -> None:
    name = served.start("listen")
    assert "nothing was done" in served.fine("cancel", name, "--dry-run").out
    assert 0 == served.process("cancel", name, "--reason", "superseded").code
    assert 1 == served("watch", name).code
    assert "cancelled" == status_of(served, name)
    for arguments in (["cancel", name], ["signal", name, "go"], ["pause", name]):
        done = served(*arguments)
        assert (1, 1) == (done.code, len(done.err.splitlines()))
        assert "has ended" in done.err


def test_a_signal_must_be_json_under_a_name_that_can_be_one(served: Actum) -> None:
    name = served.start("listen")
    done = served("signal", name, "go", "--value", "hurry")
    assert 2 == done.code
    assert "not JSON" in done.err
    assert 2 == served("signal", name, " go\u202e").code
    served.fine("cancel", name)


def test_a_doubt_is_told_and_settled_with_a_result_that_fits(served: Actum) -> None:
    name, address = doubt(served, 7)
    told = served.fine("show", name).out
    assert "may or may not have happened" in told
    assert f"actum settle {name} {address} --did-not-happen" in told
    assert 2 == served("settle", name, address).code
    assert 2 == served("settle", name, address, "--did-not-happen", "--abandon").code
    assert 2 == served("settle", name, address, "--abandon").code
    done = served("settle", name, address, "--happened", '"seven"')
    assert 2 == done.code
    assert "must be of type integer" in done.err
    done = served("settle", name, "elsewhere", "--did-not-happen")
    assert 1 == done.code
    assert address in done.err
    given = ("--happened", "7", "--reason", "seen on the statement")
    assert 0 == served.process("settle", name, address, *given).code
    served.fine("watch", name)
    assert 7 == served.fine("show", name, "--json").json["result"]


def test_a_doubt_that_is_abandoned_counts_as_failed(served: Actum) -> None:
    name, address = doubt(served, 8)
    given = ("settle", name, address, "--abandon", "--reason", "the bank has closed", "--json")
    would, did = served.fine(*given, "--dry-run").json, served.fine(*given).json
    assert ("settle", address, "abandon") == (did["verb"], did["address"], did["outcome"])
    assert (False, True) == (would["asked"], did["asked"])
    done = served("watch", name)
    assert 1 == done.code
    assert "the bank has closed" in done.out


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume"])
def test_a_workflow_that_is_not_there_is_exit_code_3(idle: Actum, verb: str) -> None:
    assert 3 == idle(verb, "ffffffff").code
