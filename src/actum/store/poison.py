"""What the driver's errors mean to whoever writes records: send again, wait for the database, or never to be stored."""

from __future__ import annotations

import asyncpg

REPEAT = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
"""The statement lost against another one and can be sent again at once."""

PASSING = (
    asyncpg.TransactionRollbackError,
    asyncpg.OperatorInterventionError,
    asyncpg.LockNotAvailableError,
)
"""What a statement that reads, or may be repeated, was told and is not told a moment later: lost, cancelled, or locked."""

SAID_BY_SERVER = asyncpg.PostgresError
"""What a server that answers has said; `is_poison` tells whether about the record or about itself."""

_POISON_CLASSES = ("22", "54")
_POISON_CODES = ("23505", "23514")


def is_poison(error: BaseException) -> bool:
    """Whether `error` says that a record can never be written: the closed list. Everything else is the database's."""
    code = getattr(error, "sqlstate", None) or ""
    if code in _POISON_CODES:
        return bool(getattr(error, "constraint_name", None))
    return code[:2] in _POISON_CLASSES or isinstance(error, asyncpg.DataError)
