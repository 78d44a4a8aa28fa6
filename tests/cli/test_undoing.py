"""`actum rollback`: the plan first, then the undoing."""

from __future__ import annotations

import pytest
from commanding import Actum, until


def reserve(served: Actum, room: str) -> str:
    """Start a reservation and return its name once the room is booked."""
    name = served.start("reserve", {"room": room}, "--requester", "user:ana")
    until(lambda: bool(served.fine("show", name, "--json").json["approvals"]), "an approval")
    served.fine(
        "approve", served.fine("show", name, "--json").json["approvals"][0]["name"], "--reason", "free"
    )
    until(lambda: "actum rollback" in served.fine("show", name).out, "the booking")
    return name


def test_the_plan_is_shown_and_nothing_done_by_a_dry_run(served: Actum) -> None:
    name = reserve(served, "blue")
    plan = served.fine("rollback", name, "--dry-run", "--json").json["plan"]
    assert [("undo.1", "undo", "book", "room.book")] == [
        (one["address"], one["action"], one["step"], one["kind"]) for one in plan
    ]
    assert "its exact reverse is declared" in served.fine("rollback", name, "--dry-run").out
    assert not (served.folder / "blue.freed").exists()


def test_a_rollback_undoes_and_says_who_asked_and_why(served: Actum) -> None:
    name = reserve(served, "green")
    served.fine("rollback", name, "--reason", "double booking")
    until(lambda: "rolled_back" in served.fine("show", name, "--json").out, "the end")
    assert "booked green" == (served.folder / "green.freed").read_text()
    assert "double booking" in served.fine("show", name).out
    assert [f"actum rollback {name} --report"] == served.fine("show", name, "--json").json["commands"]
    told = served.fine("rollback", name, "--report").out
    assert "It is **complete**: 1 undone." in told
    assert "- Cause: operator: double booking" in told
    report = served.fine("rollback", name, "--report", "--json").json
    assert [("book", "undone")] == [(one["step"], one["outcome"]) for one in report["entries"]]
    assert 2 == served("rollback", name, "--report", "--reason", "x").code


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        ((), 2, "--reason"),
        (("--dry-run", "--to", "nonsense"), 2, "nothing has ended at 'nonsense'"),
        (("--to", "nonsense", "--reason", "no"), 2, "say one of 1 (book)"),
        (("--resume",), 1, "no failed undo stops"),
        (("--report",), 1, "was not rolled back: `actum rollback"),
    ],
)
def test_a_rollback_without_a_reason_or_with_nothing_to_resume_or_go_back_to_is_refused(
    served: Actum, options: tuple[str, ...], code: int, sentence: str
) -> None:
    name = reserve(served, f"red{len(options)}")
    done = served("rollback", name, *options)
    assert code == done.code
    assert sentence in done.err
    assert "rolled_back" not in served.fine("show", name, "--json").out
