"""`--json`: every command that tells something has it, and what changes something says so in one form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
from commanding import ANA, Actum, ask, ask_how_many

from actum.cli.main import actum

WITHOUT = {
    "dev": "it goes on",
    "worker": "it goes on",
    "metrics": "its form is that of Prometheus",
    "owners export": "its form is that of the catalogue",
}
"""Commands without `--json`, and why."""


def walk(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from walk(command, f"{path}{name} ")
        else:
            yield f"{path}{name}", command


def test_every_command_has_json_but_those_that_have_a_form_of_their_own() -> None:
    commands = dict(walk(actum))
    assert len(commands) > 60
    missing = {
        name for name, one in commands.items() if not any("--json" in param.opts for param in one.params)
    }
    assert set(WITHOUT) == missing


def told(commands: Actum, verb: str, *arguments: str) -> dict[str, Any]:
    """Return the one object that a command prints, which names its verb and who acted."""
    done = commands.fine(*verb.split(), *arguments, "--json")
    said: dict[str, Any] = done.json
    assert (verb, "--dry-run" in arguments) == (said["verb"], said["dry_run"])
    assert verb.startswith(("db ", "start")) or "db:actum" == said["actor"]
    return said


def test_interventions_say_what_was_asked_of_which_workflow(own: Actum) -> None:
    name = own.start("listen")
    workflow_id = own.fine("show", name, "--json").json["id"]
    for verb in ("pause", "resume", "cancel"):
        would = told(own, verb, name, "--reason", "why", "--dry-run")
        did = told(own, verb, name, "--reason", "why")
        assert (False, True) == (would["asked"], did["asked"])
        assert (workflow_id, "pending", "why") == (did["workflow_id"], did["status"], did["reason"])
    sent = told(own, "signal", name, "go", "--value", '{"to": 1}')
    assert ("go", {"to": 1}) == (sent["signal"], sent["value"])
    many = own.fine("pause", "--where", "contract=listen", "--reason", "x", "--confirm", "1", "--json").json
    assert (1, [workflow_id]) == (many["total"], many["asked"])


def test_what_is_looked_after_is_said_in_one_form(own: Actum) -> None:
    assert [] == told(own, "db migrate")["migrations"]
    assert {"name": "Ana", "times": 1} == told(
        own, "start", "flows:greet", "--input", '{"name": "Ana"}', "--dry-run"
    )["input"]
    freeze = told(own, "freeze", "--kind", "bank.pay", "--reason", "month's end")
    assert ("bank.pay", []) == (freeze["subject"], freeze["in_flight"])
    assert freeze["freeze"] == told(own, "unfreeze", freeze["freeze"])["freeze"]
    limits = ("--match", '{"kind": "bank.pay"}', "--uses", "2", "--lasts", "1h", "--reason", "x")
    assert told(own, "grant give", *limits, "--dry-run")["grant"] is None
    grant = told(own, "grant give", *limits)
    assert (0, grant["grant"]) == (
        grant["matches"]["matched"],
        told(own, "grant revoke", grant["grant"])["grant"],
    )
    assert told(own, "policy shadow", "--off")["policy"] is None
    assert told(own, "incident open", "it smells", "--dry-run")["summary"] == "it smells"
    incident = told(own, "incident open", "it smells")
    assert "acknowledged" == told(own, "incident ack", incident["name"])["state"]
    assert "mitigated" == told(own, "incident mitigate", incident["name"], "--note", "aired")["state"]
    ended = told(own, "incident resolve", incident["name"], "--cause", "other", "--note", "a pipe")
    assert ("resolved", "other", "a pipe") == (ended["state"], ended["cause"], ended["note"])
    assert "heads" == told(own, "audit anchor", "heads")["file"]


def test_accounts_say_what_became_of_them(own: Actum) -> None:
    assert ["admin"] == told(own, "account add", "ana", "--role", "admin")["roles"]
    told(own, "account add", "ben")
    assert told(own, "account group", "group:ops", "ben")["is_member"]
    token = told(own, "account token", "ben", "--label", "ci", "--expires", "1d")
    assert token["token"].startswith("actum_")
    assert told(own, "account token", "ben", "--revoke", token["id"])["is_revoked"]
    lent = told(own, "account delegate", "ben", "--for", "ana", "--lasts", "1h", "--reason", "away")
    assert ("user:ana", "user:ben") == (lent["delegator"], lent["delegate"])
    assert "user:ben" == told(own, "account disable", "ben")["identity"]


def test_a_decision_is_told_with_its_answer_and_its_reason(served: Actum) -> None:
    workflow, approval = ask(served, "told", *ANA)
    why = ("--reason", "read it")
    assert "pending" == told(served, "approve", approval, *why, "--dry-run")["state"]
    question = told(served, "inquire", approval, "which one?")
    assert "that one" == told(served, "reply", str(question["number"]), "that one")["reply"]
    first = told(served, "approve", approval, "--confirm", "told", *why)
    again = told(served, "approve", approval, *why)
    assert ("decided", "repeated") == (first["answer"], again["answer"])
    assert ("approved", "read it", "db:actum") == (first["state"], first["reason"], first["ruled_by"])
    assert first["workflow_id"].endswith(workflow)
    _, other = ask(served, "untold", *ANA)
    handed = told(served, "hand-over", other, "user:ben", *why, "--dry-run")
    assert "user:ben" == handed["person"]
    assert other == told(served, "revoke", other, *why, "--dry-run")["approval_id"][-len(other) :]
    assert "rejected" == told(served, "reject", other, *why)["state"]


def test_an_answer_is_told_with_its_question(served: Actum) -> None:
    workflow, address = ask_how_many(served, "spoons")
    assert 9 == told(served, "answer", workflow, address, "--value", "9", "--dry-run")["value"]
    given = told(served, "answer", workflow, address, "--value", "9")
    assert ("How many spoons?", 9) == (given["question"], given["value"])
    served.fine("watch", workflow)
