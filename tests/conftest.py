"""What all tests share: random histories may take their time, and what was compiled or collected is not done again."""

from __future__ import annotations

import compileall
import gc
import signal
import sys
from asyncio import AbstractEventLoop
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent / "shared"))

settings.register_profile("actum", deadline=None)
settings.load_profile("actum")

SOURCE = Path(__file__).parents[1] / "src" / "actum"
FORBIDDEN = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    """Keep Actum and the tests compiled, even where the environment keeps nothing, and let programs hear Ctrl-C.

    Tests start hundreds of Pythons; each of them would compile Actum anew. A shell has what it runs in the background
    ignore interrupts, and whatever is started from there inherits that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.stash[FORBIDDEN] = sys.dont_write_bytecode
    if sys.dont_write_bytecode and not hasattr(config, "workerinput"):
        compileall.compile_dir(SOURCE, quiet=2)
    sys.dont_write_bytecode = False


@pytest.hookimpl(optionalhook=True)  # an older pytest-asyncio does not ask
def pytest_asyncio_loop_factories() -> dict[str, Callable[[], AbstractEventLoop]]:
    """Run asynchronous tests on the loop that workers run on."""
    return {"uvloop": uvloop.new_event_loop}


def pytest_collection_finish(session: pytest.Session) -> None:
    """Take what was imported and collected out of the garbage collector's rounds: it lives until the end."""
    sys.dont_write_bytecode = session.config.stash[FORBIDDEN]
    gc.collect()
    gc.freeze()
