"""The command line signs in with ACTUM_TOKEN, everywhere, and names nobody else beside it."""

from __future__ import annotations

from commanding import Actum


def made(own: Actum, name: str, *roles: str) -> str:
    """Make an account, and return its token."""
    own.fine("account", "add", name, *(word for role in roles for word in ("--role", role)))
    line = own.fine("account", "token", name, "--label", "laptop").out.splitlines()[-1]
    return line.removeprefix("export ACTUM_TOKEN=")


def test_commands_act_as_the_account_of_the_token(own: Actum) -> None:
    root, ana = made(own, "root", "admin"), made(own, "ana", "approver")
    assert "service:lint has an account" in own("account", "add", "service:lint", ACTUM_TOKEN=root).out
    done = own("account", "add", "service:other", ACTUM_TOKEN=ana)
    assert (4, 1) == (done.code, len(done.err.splitlines()))
    assert "user:ana is no admin" in done.err
    begun = own("start", "flows:greet", "--input", '{"name": "a"}', "--json", ACTUM_TOKEN=ana).json["name"]
    assert "user:ana" in own("show", begun, ACTUM_TOKEN=ana).out
    assert {"user:root", "user:ana"} == {
        one["identity"]
        for one in own.fine("account", "list", "--json").json["tokens"]
        if one["last_used_at"] is not None
    }


def test_a_token_that_is_not_good_and_an_identity_beside_it_are_refused(own: Actum) -> None:
    root = made(own, "root", "admin")
    for arguments, token, code, said in (
        (["inbox"], "actum_" + "x" * 43, 4, "is not good"),
        (["inbox"], root[:-1], 2, "ACTUM_TOKEN is no token"),
        (["cancel", "1234abcd", "--as", "reviewer"], root, 2, "name two actors"),
    ):
        done = own(*arguments, ACTUM_TOKEN=token)
        assert (code, 1) == (done.code, len(done.err.splitlines())), done.err
        assert said in done.err
        assert token not in done.err
