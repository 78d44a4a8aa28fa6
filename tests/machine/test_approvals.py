"""The table of approvals, and who may decide one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import product

import pytest

from actum.machine.approvals import (
    BORN,
    TABLE,
    ApprovalState,
    Entitled,
    Entitlement,
    NotEntitled,
    Standing,
    may_decide,
    move,
)
from actum.machine.transitions import IllegalTransition

A = ApprovalState
LEGAL = [
    "pending approved",
    "pending rejected",
    "pending expired",
    "pending withdrawn",
    "pending superseded",
    "approved used",
    "approved stale",
    "approved revoked",
    "approved expired",
]


def asked(
    person: str,
    approvers: Sequence[str],
    *,
    groups: Collection[str] = (),
    requester: str | None = "user:rea",
    authors: tuple[str, ...] = ("user:otto",),
    standing: Standing = Standing.ACTIVE,
) -> Entitlement:
    return may_decide(
        person, requester=requester, authors=authors, approvers=approvers, groups=groups, standing=standing
    )


def test_a_move_is_made_if_it_is_designed_and_raises_otherwise() -> None:
    for state, after in product(A, A):
        if f"{state} {after}" in LEGAL:
            assert after is move(state, after)
        else:
            with pytest.raises(IllegalTransition, match=f"is {state} cannot become {after}"):
                move(state, after)


def test_only_pending_and_approved_have_anything_after_them() -> None:
    assert {A.PENDING, A.APPROVED} == {state for state, row in TABLE.items() if row}


@pytest.mark.parametrize("state", [state for state in A if state is not A.PENDING])
def test_an_approval_is_born_pending_and_in_no_other_state(state: A) -> None:
    assert A.PENDING is move(None, A.PENDING) is BORN
    with pytest.raises(IllegalTransition):
        move(None, state)


@pytest.mark.parametrize("person", ["user:ana", "ana", " ana "])
def test_a_named_person_may_decide(person: str) -> None:
    assert Entitled("user:ana") == asked(person, ["group:dba", "user:ana"])


def test_a_named_service_may_decide_and_is_not_the_user_of_that_name() -> None:
    assert Entitled("service:lint") == asked("service:lint", ["service:lint"])
    assert isinstance(asked("user:lint", ["service:lint"]), NotEntitled)


@pytest.mark.parametrize(
    ("entry", "groups"),
    [("group:dba", {"group:dba"}), ("group:DBA", {"group:dba"}), ("team:web", ["team:web"])],
)
def test_a_member_may_decide_through_the_group(entry: str, groups: Collection[str]) -> None:
    assert Entitled(entry) == asked("ana", ["user:bo", entry], groups=groups)


@pytest.mark.parametrize(
    ("entry", "groups"),
    [
        ("group:dba", ()),
        ("group:dba", {"team:dba"}),
        ("group:dba", {"group:db"}),
        ("group:", {""}),
        ("group:", {"group:"}),
        ("user:dba", {"group:dba"}),
        ("dba", {"group:dba"}),
    ],
)
def test_nobody_decides_through_a_group_that_is_not_theirs(entry: str, groups: Collection[str]) -> None:
    assert isinstance(asked("ana", [entry], groups=groups), NotEntitled)


@pytest.mark.parametrize("person", ["user:rea", "rea", "user:REA", "USER:Rea", "user: rea"])
def test_the_requester_is_refused_even_when_named(person: str) -> None:
    word = asked(person, ["user:rea", "group:all", "user:ana"], groups={"group:all"})
    assert isinstance(word, NotEntitled)
    assert "requested this" in word.why
    assert "user:ana" in word.why


def test_the_author_of_the_contract_is_refused_even_when_named() -> None:
    word = asked("otto", ["user:otto"])
    assert isinstance(word, NotEntitled)
    assert "wrote this" in word.why


@pytest.mark.parametrize("requester", [None, "", "  "])
def test_without_a_requester_only_those_named_as_persons_decide(requester: str | None) -> None:
    assert Entitled("user:ana") == asked("ana", ["user:ana"], requester=requester)
    word = asked("ana", ["group:dba"], groups={"group:dba"}, requester=requester)
    assert isinstance(word, NotEntitled)
    assert "named as a person" in word.why


@pytest.mark.parametrize("person", ["", " ", "user:", "service: "])
def test_nobody_signed_in_decides_nothing(person: str) -> None:
    word = asked(person, ["user:", ""], requester=None)
    assert isinstance(word, NotEntitled)
    assert "sign in" in word.why


def test_a_group_is_not_a_person() -> None:
    word = asked("group:dba", ["group:dba"])
    assert isinstance(word, NotEntitled)
    assert "not a person" in word.why


def test_where_nobody_is_named_anybody_with_an_account_decides_but_requester_and_author() -> None:
    assert Entitled("anybody") == asked("ana", [])
    for other in ("rea", "otto"):
        assert isinstance(asked(other, []), NotEntitled)
    for standing in (Standing.STRANGER, Standing.ROLELESS, Standing.DISABLED):
        assert isinstance(asked("ana", [], standing=standing), NotEntitled)
    assert isinstance(asked("ana", [], requester=None), NotEntitled)


def test_without_any_account_anybody_decides_but_requester_and_author() -> None:
    assert Entitled("anybody") == asked("ana", ["group:dba"], standing=Standing.OPEN)
    for other in ("rea", "otto", "group:dba", ""):
        assert isinstance(asked(other, ["group:dba"], standing=Standing.OPEN), NotEntitled)


def test_a_stranger_decides_only_by_name_and_a_disabled_account_not_even_so() -> None:
    assert Entitled("user:ana") == asked("ana", ["user:ana"], standing=Standing.STRANGER)
    groups = {"group:dba"}
    assert isinstance(asked("ana", ["group:dba"], groups=groups, standing=Standing.STRANGER), NotEntitled)
    for standing in (Standing.DISABLED, Standing.ROLELESS):
        assert isinstance(asked("ana", ["user:ana"], standing=standing), NotEntitled)


def test_breaking_the_glass_entitles_everybody_but_requester_and_author() -> None:
    assert Entitled("break-glass") == asked("ana", ["group:dba"], standing=Standing.BREAK_GLASS)
    for other in ("rea", "otto"):
        assert isinstance(asked(other, ["group:dba"], standing=Standing.BREAK_GLASS), NotEntitled)


@pytest.mark.parametrize("never", [["user:ANA"], ["requester", "group:interns"]])
def test_whoever_is_kept_out_does_not_decide(never: Sequence[str]) -> None:
    word = may_decide(
        "ana", requester="rea", authors=(), approvers=["user:ana"], never=never, groups={"group:interns"}
    )
    assert isinstance(word, NotEntitled)
    assert "kept out" in word.why
