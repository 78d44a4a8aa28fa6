"""`actum audit`, `check`, `db` and `doctor`: the commands of whoever looks after the system."""

from __future__ import annotations

from uuid import UUID

from commanding import Actum, execute


def test_logs_as_they_were_written_are_verified(own: Actum) -> None:
    name = own.start("greet", {"name": "a"})
    own.start("greet", {"name": "b"})
    done = own.process("audit", "verify")
    assert (0, "2 workflows verified, no faults\n") == (done.code, done.out)
    assert {"verified": 1, "faults": []} == own.fine("audit", "verify", name, "--json").json
    assert 3 == own("audit", "verify", "ffffffff").code


def test_an_edited_event_a_changed_payload_and_a_forged_row_are_found(own: Actum) -> None:
    edited, swapped, forged = (own.start("greet", {"name": name}) for name in ("a", "b", "c"))
    ids = {name: UUID(own.fine("show", name, "--json").json["id"]) for name in (edited, swapped, forged)}
    execute(own, "update actum.events set actor = 'user:nobody' where workflow_id = $1", ids[edited])
    execute(own, "update actum.snapshots set body = $2 where workflow_id = $1", ids[swapped], b'{"name":"x"}')
    execute(own, "update actum.workflows set status = 'running' where id = $1", ids[forged])
    done = own("audit", "verify")
    assert 1 == done.code
    assert f"{edited}: event 1 is not the one that was written there" in done.out
    assert f"{swapped}: the payload of event 1 is not the one that was written" in done.out
    assert f"{forged}: its row says status 'running', and its log 'pending'" in done.out
    assert "3 workflows verified, 3 faults" in done.out
    assert 1 == own("audit", "verify", edited).code


def test_a_lost_event_is_found(own: Actum) -> None:
    name = own.start("greet", {"name": "a"})
    workflow_id = UUID(own.fine("show", name, "--json").json["id"])
    execute(own, "delete from actum.events where workflow_id = $1", workflow_id)
    told = own("audit", "verify", "--json").json
    assert ["event 1 and all after it are missing"] == [fault["fault"] for fault in told["faults"]]


def test_an_empty_database_is_migrated_once(empty: Actum) -> None:
    done = empty("list")
    assert 1 == done.code
    assert "run `actum db migrate`" in done.err
    status = empty.process("db", "status")
    assert 1 == status.code
    assert "missing   0001_foundation" in status.out
    assert "would apply 0001_foundation" in empty.fine("db", "migrate", "--dry-run").out
    assert 1 == empty("db", "status").code
    assert "applied 0001_foundation" in empty.process("db", "migrate").out
    assert "nothing to apply" in empty.fine("db", "migrate").out
    told = empty.fine("db", "status", "--json").json
    assert [] == told["pending"]
    assert "0001_foundation" in told["applied"]


def test_a_database_that_was_edited_is_refused(own: Actum) -> None:
    execute(own, "update actum.migrations set checksum = 'other'")
    for arguments in (["db", "migrate"], ["db", "status"], ["list"]):
        done = own(*arguments)
        assert (1, 1) == (done.code, len(done.err.splitlines()))
        assert "nothing was changed" in done.err


def wrong(own: Actum) -> list[str]:
    """Return what the doctor finds wrong, but for the disk that an embedded server of tests does not wait for."""
    told = [one["sentence"] for one in own("doctor", "--json").json if one["level"] == "wrong"]
    return [one for one in told if not one.startswith("fsync is off")]


def test_the_doctor_says_what_is_wrong_and_what_helps(own: Actum, empty: Actum) -> None:
    assert [] == wrong(own)
    own.start("greet", {"name": "a"})
    done = own.process("doctor")
    assert "1 workflow(s) of greet are ready and no live worker serves it" in done.out
    assert 1 == done.code
    told = own("doctor", "--json").json
    assert {"fine", "warning", "wrong"} >= {one["level"] for one in told}
    assert [] != wrong(own)
    assert "run `actum db migrate`" in empty("doctor").out


def test_check_tells_findings_as_text_json_and_sarif(idle: Actum) -> None:
    text = idle.process("check", "homeless")
    assert 1 == text.code
    assert "error owner-missing in orphan" in text.out
    told = idle("check", "homeless", "--json").json
    assert "owner-missing" in {one["code"] for one in told}
    log = idle("check", "homeless", "--format", "sarif").json
    assert "2.1.0" == log["version"]
    result = next(one for one in log["runs"][0]["results"] if one["ruleId"] == "owner-missing")
    place = result["locations"][0]["physicalLocation"]
    assert "homeless.py" == place["artifactLocation"]["uri"]
    assert {one["line"] for one in told if one["code"] == "owner-missing"} == {place["region"]["startLine"]}
    assert 0 == idle("check", "flows").code
    assert 3 == idle("check", "nowhere").code


LEFT = """
insert into actum.notifications (key, kind, recipients, subject, body, created_at, due_at, attempts, state, error)
values ($1, 'test', '{}', 'It waits', '', now() - interval '1 hour', now(), $2, $3, $4)
"""


def test_the_doctor_says_that_nobody_is_told(own: Actum) -> None:
    assert "told" not in own("doctor").out
    execute(own, LEFT, "a", 0, "unsent", None)
    assert "warning  nobody is told: 1 notification(s) wait" in own("doctor").out
    execute(own, LEFT, "b", 3, "unsent", "the webhook answered 503")
    execute(own, LEFT, "c", 14, "abandoned", None)
    said = " ".join(own("doctor").out.split())
    assert "1 notification(s) could not be sent so far, and 1 were given up: the webhook answered 503" in said
