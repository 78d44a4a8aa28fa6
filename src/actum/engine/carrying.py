"""Runs a body inside a transaction: of the engine's database, to be committed with its record, or of another one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from actum.authoring.transaction import CURRENT_TRANSACTION
from actum.engine.attempts import Tried
from actum.store.keys import Claim, Done, OperationKeys
from actum.store.transactions import Transaction

Body: TypeAlias = Callable[..., Awaitable[Any]]


class Carried:
    """A body's run inside a transaction of the engine's database; `transaction` is open once it has returned."""

    def __init__(self, begin: Callable[[], Awaitable[Transaction]], body: Body) -> None:
        self._begin = begin
        self._body = body
        self.transaction: Transaction | None = None

    async def run(self, *args: Any, **kwargs: Any) -> Any:
        """Begin, run the body, and leave the transaction open; rolled back where the body does not return."""
        transaction = await self._begin()
        CURRENT_TRANSACTION.set(transaction)
        try:
            value = await self._body(*args, **kwargs)
        except BaseException:
            await transaction.roll_back()
            raise
        self.transaction = transaction
        return value

    def refusal(self, why: str) -> BaseException:
        """Return why the transaction is not there, once it certainly is not: the server's word, else `why`."""
        error = self.transaction.error if self.transaction is not None else None
        return error or RuntimeError(why)

    def leave(self) -> None:
        """Give up what is open: the server rolls back."""
        if self.transaction is not None:
            self.transaction.abandon()


async def run_elsewhere(
    keys: OperationKeys,
    claim: Claim,
    body: Callable[[], Awaitable[Any]],
    encode: Callable[[object], bytes],
    set_uncertain: Callable[[bool], None],
) -> bytes:
    """Claim, run the body, complete the key and commit, all in another database; return the encoded result.

    `set_uncertain` is told False once the claim is answered (nothing before it happened, unless it is found done) and
    True when the commit is under way: whoever has no answer then must claim again. Raises what the body raises.
    """
    begun = await keys.begin(claim)
    set_uncertain(False)
    if isinstance(begun, Done):
        return begun.result
    CURRENT_TRANSACTION.set(begun)
    try:
        result = encode(await body())
        await keys.complete(begun, claim, result)
        set_uncertain(True)
        await begun.commit()
    except BaseException:
        await begun.roll_back()
        raise
    return result


def error_of(tried: Tried, name: str) -> BaseException:
    """Return why an attempt did not happen: its time-out, or what it raised."""
    if tried.limit is not None:
        return TimeoutError(
            f"{name} was given up: its {tried.limit.removeprefix('timeout.')} time-out had passed"
        )
    return tried.error or RuntimeError("it ended without a word")
