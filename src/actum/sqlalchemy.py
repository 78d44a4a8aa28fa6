"""For transactional effects written with SQLAlchemy: a session in the transaction that carries the outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actum.authoring.transaction import current_transaction

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

__all__ = ["session"]


def session() -> AsyncSession:
    """Return the session of the running transactional effect; the same one each time within one attempt.

    It is flushed when the body returns, and what it wrote commits together with the effect's outcome, or not at all;
    its own `commit()` ends no more than a savepoint. Raises OutsideWorkflow anywhere but in the body or the undo of a
    transactional effect, and InvalidSettings where SQLAlchemy is not installed.
    """
    found: AsyncSession = current_transaction().session()
    return found
