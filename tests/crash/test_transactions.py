"""Transactional effects under SIGKILL and lost replies, here and in another database: rows and outcome, or neither."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest
from crash_contracts import BILLS, CONTRACTS
from crash_processes import Nursery, Server
from crash_proxy import Cut, Proxy
from crash_trial import MakePlace, Person, Place, Trial

from actum import Worker
from actum.settings import Settings
from actum.store.transactions import Transaction

commit = Transaction.commit
PURCHASED = ["order of {0}", "staged", "bill of {0}"]


class Shop:
    """A place with a table of orders in the engine's database, and one of bills in another."""

    def __init__(self, place: Place, bills: str) -> None:
        self.place = place
        self.bills = bills

    @classmethod
    async def open(cls, make_place: MakePlace, server: Server, name: str) -> Shop:
        place, bills = await make_place(name), await server.databases.create()
        (place.folder / BILLS).write_text(bills)
        for dsn, table in ((place.dsn, "orders"), (bills, "bills")):
            connection = await asyncpg.connect(dsn)
            await connection.execute(f"create table {table} (name text)")
            await connection.close()
        return cls(place, bills)

    async def rows(self, table: str, name: str) -> list[str]:
        """Return what a table holds about one workflow; there is no constraint, so that doubles would be seen."""
        connection = await asyncpg.connect(self.bills if table == "bills" else self.place.dsn)
        rows = await connection.fetch(f"select name from {table} where name like '%' || $1", name)  # noqa: S608
        await connection.close()
        return sorted(row["name"] for row in rows)

    async def check(self, contract: str, name: str, result: Any) -> None:
        if contract == "purchase":
            expected, rows = [part.format(name) for part in PURCHASED], [name]
        else:
            expected, rows = "rolled_back", [name, f"undo {name}"]
        assert (expected, rows, rows) == (
            result,
            await self.rows("orders", name),
            await self.rows("bills", name),
        )


async def sweep(shop: Shop, nursery: Nursery, contract: str, at: str, when: str) -> int:
    """Kill at boundary 1, 2, 3 … until a workflow ends before its kill; return how many kills there were."""
    number = 0
    while True:
        number += 1
        name = f"{at}-{when}-{number}!"
        trial = Trial(shop.place, nursery, contract, name)
        serving = [contract, "regretted"] if contract == "regret" else [contract]
        result = await trial.run(serving=serving, at=at, number=number, when=when)
        await shop.check(contract, name, result)
        trial.check_attempts()
        if trial.kills == 0:
            return number - 1


@pytest.mark.parametrize("contract", ["purchase", "regret"])
@pytest.mark.parametrize("at", ["flush", "commit"])
async def test_killed_at_every_flush_and_commit_rows_and_outcome_agree(
    make_place: MakePlace, server: Server, nursery: Nursery, contract: str, at: str
) -> None:
    before = await Shop.open(make_place, server, "before")
    after = await Shop.open(make_place, server, "after")
    counts = await asyncio.gather(
        sweep(before, nursery, contract, at, "before"), sweep(after, nursery, contract, at, "after")
    )
    assert min(counts) >= {"flush": 6, "commit": 3}[at], counts
    await before.place.audit()
    await after.place.audit()


def cut_at(proxy: Proxy, number: int, what: Cut, seen: list[int]) -> Callable[..., Any]:
    """Return a `commit` whose call `number` loses its request or its reply."""

    async def cutting(self: Transaction) -> None:
        seen.append(len(seen) + 1)
        if len(seen) == number:
            proxy.cut(self.connection._transport.get_extra_info("sockname")[1], what)
        await commit(self)

    return cutting


async def run_once(shop: Shop, own: Proxy, contract: str, name: str) -> Any:
    """Run one workflow to its end, on a worker of this process behind the proxy."""
    handle = await shop.place.requester.start(CONTRACTS[contract](name))
    attending = asyncio.create_task(Person(shop.place, handle).attend())
    try:
        serving = [CONTRACTS[contract], CONTRACTS["regretted"]]
        async with Worker(serving, name=name, settings=Settings(database_url=own.dsn), grace=0.0):
            return await handle.result(30)
    finally:
        attending.cancel()


@pytest.mark.parametrize("what", ["request", "reply"])
@pytest.mark.parametrize("contract", ["purchase", "regret"])
async def test_cut_at_every_commit_rows_and_outcome_agree(
    make_place: MakePlace, server: Server, monkeypatch: pytest.MonkeyPatch, contract: str, what: Cut
) -> None:
    shop = await Shop.open(make_place, server, "shop")
    with Proxy(shop.place.dsn) as own, Proxy(shop.bills) as other:
        monkeypatch.setenv(BILLS, other.dsn)
        for number in range(1, 100):
            seen: list[int] = []
            proxies = _Both(own, other)
            monkeypatch.setattr(Transaction, "commit", cut_at(proxies, number, what, seen))  # type: ignore[arg-type]
            name = f"{what}-{number}!"
            await shop.check(contract, name, await run_once(shop, own, contract, name))
            if len(seen) < number:
                break
    assert number > 3
    await shop.place.audit()


class _Both:
    """Two proxies, of which the one that the connection goes through cuts it."""

    def __init__(self, *proxies: Proxy) -> None:
        self._proxies = proxies

    def cut(self, port: int, what: Cut) -> None:
        for proxy in self._proxies:
            proxy.cut(port, what)


async def test_under_a_storm_of_cuts_every_row_is_there_once(
    make_place: MakePlace, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(11)
    shop = await Shop.open(make_place, server, "storm")
    names = [f"w{number}!" for number in range(40)]
    handles = await shop.place.requester.start_many([CONTRACTS["purchase"](name) for name in names])
    attending = [asyncio.create_task(Person(shop.place, handle).attend()) for handle in handles]
    with Proxy(shop.place.dsn) as own, Proxy(shop.bills) as other:
        monkeypatch.setenv(BILLS, other.dsn)
        settings = Settings(database_url=own.dsn)
        async with Worker([CONTRACTS["purchase"]], name="storm", settings=settings, grace=0.0):
            ending = asyncio.gather(*(handle.result(60) for handle in handles))
            while not ending.done():
                if own.cuts + other.cuts < 40:
                    chance.choice((own, other)).cut_any(chance)
                await asyncio.wait({ending}, timeout=0.02)
            for name, result in zip(names, await ending, strict=True):
                await shop.check("purchase", name, result)
    assert own.cuts + other.cuts > 3
    for one in attending:
        one.cancel()
    await shop.place.audit()
