"""`actum quality`, `verdict`, `readiness` and `metrics` as a person and a scraper meet them."""

from __future__ import annotations

import asyncio
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

CLI = Path(__file__).parents[1] / "cli"
sys.path.insert(0, str(CLI))

from commanding import Actum, Begin, Running, until  # noqa: E402
from golden import Author  # noqa: E402
from test_golden import fill, parsed  # noqa: E402

from actum.model.latency import LATENCY  # noqa: E402
from actum.model.quality import PEOPLE  # noqa: E402
from actum.store.store import Store  # noqa: E402
from actum.testing.server import TestServer  # noqa: E402


@pytest.fixture(scope="module")
def told(actum_server: TestServer) -> Iterator[Actum]:
    """Commands on a database with a golden history in it."""
    dsn = asyncio.run(actum_server.create())

    async def write() -> None:
        store = await Store.open(dsn)
        await fill(store, list(Author(5).lives(60, weeks=2)), 1)
        await store.close()

    asyncio.run(write())
    yield Actum(CLI / "project", ACTUM_DATABASE_URL=dsn)
    asyncio.run(actum_server.drop(dsn))


@pytest.fixture
def begin() -> Iterator[Begin]:
    begun: list[Running] = []

    def start(actum: Actum, *arguments: str, log: str = "log") -> Running:
        begun.append(actum.begin(*arguments, log=log))
        return begun[-1]

    yield start
    for one in begun:
        one.kill()


LONG = ("--since", "9999d")
START = ("start", "flows:greet", "--input", '{"name": "Ana"}')


def test_quality_reads_at_a_glance_and_each_number_names_its_events(told: Actum) -> None:
    out = told.fine("quality", *LONG, "--compare", "previous").out
    for title in ("Time-outs and recovery", "Retries", "People", "Rollbacks", "Outputs", "Latency and cost"):
        assert f"\n{title}" in out
    assert max(map(len, out.splitlines())) <= 80
    numbers = told.fine("quality", *LONG, "--json").json["measures"]
    lost = numbers["timeouts_lost"]["value"]
    assert lost > 0
    check_names(told)
    behind = told.fine("quality", *LONG, "--ids", "timeouts_lost", "--limit", "10000", "--json").json
    assert lost == sum(row["count"] for row in behind)
    first = behind[0]
    assert (
        first["workflow_id"] in told.fine("quality", *LONG, "--ids", "timeouts_lost", "--limit", "9999").out
    )
    assert "there are more" in told.fine("quality", *LONG, "--ids", "timeouts_lost", "--limit", "1").out
    prompts = told.fine("quality", *LONG, "--by", "prompt", "--json").json
    assert numbers["outputs"]["value"] == sum(row["outputs"] for row in prompts)
    assert "v2" in told.fine("quality", *LONG, "--by", "prompt").out
    teams = [
        told.fine("quality", *LONG, "--team", team, "--family", "timeouts", "--json").json
        for team in ("shop", "garden", "harbour")
    ]
    assert lost == sum(one["measures"]["timeouts_lost"]["value"] for one in teams)


def check_names(told: Actum) -> None:
    """`--ids` alone says what the measures are called, and these names are understood; each section can be asked for."""
    for family, names in (
        ("rollbacks", ("undo_failures", "rollback_time")),
        ("latency", ("step_times", "tokens")),
    ):
        named = told.fine("quality", *LONG, "--family", family, "--ids", "--limit", "3").out
        assert all(f"\n  {name}: " in named for name in names)
    for name in ("regret", "costs"):
        assert name in {*PEOPLE, *LATENCY}
        assert isinstance(told.fine("quality", *LONG, "--ids", name, "--json").json, list)
    one = told.fine("quality", *LONG, "--ids", "machine_times", "--json", "--limit", "1").json[0][
        "workflow_id"
    ]
    alone = told.fine("quality", *LONG, "--workflow", one, "--json").json
    assert 1 == alone["measures"]["outputs"]["some"] == alone["latency"]["completions"][0]["count"]
    people = told.fine("quality", *LONG, "--family", "people", "--compare", "previous", "--json").json
    assert people["before"]["until"] == people["since"]
    latency = told.fine("quality", *LONG, "--family", "latency", "--compare", "previous").out
    assert "(was" not in latency
    assert "Time-outs" not in latency


