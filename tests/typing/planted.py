"""Mistakes planted on purpose: each line marked `# mistake` must be reported by both checkers, and no other line."""

from actum import (
    Happened,
    NotHappened,
    Owner,
    Preview,
    Signal,
    Unusable,
    Usable,
    contract,
    effect,
    request_approval,
    step,
)


@step
async def double(number: int) -> int:
    return number * 2


@step(timeout="1m")
def label(number: int, text: str) -> str:
    return text * number


@effect("git.commit")
async def commit(number: int, text: str) -> bytes:
    return text.encode()


@commit.undo  # mistake
async def _(number: int, text: str) -> None:
    return None


@commit.undo  # mistake
async def _(result: str, number: int, text: str) -> None:
    return None


@commit.compensate  # mistake
async def _(result: bytes, number: int) -> None:
    return None


@commit.probe  # mistake
async def _(number: int, text: str) -> Happened[int] | NotHappened:
    return NotHappened()


@commit.probe  # mistake
async def _(number: int, text: str) -> bool:
    return True


@commit.key  # mistake
def _(number: int, text: str) -> int:
    return number


@commit.key  # mistake
async def _(number: int, text: str) -> str:
    return text


@commit.preview  # mistake
async def _(number: str, text: str) -> Preview:
    return Preview("commit")


@commit.preview  # mistake
async def _(number: int, text: str) -> str:
    return "commit"


@double.verdict  # mistake
async def _(number: int) -> Usable | Unusable:
    return Usable()


@label.verdict  # mistake
def _(result: str, number: int, text: str) -> bool:
    return True


@contract  # mistake
def plain(number: int) -> int:
    return number


@contract(owner="platform")  # mistake
async def without_owner(number: int) -> int:
    return number


@contract(on_failure="explode")  # mistake
async def without_way_out(number: int) -> int:
    return number


@contract(owner=Owner(team="platform"), on_failure="fail")
async def body(number: int) -> int:
    await double("one")  # mistake
    await label(1)  # mistake
    await label(1, text=2)  # mistake
    text: str = await double(number)  # mistake
    count: int = await label(1, "x")  # mistake
    await request_approval(number)  # mistake
    replied = Signal("replied", int)
    answer: str = await replied.wait()  # mistake
    return len(text) + count + len(answer)


body("one")  # mistake
other: str = body  # mistake
effect("mail.send", in_doubt="maybe")  # mistake
