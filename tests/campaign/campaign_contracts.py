"""Workflows drawn from a seed, and the effects that they have on the lying service.

There is one effect for each way out of doubt and each kind of reverse. A workflow's input is its plan, a list of words
that its body carries out; so every workflow is another one, and all are served by the same code.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from pathlib import Path
from typing import Any

from actum import Happened, NotDone, NotHappened, Retry, RollBack, attempt, contract, effect, step
from actum.authoring.contract import AnyStep
from actum.authoring.effect import Effect

FOLDER = "ACTUM_TEST_CRASH"
"""The environment variable that names the folder of a test's files."""
PORT = "port"
"""The file in it that names the service's port."""
TIMEOUTS = {"repeat": 0.4, "probe": 0.6, "ask": 0.8}
"""Seconds that an attempt may take, for each way out of doubt."""
SETTLE_AFTER = 0.2
WAYS, REVERSES = ("repeat", "probe", "ask"), ("undoable", "compensable", "final")


# the other side


async def request(verb: str, kind: str, key: str) -> dict[str, Any]:
    """Ask the service for something; NotDone is raised only where it certainly was not done."""
    deadline = attempt().deadline
    until = deadline.timestamp() if deadline else time.time() + TIMEOUTS[kind.split(".")[0]]
    body = json.dumps({"verb": verb, "kind": kind, "key": key, "until": until}).encode()
    port = int((Path(os.environ[FOLDER]) / PORT).read_text())
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError as error:
        raise NotDone("the service is away") from error
    try:
        writer.write(b"POST / HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        answer: dict[str, Any] = json.loads(await reader.readexactly(length))
    except asyncio.IncompleteReadError as error:
        raise ConnectionError("the line broke") from error
    finally:
        writer.transport.abort()
    if b" 503 " in head.split(b"\r\n")[0]:
        raise NotDone("the service refused")
    return answer


def make_effect(way: str, reverse: str) -> Effect[..., Any]:
    """Make the effect of one way out of doubt and one kind of reverse."""
    kind = f"{way}.{reverse}"

    @effect(
        kind,
        in_doubt="repeat" if way == "repeat" else "ask",
        timeout=f"{int(TIMEOUTS[way] * 1000)}ms",
        settle_after=f"{int(SETTLE_AFTER * 1000)}ms",
        retry=Retry(attempts=8, first="50ms", longest="1s"),
        name=f"{way}_{reverse}",
    )
    async def act(key: str) -> str:
        answer = await request("act", kind, attempt().key or "")
        return str(answer["result"])

    @act.key
    def _(key: str) -> str:
        return key

    if way == "probe":

        @act.probe
        async def _(key: str) -> Happened[str] | NotHappened:
            outside = attempt().key or ""
            answer = await request("probe", kind, outside)
            return Happened(f"{kind} {outside}") if answer["stands"] else NotHappened()

    if reverse != "final":

        async def back(result: str, key: str) -> None:
            await request("undo", kind, attempt().key or "")

        (act.undo if reverse == "undoable" else act.compensate)(back)
    return act


EFFECTS = {f"{way}.{reverse}": make_effect(way, reverse) for way in WAYS for reverse in REVERSES}


# workflows


@step
async def think(name: str, number: int) -> str:
    await asyncio.sleep(0)
    return f"thought {number}"


@step(retry=Retry(attempts=1))
async def check(name: str, verdict: str) -> str:
    if verdict != "good":
        raise ValueError(f"{name} is not usable")
    return verdict


async def carry_out(name: str, plan: list[list[str]]) -> list[str]:
    """Do what the plan says, line by line; the calls of one line at the same time."""
    results: list[str] = []
    for number, line in enumerate(plan):
        match line:
            case ["think"]:
                results.append(await think(name, number))
            case ["check", verdict]:
                results.append(await check(name, verdict))
            case ["raise"]:
                raise RollBack("it is not what was wanted")
            case ["wait"]:
                await asyncio.sleep(0.3)
            case ["child", text]:
                results += await piece(f"{name}/{number}", json.loads(text))
            case ["effects", *pairs]:
                calls = [EFFECTS[kind](key) for kind, _, key in (pair.partition(" ") for pair in pairs)]
                results += await asyncio.gather(*calls)
    return results


STEPS: tuple[AnyStep, ...] = (think, check, *EFFECTS.values())


@contract(on_failure="rollback", steps=STEPS)
async def piece(name: str, plan: list[list[str]]) -> list[str]:
    return await carry_out(name, plan)


@contract(on_failure="rollback", steps=(*STEPS, piece))
async def whole(name: str, plan: list[list[str]]) -> list[str]:
    return await carry_out(name, plan)


CONTRACTS: dict[str, Any] = {"whole": whole, "piece": piece}


def draw_plan(seed: str, number: int) -> list[list[str]]:
    """Draw the plan of one workflow: one to four effects, steps between them, perhaps a child, perhaps a bad end."""
    chance = random.Random(f"{seed}/plan/{number}")
    lines: list[list[str]] = []
    left = chance.randint(1, 4)
    while left:
        count = 2 if left > 1 and chance.random() < 0.15 else 1
        left -= count
        pairs = ["effects", *(draw_call(chance, number, left + one) for one in range(count))]
        lines.append(["child", json.dumps([pairs, ["think"]])] if chance.random() < 0.1 else pairs)
        if chance.random() < 0.5:
            lines.append(["think"])
        if chance.random() < 0.1:
            lines.append(["wait"])
    end = chance.random()
    lines.append(["check", "bad"] if end < 0.15 else ["raise"] if end < 0.25 else ["check", "good"])
    return lines


def draw_call(chance: random.Random, number: int, place: int) -> str:
    """Draw one effect and its key: mostly one of its own, sometimes one that it has in common with its neighbours."""
    kind = f"{chance.choice(WAYS)}.{chance.choice(REVERSES)}"
    if chance.random() < 0.1:
        return f"{kind} common/{number // 4}/{place}/{kind}"
    return f"{kind} own/{number}/{place}"
