"""`actum list`, `show` and `watch`: what they tell, how they name, and what they never let through."""

from __future__ import annotations

import asyncio
import json
import re
import runpy
import signal
from collections import Counter
from uuid import UUID

import pytest
from commanding import Actum, Begin, execute, until

from actum.client import Client
from actum.settings import Settings

RAW = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")


def test_a_list_is_filtered_folded_and_gone_on_with(own: Actum) -> None:
    names = [own.start("greet", {"name": str(number)}) for number in range(3)]
    other = own.start("listen")
    newest = [other, *reversed(names)]
    assert newest == [row["name"] for row in own.fine("list", "--json").json]
    assert [other] == [row["name"] for row in own.fine("list", "--contract", "listen", "--json").json]
    assert [] == own.fine("list", "--status", "failed", "--json").json
    page = own.process("list", "--limit", "2").out
    assert f"… 2 shown, and there are more: add --before {newest[1]}" in page
    rest = own.fine("list", "--before", newest[1], "--json").json
    assert newest[2:] == [row["name"] for row in rest]
    assert "no workflows that fit" in own.fine("list", "--status", "blocked").out


def test_a_list_keeps_to_eighty_columns(own: Actum) -> None:
    own.start("greet", {"name": "x"}, "--key", "k" * 200)
    lines = own.fine("list").out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "k" * 200 in "".join(line.strip() for line in lines)


def test_show_tells_state_timeline_and_what_to_do(served: Actum) -> None:
    name = served.start("listen")
    until(lambda: "waiting" == served.fine("show", name, "--json").json["status"], "it waits")
    done = served.process("show", name)
    assert re.search(r"Timeline\n  \d\d:\d\d:\d\d  workflow.started +by db:actum", done.out)
    assert "waiting for the signal go" in done.out
    assert f"actum signal {name} go --value '…'" in done.out
    assert f"actum cancel {name}" in done.out


def test_show_as_json_holds_input_events_and_commands(served: Actum) -> None:
    served.fine("start", "flows:greet", "--input", '{"name": "json"}', "--key", "json", "--wait")
    told = served.fine("show", "greet/json", "--json").json
    assert ("completed", "JSON") == (told["status"], told["result"])
    kinds = [event["kind"] for event in told["events"]]
    assert ["workflow.started", "step.completed", "workflow.completed"] == kinds
    assert [] == told["commands"]


def test_watch_tells_events_until_the_end_and_takes_its_exit_code(served: Actum) -> None:
    good = served.start("greet", {"name": "watched"})
    done = served.process("watch", good)
    assert "step.completed" in done.out
    assert "completed" in done.out.splitlines()[-1]
    bad = served("watch", served.start("fail", {"name": "it"}), "--json")
    assert 1 == bad.code
    assert "workflow.failed" == json.loads(bad.out.splitlines()[-1])["kind"]


def test_text_from_outside_never_reaches_the_terminal_as_it_is(served: Actum) -> None:
    name = served.start("fail", {"name": "a\x1b[31m\u202eb"})
    served("watch", name)
    for arguments in (["show", name], ["show", name, "--full"], ["show", name, "--json"], ["watch", name]):
        done = served(*arguments)
        assert [] == RAW.findall(done.out + done.err), arguments
    assert r"\x1b[31m" in served.fine("show", name).out
    assert r"\u202e" in served.fine("show", name).out


def test_a_name_that_means_nothing_is_exit_code_3(idle: Actum) -> None:
    for name in ("00000000-0000-7000-8000-000000000000", "ffffffffffff", "greet/never", "xyz", "abc"):
        done = idle("show", name)
        assert (3, 1) == (done.code, len(done.err.splitlines())), done.err


def test_digits_that_several_ids_end_in_are_refused(own: Actum) -> None:
    greet = runpy.run_path(str(own.folder / "flows.py"))["greet"]

    async def start_many() -> list[UUID]:
        settings = Settings.read({"ACTUM_DATABASE_URL": own.environment["ACTUM_DATABASE_URL"]})
        async with Client.open(settings=settings) as client:
            calls = [greet(str(number)) for number in range(1500)]
            return [handle.workflow_id for handle in await client.start_many(calls)]

    endings = Counter(str(one)[-4:] for one in asyncio.run(start_many()))
    digits, count = endings.most_common(1)[0]
    assert count > 1
    done = own("show", digits)
    assert 2 == done.code
    assert f"{count} workflows end in '{digits}'" in done.err


@pytest.mark.parametrize("limit", ["0", "-1", "many"])
def test_a_limit_that_is_none_is_a_usage_error(idle: Actum, limit: str) -> None:
    assert 2 == idle("list", "--limit", limit).code


def test_an_interrupted_watch_leaves_with_130_and_changes_nothing(idle: Actum, begin: Begin) -> None:
    name = idle.start("listen")
    watch = begin(idle, "watch", name)
    watch.wait_for("no live worker serves listen")
    watch.signal(signal.SIGINT)
    assert 130 == watch.end()
    assert "Traceback" not in watch.said
    assert "pending" == idle.fine("show", name, "--json").json["status"]


def test_a_watch_outlives_lost_connections(served: Actum, begin: Begin) -> None:
    name = served.start("listen")
    watch = begin(served, "watch", name, log="watch.log")
    watch.wait_for("workflow.started")
    execute(
        served,
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()",
    )
    served.fine("signal", name, "go", "--value", '"on"')
    assert 0 == watch.end()
    assert "workflow.completed" in watch.said
