"""`actum metrics`, and the port on which a worker serves the same: counters that Prometheus reads."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import click

from actum.cli.exits import Exit
from actum.cli.opening import carry_out, open_client
from actum.client.metrics import CONTENT_TYPE, write_metrics
from actum.errors import InvalidSettings
from actum.store.store import Store

if TYPE_CHECKING:
    from actum.engine.worker import Worker

logger = logging.getLogger("actum.metrics")

PATIENCE = 10.0
"""Seconds in which a request has to arrive and its answer to be taken."""
MOST_BYTES = 8192


@click.command()
def metrics() -> int:
    """Print every measure as counters in the text format of Prometheus, brought up to date first.

    They are of the whole database: take `max`, never `sum`, over replicas.
    """
    return carry_out(_metrics())


async def _metrics() -> int:
    async with open_client() as client:
        click.echo(await write_metrics(client.store), nl=False)
    return Exit.FINE


def serve_beside(place: str) -> Callable[[Worker], Coroutine[Any, Any, None]]:
    """Return what serves metrics beside a worker; raises InvalidSettings for a place that is no `[HOST:]PORT`.

    Where the port cannot be had the worker goes on without, and says so.
    """
    host, _, port = place.rpartition(":")
    if not port.isdecimal() or not 0 < int(port) < 65_536:
        raise InvalidSettings(f"--metrics-port {place!r}: give a port, or HOST:PORT, such as 9464")

    async def serve(worker: Worker) -> None:
        try:
            await serve_metrics(worker.store, host or "127.0.0.1", int(port))
        except InvalidSettings as error:
            logger.error("%s", error)

    return serve


async def serve_metrics(store: Store, host: str, port: int) -> None:
    """Serve `/metrics` until cancelled; requests at once share one writing of the numbers.

    Raises InvalidSettings, with the way out, when the port cannot be had.
    """
    lock = asyncio.Lock()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                request = await reader.readuntil(b"\r\n\r\n")
                writer.write(await _answer(request, store, lock))
                await writer.drain()
        except (OSError, EOFError, asyncio.LimitOverrunError, TimeoutError):
            pass  # who asked has gone, or asks what is no request
        finally:
            writer.close()

    try:
        server = await asyncio.start_server(answer, host, port, limit=MOST_BYTES)
    except OSError as error:
        raise InvalidSettings(
            f"metrics cannot be served on {host}:{port}: {error}; give another --metrics-port"
        ) from error
    async with server:
        await server.serve_forever()


async def _answer(request: bytes, store: Store, lock: asyncio.Lock) -> bytes:
    words = request.split(b"\r\n", 1)[0].split(b" ")
    path = words[1].split(b"?")[0] if len(words) == 3 else b""
    if path != b"/metrics":
        return _response("404 Not Found", "the metrics are at /metrics\n")
    if words[0] != b"GET":
        return _response("405 Method Not Allowed", "only GET\n")
    try:
        async with lock:
            text = await write_metrics(store)
    except Exception as error:  # the edge: a scrape that fails is answered, and the worker goes on
        logger.warning("metrics could not be read: %s", error)
        return _response("503 Service Unavailable", "the metrics cannot be read now: see the worker's log\n")
    return _response("200 OK", text)


def _response(status: str, text: str) -> bytes:
    body = text.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body
