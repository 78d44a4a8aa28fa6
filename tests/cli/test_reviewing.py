"""`actum review` and `inbox`: batches on one card, decided item by item; and what a person does at a terminal."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from commanding import HERE, Actum, until
from terminal import type_at

from actum.testing.server import TestServer

POLICY = """
schema = 1
name = "shelves"
owner = "shop"
default_tier = 2

[facts]
rows = "int"
room = "text"

[approvers.anybody]
by = ["anybody"]

[[rule]]
id = "few"
match = { kind = "shelf.fill", rows = { le = 100 } }
tier = 1
approvers = "anybody"
batch = { by = ["room"], window = "8h", max_items = 40 }
why = "A few rows."

[[rule]]
id = "many"
match = { kind = "shelf.fill", rows = { gt = 100 } }
tier = 2
approvers = "anybody"
why = "More than a hundred rows."

[[rule]]
id = "sales"
match = { kind = "shelf.sell" }
tier = 2
approvers = "anybody"
why = "What is sold is gone."
"""


@pytest.fixture(scope="module")
def shop(actum_server: TestServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Actum]:
    """Commands on a database whose shelves a worker serves under a policy."""
    folder = Path(shutil.copytree(HERE / "project", tmp_path_factory.mktemp("shop") / "project"))
    dsn = asyncio.run(actum_server.create())
    commands = Actum(folder, ACTUM_DATABASE_URL=dsn)
    (folder / "policy.toml").write_text(POLICY)
    commands.fine("policy", "activate", "policy.toml", "--reason", "it is good")
    worker = commands.begin("worker", "shelves", "--name", "shop", log="shop.log")
    try:
        worker.wait_for("shop serves")
        yield commands
    finally:
        worker.kill()
        asyncio.run(actum_server.drop(dsn))


def start(shop: Actum, contract: str, **arguments: Any) -> str:
    done = shop.fine(
        "start", f"shelves:{contract}", "--input", json.dumps(arguments), "--requester", "user:ana", "--json"
    )
    name: str = done.json["name"]
    return name


def ask(shop: Actum, contract: str, **arguments: Any) -> str:
    """Start a workflow and return the approval it asks for."""
    name = start(shop, contract, **arguments)
    found: list[str] = []

    def has_asked() -> bool:
        found.extend(one["name"] for one in shop.fine("show", name, "--json").json["approvals"])
        return bool(found)

    until(has_asked, "an approval")
    return found[0]


def open_batch(shop: Actum, shelf: str, rows: list[int]) -> tuple[str, list[str]]:
    """Have a batch of stockings asked for, which the first keeps open; return it and its items, in the order asked."""
    first = ask(shop, "stock_busily", shelf=f"{shelf} 0", rows=rows[0])
    items = [first] + [
        ask(shop, "stock", shelf=f"{shelf} {number}", rows=count) for number, count in enumerate(rows[1:], 1)
    ]

    def find() -> list[dict[str, Any]]:
        batches = shop.fine("inbox", "--json").json["batches"]
        return [one for one in batches if {name[-8:] for name in one["open"]} == set(items)]

    until(lambda: bool(find()), "the batch")
    return find()[0]["name"], items


def states(shop: Actum, items: list[str]) -> list[str]:
    return [shop.fine("inbox", one, "--json").json["state"] for one in items]


def test_a_batch_is_one_line_apart_and_explicit_checkpoints_come_first(shop: Actum) -> None:
    batch, items = open_batch(shop, "inbox", [4, 5])
    alone = ask(shop, "stock", shelf="big", rows=500)
    out = shop.process("inbox").out
    assert f"{batch}  batch of 2 items: shelf.fill" in out
    assert "may still grow" in out
    assert f"actum review {batch}" in out
    assert not any(one in out for one in items)
    assert out.index("TIER 2") < out.index(f"approve {alone}") < out.index(batch)
    assert "batch of 2 items" in shop.fine("review").out
    shop.fine("review", batch)
    shop.fine("review", batch, "--approve-all", "--reason", "enough room")


def test_a_review_leaves_out_what_sticks_out_opens_the_same_sample_and_is_fixed_by_the_first_look(
    shop: Actum,
) -> None:
    batch, items = open_batch(shop, "fixed", [4, 5, 6, 5, 4, 6, 99])
    out = shop.process("review", batch).out
    assert max(map(len, out.splitlines())) <= 80
    assert "6 of 6 items are open" in out
    assert "A few rows. (rule few)" in out
    assert "Together:   rows = 30" in out
    assert out.index("A sample") < out.index("Every item")
    assert "99 rows" not in out
    assert "TIER 2" not in out
    assert "TIER 2" in shop.process("inbox", items[-1]).out
    told = shop.fine("review", batch, "--json").json
    assert {} == told["outliers"]
    assert all(one[-8:] in out.split("Every item")[0] for one in told["sample"])
    assert told["sample"] == shop.fine("review", batch, "--json").json["sample"]
    later = ask(shop, "stock", shelf="fixed later", rows=3)
    assert later not in [one["name"] for one in shop.fine("review", batch, "--json").json["items"]]
    shop.fine("review", batch, "--approve-all", "--reason", "enough room")
    shop.fine("reject", items[-1], "--reason", "too many for one shelf")


def test_all_but_some_are_approved_and_each_rejection_has_its_own_reason(shop: Actum) -> None:
    batch, items = open_batch(shop, "decided", [4, 5, 6, 7])
    decide = ("review", batch, "--approve-all", "--reason", "enough room")
    done = shop(*decide)
    assert (1, 1) == (done.code, len(done.err.splitlines()))
    assert "nobody has looked at batch" in done.err
    shop.fine("review", batch)
    choice = ("--except", items[0], "--reject", f"{items[1]}=too heavy")
    assert "would decide 3 of 4 items" in shop.fine(*decide, *choice, "--dry-run").out
    assert ["pending"] * 4 == states(shop, items)
    out = shop.process(*decide, *choice).out
    assert "3 of 3 decided by db:actum, 1 left open" in out
    assert ["pending", "rejected"] == states(shop, items[:2])
    assert "too heavy" == shop.fine("inbox", items[1], "--json").json["rationale"]
    until(lambda: states(shop, items[2:]) == ["used", "used"], "the shelves")
    done = shop(*decide, "--except", items[1])
    assert 3 == done.code
    assert "no open item" in done.err
    (answer,) = shop.fine(*decide, "--json").json
    assert ("decided", "approved") == (answer["answer"], answer["state"])
    assert 1 == shop(*decide).code


def test_a_decision_that_cannot_be_meant_changes_nothing(shop: Actum) -> None:
    batch, items = open_batch(shop, "refused", [1, 2])
    shop.fine("review", batch)
    mistakes = [
        (["ffffffff"], 3),
        (["nobatch"], 3),
        ([batch, "--reason", "x"], 2),
        ([batch, "--except", items[0]], 2),
        ([batch, "--reject", items[0]], 2),
        ([batch, "--reject", f"{items[0]}= "], 2),
        ([batch, "--reject", "ffffffff=no"], 3),
        ([batch, "--approve-all"], 2),
    ]
    for arguments, code in mistakes:
        done = shop("review", *arguments)
        assert (code, 1) == (done.code, len(done.err.splitlines())), (arguments, done.err)
    assert ["pending", "pending"] == states(shop, items)


# at a terminal


def seen(shop: Actum, approval: str) -> tuple[str, int]:
    """Return what the decision on an approval says was read, and for how long."""
    rows = asyncio.run(_seen(shop, shop.fine("inbox", approval, "--json").json["id"]))
    return str(rows[0]["seen"]), int(rows[0]["seen_ms"])


async def _seen(shop: Actum, approval_id: str) -> Any:
    connection: Any = await asyncpg.connect(shop.environment["ACTUM_DATABASE_URL"])
    try:
        return await connection.fetch(
            "select seen, seen_ms from actum.decisions where approval_id::text = $1", approval_id
        )
    finally:
        await connection.close()


def test_at_a_terminal_the_card_is_read_first_and_what_was_read_is_kept(shop: Actum) -> None:
    approval = ask(shop, "stock", shelf="read", rows=300)
    done = type_at(shop, ["approve", approval, "--reason", "fine"], [("type approve:", "")])
    assert 2 == done.code
    assert "nothing was typed" in done.err
    done = type_at(shop, ["approve", approval, "--reason", "fine"], [("type approve:", "approve")])
    assert 0 == done.code, done.err
    said = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", done.out).split())
    assert said.index("TIER 2") < said.index("because rows is 300") < said.index("type approve:")
    assert "\x1b[32m" in done.out  # a line that is added, in green
    words, milliseconds = seen(shop, approval)
    assert words.startswith("card, ")
    assert milliseconds > 0


def test_what_nothing_puts_back_is_approved_by_its_amount(shop: Actum) -> None:
    approval = ask(shop, "part", shelf="oak")
    for typed, code in (("oak", 2), ("12.00 EUR", 0)):
        done = type_at(shop, ["approve", approval, "--reason", "sold"], [("type its amount:", typed)])
        assert code == done.code, done.err
    other = ask(shop, "part", shelf="elm")
    done = shop("approve", other, "--reason", "sold")
    assert (2, 1) == (done.code, len(done.err.splitlines()))
    assert "12.00" not in done.err
    assert 2 == shop("approve", other, "--reason", "sold", "--confirm", "elm").code
    assert "approved by" in shop.fine("approve", other, "--reason", "sold", "--confirm", "12.00 EUR").out


def test_whoever_rejects_is_offered_reasons_and_may_use_their_own_words(shop: Actum) -> None:
    for typed, kept in (("2", "too much at once"), ("9 lives", "9 lives")):
        approval = ask(shop, "stock", shelf=f"rejected {typed}", rows=300)
        done = type_at(shop, ["reject", approval], [("your own words:", typed)])
        assert 0 == done.code, done.out
        told = shop.fine("inbox", approval, "--json").json
        assert ("rejected", kept) == (told["state"], told["rationale"])
        assert seen(shop, approval)[0].startswith("card, ")
    approval = ask(shop, "stock", shelf="rejected not", rows=300)
    assert 2 == type_at(shop, ["reject", approval], [("your own words:", "")]).code
    assert 2 == shop("reject", approval).code
    assert "pending" == shop.fine("inbox", approval, "--json").json["state"]


def test_a_batch_is_decided_in_words_at_a_terminal(shop: Actum) -> None:
    batch, items = open_batch(shop, "spoken", [4, 5, 6])
    prompts = [("Type `approve all`", f"approve all but {items[0]}, {items[1]}"), ("Why reject", "too heavy")]
    done = type_at(shop, ["review", batch], [*prompts, ("Why reject", ""), ("Why approve", "enough room")])
    assert 0 == done.code, done.err
    assert ["rejected", "pending"] == states(shop, items[:2])
    words, milliseconds = seen(shop, items[2])
    assert words.startswith("card, ")
    assert milliseconds > 0
    assert "nothing was decided" in type_at(shop, ["review", batch], [("Type `approve all`", "")]).out
    assert 2 == type_at(shop, ["review", batch], [("Type `approve all`", "yes")]).code


def test_an_edit_is_for_what_the_author_offered_and_is_asked_anew(shop: Actum) -> None:
    approval = ask(shop, "stock", shelf="edited", rows=300)
    done = shop("approve", approval, "--reason", "less", "--edit", '{"shelf": "other"}')
    assert (2, 1) == (done.code, len(done.err.splitlines()))
    assert "lets an approver change rows" in done.err
    assert 2 == shop("approve", approval, "--reason", "less", "--edit", "rows=5").code
    assert "pending" == shop.fine("inbox", approval, "--json").json["state"]
    assert (
        "approved as edited by"
        in shop.fine("approve", approval, "--reason", "less", "--edit", '{"rows": 200}').out
    )
    assert "superseded" == shop.fine("inbox", approval, "--json").json["state"]
    workflow = shop.fine("inbox", approval, "--json").json["workflow"]
    anew: list[str] = []

    def has_asked() -> bool:
        asked = shop.fine("show", workflow, "--json").json["approvals"]
        anew.extend(one["name"] for one in asked if one["state"] == "pending")
        return bool(anew)

    until(has_asked, "the edited call's own approval")
    assert {"shelf": "edited", "rows": 200} == shop.fine("inbox", anew[0], "--json").json["arguments"]
    shop.fine("approve", anew[0], "--reason", "these")
    until(lambda: "completed" == shop.fine("show", workflow, "--json").json["status"], "its end")
    assert "edited 200" in (shop.folder / "filled").read_text().splitlines()


def test_what_deciding_costs_is_told_with_what_stands_behind_it(shop: Actum) -> None:
    approval = ask(shop, "stock", shelf="counted", rows=300)
    shop.fine("approve", approval, "--reason", "fine")
    told = shop.fine("quality", "--family", "people", "--json").json
    (load,) = told["prompts"]
    assert ("db:actum", "shop") == (load["person"], told["policy_owner"])
    assert approval in [one[-8:] for one in load["ids"]]
    out = shop.process("quality", "--family", "people", "--ids").out
    assert max(map(len, out.splitlines())) <= 80
    assert "Suggestions for shop" in out
    assert "238 words a minute" in " ".join(out.split())
    assert approval in out
    assert "nobody was asked anything" in shop.fine("quality", "--family", "people", "--team", "garden").out
    assert 2 == shop("quality", "--since", "yesterday").code


def test_a_question_that_is_only_tried_is_not_asked(shop: Actum) -> None:
    approval = ask(shop, "stock", shelf="asked", rows=300)
    assert "nothing was asked" in shop.fine("inquire", approval, "Which shelf?", "--dry-run").out
    assert [] == shop.fine("inbox", approval, "--json").json["inquiries"]
    number = re.search(r"question (\d+)", shop.fine("inquire", approval, "Which shelf?").out)
    assert number is not None
    assert "nothing was said" in shop.fine("reply", number[1], "The left one.", "--dry-run").out
    assert f"none yet: `actum reply {number[1]}" in shop.fine("inbox", approval).out
    shop.fine("reply", number[1], "The left one.")
    assert "The left one." in shop.fine("inbox", approval).out
