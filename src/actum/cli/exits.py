"""Exit codes, and the one sentence that every refusal becomes."""

from __future__ import annotations

import enum

from actum.errors import (
    ActumError,
    DatabaseUnavailable,
    InvalidContract,
    InvalidInput,
    InvalidSettings,
    NotApproved,
    NotEntitled,
    NotFound,
)


class Exit(enum.IntEnum):
    """What the exit code of a command says."""

    FINE = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    NEEDS_PERSON = 5
    NO_DATABASE = 6
    INTERRUPTED = 130


MEANINGS = {
    Exit.FINE: "fine",
    Exit.FAILED: "failed: the workflow, the check, or what was asked is not possible now",
    Exit.USAGE: "usage: an argument, an input, a setting or a contract that cannot be meant",
    Exit.NOT_FOUND: "there is no such workflow, approval, module or contract",
    Exit.REFUSED: "refused by policy, or by the rights of this account",
    Exit.NEEDS_PERSON: "only a person can move the workflow (with `--until-person`)",
    Exit.NO_DATABASE: "no database answers",
    Exit.INTERRUPTED: "interrupted from the keyboard",
}

_CODES: tuple[tuple[type[ActumError], Exit], ...] = (
    (NotFound, Exit.NOT_FOUND),
    (NotEntitled, Exit.REFUSED),
    (NotApproved, Exit.REFUSED),
    (InvalidInput, Exit.USAGE),
    (InvalidSettings, Exit.USAGE),
    (InvalidContract, Exit.USAGE),
    (DatabaseUnavailable, Exit.NO_DATABASE),
)

NO_PRIVILEGE = "42501"
"""The SQLSTATE with which Postgres refuses what an account may not do."""


def code_of(error: ActumError) -> Exit:
    """Return the exit code of a refusal or failure."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), Exit.FAILED)


def explain(error: Exception) -> tuple[str, Exit]:
    """Return the sentence for any exception, and its exit code."""
    if isinstance(error, ActumError):
        return str(error), code_of(error)
    if isinstance(error, OSError) and error.strerror:
        where = f" ({error.filename})" if error.filename else ""
        return (
            f"this machine refused: {error.strerror}{where}; make room, or see to its rights",
            Exit.FAILED,
        )
    state = getattr(error, "sqlstate", None)
    if state == NO_PRIVILEGE:
        return f"the database does not allow this to the account of ACTUM_DATABASE_URL: {error}", Exit.REFUSED
    if state is not None:
        return f"the database refused a statement ({state}): {error}; see `actum doctor`", Exit.FAILED
    return (
        f"{type(error).__name__}: {error}; this is a fault of Actum, and `actum --debug …` shows where",
        Exit.FAILED,
    )
