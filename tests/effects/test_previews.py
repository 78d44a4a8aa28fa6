"""Ready-made previews: what they count, what they say, and what they refuse."""

from __future__ import annotations

from difflib import unified_diff

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actum import Preview, contract, effect
from actum.cli.policy_facts import read_effects
from actum.effects.files import Folder
from actum.effects.http import Service
from actum.effects.previews import FileFacts, MessageFacts, MoneyFacts, files, message, money
from actum.engine.showing import preview_body
from actum.errors import InvalidInput


@pytest.mark.parametrize(
    ("minor", "currency", "said"),
    [
        (120_00, "EUR", "120.00 EUR"),
        (5, "EUR", "0.05 EUR"),
        (1200, "JPY", "1200 JPY"),
        (1234, "KWD", "1.234 KWD"),
    ],
)
def test_money_is_said_in_the_places_of_its_currency(minor: int, currency: str, said: str) -> None:
    seen = money(minor, currency, to="DE02", verb="Refund")
    assert f"Refund {said} to DE02" == seen.sentence
    assert MoneyFacts(minor, currency, said, "DE02") == seen.facts


@pytest.mark.parametrize(
    ("amount", "currency", "to", "path"),
    [
        (0, "EUR", "x", "amount_minor"),
        (-5, "EUR", "x", "amount_minor"),
        (True, "EUR", "x", "amount_minor"),
        (1.5, "EUR", "x", "amount_minor"),
        (1, "euro", "x", "currency"),
        (1, "EUR", " ", "to"),
    ],
)
def test_money_that_cannot_be_meant_is_refused(amount: int, currency: str, to: str, path: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        money(amount, currency, to=to)
    assert path == refused.value.path


def test_recipients_are_counted_once_and_strangers_are_named() -> None:
    people = [
        "ana@example.org",
        "Bo <bo@Mail.Example.org>",
        "ana@example.org",
        "eve@example.org.evil",
        "nobody",
    ]
    seen = message(people, "one\ntwo", own_domains=["example.org"], subject="Hello")
    assert MessageFacts(4, 2, ("", "example.org", "example.org.evil", "mail.example.org"), 7) == seen.facts
    assert seen.sentence.startswith("Send 1 message “Hello” to 4 recipients (ana@example.org, ")
    assert seen.sentence.endswith(" and 1 more), 2 outside example.org")
    assert seen.blast_radius.endswith("2 of them outside: eve@example.org.evil, nobody")


def test_a_long_message_is_shown_by_its_first_lines_and_a_count() -> None:
    seen = message(["a@b"], "\n".join(str(n) for n in range(20)), own_domains=[])
    assert [*(str(n) for n in range(12)), "… 8 more lines of 20"] == seen.diff.splitlines()
    assert "a@b" == seen.target


@pytest.mark.parametrize("recipients", [[], [" "], "ana@example.org"])
def test_a_message_to_nobody_is_refused(recipients: list[str]) -> None:
    with pytest.raises(InvalidInput):
        message(recipients, "text", own_domains=["example.org"])


GIT = """\
diff --git a/src/a.py b/src/a.py
--- a/src/a.py
+++ b/src/a.py
@@ -1,2 +1,3 @@
 keep
--- this was a comment
+++ and this is one
+é
diff --git a/old.txt b/old.txt
deleted file mode 100644
--- a/old.txt
+++ /dev/null
@@ -1 +0,0 @@
-gone
\\ No newline at end of file
diff --git a/one b/two
rename from one
rename to two
Binary files a/logo.png and b/logo.png differ
"""


def test_a_diff_is_counted_by_its_hunks_and_not_by_its_first_letters() -> None:
    facts = files(GIT, place="shop", verb="Commit").facts
    assert isinstance(facts, FileFacts)
    assert ("src/a.py", "old.txt", "two", "logo.png") == facts.paths
    assert (2, 2) == (facts.lines_added, facts.lines_removed)
    assert (len("++ and this is one\né\n".encode()), len("-- this was a comment\ngone\n")) == (
        facts.bytes_added,
        facts.bytes_removed,
    )


lines = st.lists(
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Zl", "Zp"))), max_size=12
)


@given(lines, lines)
def test_what_is_counted_is_what_a_diff_adds_and_removes(old: list[str], new: list[str]) -> None:
    diff = list(unified_diff(old, new, "a/x", "b/x", lineterm=""))
    if not diff:
        with pytest.raises(InvalidInput):
            files("", place="here")
        return
    body = [line for line in diff[2:] if not line.startswith("@@ -")]
    facts = files("\n".join(diff), place="here").facts
    assert isinstance(facts, FileFacts)
    assert 1 == facts.files
    assert len(new) - len(old) == facts.lines_added - facts.lines_removed
    assert facts.lines_added <= len([line for line in body if line.startswith("+")])


@pytest.mark.parametrize(
    "seen", [money(1, "EUR", to="x"), message(["a@b"], "", own_domains=[]), files(GIT, place="shop")]
)
def test_facts_are_kept_by_their_names(seen: object) -> None:
    assert b'"facts":{' in preview_body(seen)  # type: ignore[arg-type]


def test_policy_can_name_the_facts_of_every_effect_that_comes_ready_made() -> None:
    folder, service = Folder("/nowhere/site"), Service("https://x.example")

    @effect("money.pay")
    async def pay(cents: int) -> None: ...

    @pay.preview
    def _(cents: int) -> Preview[MoneyFacts]:
        return money(cents, "EUR", to="DE02")

    made = [
        folder.writing("file.write"),
        folder.deleting("file.delete"),
        folder.moving("file.move"),
        service.effect("order.place", "POST"),
        pay,
    ]

    @contract(steps=made, on_failure="hold")
    async def everything() -> None: ...

    schemas, untyped = read_effects([everything])
    assert ({one.kind for one in made}, []) == (set(schemas), untyped)
    assert {"method", "host", "path", "bytes"} == set(schemas["order.place"]["properties"])
    assert {"path", "exists", "bytes_before", "bytes_after"} == set(schemas["file.write"]["properties"])
