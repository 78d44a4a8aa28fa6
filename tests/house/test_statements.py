"""Statements live in files, each is used by one method, each is good against the real schema, and each scales out."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from functools import cache
from importlib import resources

from sources import modules, texts

from actum.store.statements import Statement, load, topics
from actum.testing.harness import Harness

EVERY = [statement for topic in topics() for statement in load(topic).values()]
NAMES = [f"{one.topic}.{one.name}" for one in EVERY]

VOLATILE = {
    "records.append_with_intents": {"clock_timestamp"},  # the expiry of an approval, judged after its lock
    "records.append_with_first_intents": {"clock_timestamp"},
    "approvals.decide": {"decide_approval"},  # called once, as the source of its rows; so are all that follow
    "approvals.decide_many": {"decide_approvals"},
    "approvals.revoke": {"revoke_approval"},
    "approvals.hand_over": {"hand_over_approval"},
    "approvals.inquire": {"inquire"},
    "approvals.answer_inquiry": {"answer_inquiry"},
    "approvals.expire": {"expire_approvals"},
    "approvals.place_alone": {"settle_prompt"},
    "batches.join": {"join_batch"},
    "batches.show": {"show_batch"},
    "batches.sift": {"sift_batch"},
    "budgets.reserve": {"reserve_budgets"},
    "budgets.reserve_prompt": {"reserve_prompt"},
    "budgets.prune": {"prune_budgets"},
    "budgets.settle": {"settle_budgets"},
    "budgets.settle_left": {"settle_left_budgets"},
    "incidents.prune": {"prune_incidents"},
    "grants.use": {"use_grant"},
    "grants.reserve": {"reserve"},
    "rollups.summarize": {"summarize_events"},
    "policies.activate": {"activate_policy"},
    "policies.shadow": {"shadow_policy"},
    "contracts.register": {"register_contract"},
    "database.make_weeks": {"make_weeks"},
    "database.notify": {"pg_notify"},
    "database.describe": {"pg_database_size", "pg_is_in_recovery"},
    "migrations.lock": {"pg_advisory_xact_lock"},
}
TWICE = {"migrations.lock"}  # before the list exists, and before each migration
BEFORE_ANY_DRIVER = {"store/embedded.py"}  # asked through psql, while the server starts


def texts_of(topic: str) -> str:
    return resources.files("actum.store").joinpath("sql", f"{topic}.sql").read_text("utf-8")


def test_a_name_stands_once_in_its_file() -> None:
    for topic in topics():
        names = re.findall(r"^-- name: (\w+)$", texts_of(topic), re.MULTILINE)
        assert sorted(set(names)) == sorted(names)


def test_the_shorter_of_two_statements_has_nothing_of_its_own() -> None:
    statements = load("records")
    whole, shorter = (
        statements[name].text.splitlines() for name in ("append_with_intents", "append_with_first_intents")
    )
    without_numbers = [[re.sub(r"\$\d+", "$", line) for line in lines] for lines in (whole, shorter)]
    rest = iter(without_numbers[0])
    assert all(line in rest for line in without_numbers[1])  # in the same order
    assert len(shorter) < len(whole) - 100
    assert not [line for lines in (whole, shorter) for line in lines if line.startswith("--")]


def test_each_statement_says_what_it_does_and_who_calls_it() -> None:
    for topic in topics():
        for piece in re.split(r"^-- name: ", texts_of(topic), flags=re.MULTILINE)[1:]:
            name, first, *_ = piece.splitlines()
            assert re.match(r"-- [A-Z].*\. Called (by|after|when)\b.*\.$", first), f"{topic}.{name}: {first}"


async def test_each_statement_is_good_against_the_real_schema(actum: Harness) -> None:
    wrong = {}
    async with actum.store.pool.connection() as connection:
        await connection.execute(load("keys")["make_table"].text)  # of other databases only
        for statement in EVERY:
            try:
                prepared = await connection.prepare(statement.text)
            except Exception as error:
                wrong[f"{statement.topic}.{statement.name}"] = str(error)
            else:
                assert len(statement.arguments) == len(prepared.get_parameters())
    assert {} == wrong


@cache
def users() -> dict[str, list[str]]:
    """Return, for each statement, the functions of the store that run it."""
    found: dict[str, list[str]] = {name: [] for name in NAMES}
    for module in modules():
        for function in module.functions:
            for name in _statements_of(function):
                found.setdefault(name, []).append(f"{module.place}:{function.name}")
    return found


def _statements_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    nodes = list(ast.walk(function))
    words = {node.value for node in nodes if isinstance(node, ast.Constant)}
    used = set()
    for node in nodes:
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        given = [arg.value if isinstance(arg, ast.Constant) else None for arg in node.args]
        if node.func.attr == "statement" and len(given) == 2 and given[0]:
            topic, name = given
        elif node.func.attr == "_named" and len(given) == 1:
            topic, name = "workflows", given[0]
        else:
            continue
        names = [name] if name else [one.name for one in EVERY if one.topic == topic and one.name in words]
        used |= {f"{topic}.{one}" for one in names}
    return used


def test_each_statement_is_used_by_one_method() -> None:
    wrong = {name: by for name, by in users().items() if len(by) != 1 and name not in TWICE}
    assert {} == wrong
    assert [] == sorted({by for used in users().values() for by in used if not by.startswith("store/")})


def test_no_sql_is_written_in_python() -> None:
    begins = re.compile(
        r"\s*(select\s+[\w*(]|insert\s+into\s|update\s+\w+\.\w+\s|delete\s+from\s|with\s+\w+\s+as\s*\(|truncate\s"
        r"|(create|alter|drop)\s+(table|database|schema|index|role|function)\s|listen\s+\w+$|set\s+(local|session|role)\s)",
        re.IGNORECASE,
    )
    assert [] == [
        f"{module.place}:{line}: {text[:60]!r}"
        for module in modules()
        if module.place not in BEFORE_ANY_DRIVER
        for text, line in texts(module)
        if begins.match(text)
    ]


# The rules of scale: with them schemas spread over the nodes of a cluster without a change of code.


def _found(look: Callable[[Statement], object]) -> dict[str, object]:
    """Return what `look` finds wrong, by the name of the statement."""
    return {f"{one.topic}.{one.name}": wrong for one in EVERY if (wrong := look(one))}


def test_a_statement_stays_in_its_schema() -> None:
    named = re.compile(r"\b(?:from|join|into|update|exists)\s+(?!actum\.)\w+\.\w+")
    assert {} == _found(lambda one: named.findall(one.text))
    schemas = re.compile(r"\b(?:public|pg_catalog|information_schema)\.")
    assert {} == _found(lambda one: schemas.findall(one.text))


def test_a_statement_leaves_nothing_behind_on_its_connection() -> None:
    begins = re.compile(r"(?:select|insert|update|delete|with)\s")
    creates = {
        f"{topic}.{name}" for topic in ("keys", "migrations") for name in ("make_schema", "make_table")
    }
    assert creates == set(_found(lambda one: not begins.match(one.text)))
    session = re.compile(r"\b(?:pg_advisory_lock|set_config|listen|unlisten|declare|prepare)\b")
    assert {} == _found(lambda one: session.findall(one.text))


def test_every_argument_says_its_type() -> None:
    assert {} == _found(lambda one: re.findall(r"\$\d+(?!::|\d)", one.text))


def test_rows_are_locked_inside_an_array_or_a_materialized_part() -> None:
    """Elsewhere the planner may run the locking part once more for each row, and lock more than it updates."""
    assert {} == _found(_loose_locks)


def _loose_locks(statement: Statement) -> list[int]:
    """Return where in a statement rows are locked outside of both."""
    opened: list[str] = []
    loose: list[int] = []
    for match in re.finditer(r"(any\(array\(|materialized \(|\(|\)|\bfor update\b)", statement.text):
        word = match.group()
        if word == ")":
            opened.pop()
        elif word != "for update":
            opened += [word] * (2 if word == "any(array(" else 1)
        elif not {"any(array(", "materialized ("} & set(opened):
            loose.append(match.start())
    return loose


async def test_no_volatile_function_but_the_documented_ones(actum: Harness) -> None:
    async with actum.store.pool.connection() as connection:
        rows = await connection.fetch("select distinct proname from pg_proc where provolatile = 'v'")
    volatile = {row["proname"] for row in rows}
    found = {}
    for statement in EVERY:
        called = set(re.findall(r"\b([a-z_]\w*)\s*\(", statement.text)) & volatile
        if called:
            found[f"{statement.topic}.{statement.name}"] = called
    assert VOLATILE == found


async def test_triggers_only_guard_what_must_not_change(actum_dsn: str, actum: Harness) -> None:
    async with actum.store.pool.connection() as connection:
        rows = await connection.fetch(
            "select t.tgname from pg_trigger t join pg_class c on c.oid = t.tgrelid"
            " where c.relnamespace = 'actum'::regnamespace and not t.tgisinternal"
        )
    guards = {
        "append_only",
        "only_by_deciding",
        "count_starter",
        "give_back",
    }  # a starter does not decide their own, and what an approval took goes back with it
    of_tests = {"referee", "referee_born", "referee_edits"}
    assert guards | of_tests == {row["tgname"] for row in rows}