def test_what_cannot_be_meant_is_one_sentence(told: Actum) -> None:
    for arguments, said in (
        (("quality", "--ids", "nonsense"), "'nonsense' is no measure: it is one of attempts_to_success"),
        (("quality", "--since", "soon"), "'soon' is not a duration"),
        (("quality", "--since", "36501d"), "'36501d' is too long: give 36500d at most"),
        (("usage", "--since", "9" * 20 + "w"), "is too long: give 36500d at most"),
        (("quality", "--by", "prompt", "--compare", "previous"), "leave --family, --compare and --ids out"),
        (("quality", "--workflow", "00000000"), "no workflow ends in"),
        (("verdict", "00000000", "usable", "--why", "x"), "no workflow ends in"),
        (("readiness", "nobody"), "no contract 'nobody' was ever registered"),
        ((*START, "--tag", "prompt"), "'prompt' is no tag: write --tag NAME=VALUE"),
        ((*START, "--tag", "a=1", "--tag", "a=2"), "the tag 'a' is given twice"),
        ((*START, "--tag", " a=1"), "' a' cannot be a tag's name"),
        (("worker", "flows", "--metrics-port", "http"), "give a port, or HOST:PORT"),
    ):
        done = told(*arguments)
        assert 0 != done.code
        assert 1 == len(done.err.splitlines()), done.err
        assert said in done.err


def free_port() -> int:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return int(place.getsockname()[1])


def scrape(port: int, path: str = "/metrics") -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        assert "text/plain; version=0.0.4; charset=utf-8" == answer.headers["Content-Type"]
        return str(answer.read().decode())


def test_a_worker_serves_the_metrics_that_the_command_prints(
    actum_server: TestServer, tmp_path: Path, begin: Begin
) -> None:
    dsn = asyncio.run(actum_server.create())
    actum = Actum(CLI / "project", ACTUM_DATABASE_URL=dsn)
    port = free_port()
    log = str(tmp_path / "log")
    begin(actum, "worker", "flows", "--name", "metered", "--metrics-port", str(port), log=log).wait_for(
        "metered serves"
    )
    name = actum.start("greet", {"name": "Ana"}, "--tag", "prompt=v2", "--tag", "tenant=acme=1")
    assert {"prompt": "v2", "tenant": "acme=1"} == actum.fine("show", name, "--json").json["tags"]
    counted = 'actum_endings_total{contract="greet",outcome="completed"} 1\n'
    until(lambda: counted in scrape(port), "the count of what ended")
    assert parsed(scrape(port)) == parsed(actum.fine("metrics").out)
    with pytest.raises(urllib.error.HTTPError, match="404"):
        scrape(port, "/")

    why = "the name is spelled wrong"
    assert "is called unusable" in actum.fine("verdict", name, "unusable", "--why", why).out
    assert "was already called" in actum.fine("verdict", name, "unusable", "--why", why).out
    assert why in actum.fine("verdict", name).out
    assert ["unusable"] == [one["verdict"] for one in actum.fine("verdict", name, "--json").json]
    assert 'actum_verdicts{contract="greet",outcome="unusable",reason="person"} 1\n' in scrape(port)
    never = "No contract other was ever registered"
    assert never in actum.fine("quality", "--contract", "other").out
    assert never not in actum.fine("quality", "--contract", "greet").out
    (prompt,) = actum.fine("quality", "--by", "prompt", "--workflow", name, "--json").json
    assert ("v2", 1, 1) == (prompt["prompt"], prompt["outputs"], prompt["unusable"])
    assert [] == actum.fine("quality", "--by", "prompt", "--contract", "other", "--json").json
    done = actum("readiness", "greet")
    assert (1, "") == (done.code, done.err)
    assert "First gap: it has been seen" in done.out
    told = actum("readiness", "greet", "--json").json
    assert (False, "it has been seen") == (told["is_ready"], told["gap"])
    asyncio.run(actum_server.drop(dsn))
