"""The one synchronous face: each verb of the client, carried out on a loop in a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from actum.authoring.call import Call
from actum.client.client import Client
from actum.client.handle import Handle
from actum.errors import NotPossible
from actum.settings import Settings

R = TypeVar("R")
T = TypeVar("T")


class BlockingHandle(Generic[R]):
    """A workflow in synchronous hands; `over` is the asynchronous handle for everything not offered here."""

    def __init__(self, client: BlockingClient, over: Handle[R]) -> None:
        self._client = client
        self.over = over

    @property
    def workflow_id(self) -> Any:
        """The workflow's id."""
        return self.over.workflow_id

    def result(self, timeout: float | None = None) -> R:
        """Return what the workflow returned; raises as `Handle.result` does."""
        return self._client.call(self.over.result(timeout))

    def status(self) -> str:
        """Return the workflow's status."""
        return self._client.call(self.over.status())


class BlockingClient:
    """`with Client.blocking() as client: client.start(…).result()`; `client.call(…)` awaits anything else."""

    def __init__(self, *, actor: str, token: str, settings: Settings | None) -> None:
        self._actor = actor
        self._token = token
        self._settings = settings
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self.over: Client | None = None

    def __enter__(self) -> BlockingClient:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="actum client", daemon=True)
        self._thread.start()
        try:
            opening = Client.open(actor=self._actor, token=self._token, settings=self._settings)
            self.over = self.call(opening.__aenter__())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.over is not None:
            self.call(self.over.close())
        self._end()

    def start(self, call: Call[R], **options: Any) -> BlockingHandle[R]:
        """Start a workflow; the options are those of `Client.start`."""
        return BlockingHandle(self, self.call(self._opened().start(call, **options)))

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Carry out any verb of the client `over` and return what it returns."""
        if self._loop is None:
            work.close()
            raise NotPossible("this client is not open: use `with Client.blocking() as client`")
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result()

    def _opened(self) -> Client:
        if self.over is None:
            raise NotPossible("this client is not open: use `with Client.blocking() as client`")
        return self.over

    def _end(self) -> None:
        loop, self._loop = self._loop, None
        if loop is not None and self._thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            self._thread.join(timeout=5)
            loop.close()
