"""The author's world: what the outside looks like, put back before each run and looked at after it."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from actum.errors import InvalidInput, NotFound, NotPossible

FOLDER = "ACTUM_TEST_WORLD"
"""The environment variable that names the folder of a run to the process that works on it."""

_current: contextvars.ContextVar[Path | None] = contextvars.ContextVar("actum_world", default=None)
_was_asked: set[Path] = set()


def world_folder() -> Path:
    """Return a folder for one run alone, empty when `reset` is called: for worlds that are made of files.

    A world whose `reset` asks for it can be run several at a time. It is the same folder in steps, effects, probes and
    the functions of the world. Raises NotPossible outside `crash_everywhere`.
    """
    folder = _current.get()
    if folder is None and FOLDER in os.environ:
        folder = Path(os.environ[FOLDER])
    if folder is None:
        raise NotPossible(
            "world_folder() was asked for outside crash_everywhere: elsewhere, give the code its folder yourself"
        )
    _was_asked.add(folder)
    return folder


@dataclass(frozen=True, slots=True)
class Question:
    """What a workflow waits for, and only the world's `answer` can tell.

    `kind` is `question` (`text` is what is asked) or `signal` (`name` is the signal's).
    """

    kind: Literal["question", "signal"]
    contract: str
    name: str
    text: str = ""


class World:
    """A module with `reset()` and `observe()`, and perhaps `acted()` and `answer(question)`; plain or async."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.name = module.__name__
        for needed, about in (
            ("reset", "puts the outside back"),
            ("observe", "returns, as JSON, how it looks"),
        ):
            if not callable(getattr(module, needed, None)):
                raise InvalidInput(
                    f"the world {self.name} has no {needed}(): write a function {needed} there that {about}",
                    path="world",
                )

    @classmethod
    def find(cls, world: str | ModuleType) -> World:
        """Return the world of a module or of its dotted name; raises NotFound and InvalidInput."""
        if isinstance(world, ModuleType):
            return cls(world)
        try:
            return cls(import_module(world))
        except ModuleNotFoundError as error:
            if error.name is None or not (world == error.name or world.startswith(f"{error.name}.")):
                raise
            raise NotFound(
                f"there is no module {world!r} for the world: check its name, and that it can be imported from here"
            ) from None

    def has(self, name: str) -> bool:
        """Whether the author wrote this function."""
        return callable(getattr(self.module, name, None))

    async def reset(self, folder: Path) -> bool:
        """Put the outside back; return whether it keeps to the folder of its run."""
        _was_asked.discard(folder)
        await self._call("reset", folder)
        return folder in _was_asked

    async def observe(self, folder: Path) -> Any:
        """Return what the outside looks like, as JSON values."""
        return self._as_json("observe", await self._call("observe", folder))

    async def acted(self, folder: Path) -> list[tuple[str, str]] | None:
        """Return the kinds and keys under which something was done, in order; None where the world does not say."""
        if not self.has("acted"):
            return None
        found = self._as_json("acted", await self._call("acted", folder))
        if not isinstance(found, list) or not all(isinstance(one, list) and len(one) == 2 for one in found):
            raise InvalidInput(
                f"{self.name}.acted() returned something else than a list of (kind, key) pairs: return one for each "
                "thing that was done",
                path="acted",
            )
        return [(str(kind), str(key)) for kind, key in found]

    async def answer(self, folder: Path, question: Question) -> Any:
        """Return the answer as JSON values, None where there is none."""
        if not self.has("answer"):
            return None
        return self._as_json("answer", await self._call("answer", folder, question))

    async def _call(self, name: str, folder: Path, *args: Any) -> Any:
        function: Callable[..., Any] = getattr(self.module, name)
        with _inside(folder):
            try:
                if inspect.iscoroutinefunction(function):
                    return await function(*args)
                return await asyncio.to_thread(function, *args)
            except Exception as error:
                raise InvalidInput(
                    f"{self.name}.{name}() failed: {type(error).__name__}: {error}; mend the world first",
                    path=name,
                ) from error

    def _as_json(self, name: str, value: Any) -> Any:
        try:
            return json.loads(json.dumps(value))
        except (TypeError, ValueError) as error:
            raise InvalidInput(
                f"{self.name}.{name}() returned what is not JSON ({error}): return dicts, lists, texts and numbers",
                path=name,
            ) from None


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    token = _current.set(folder)
    try:
        yield
    finally:
        _current.reset(token)
