"""One POST of JSON over a connection of its own: no redirects followed, nothing kept open, closed when cancelled."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import SplitResult

from actum.version import VERSION


async def post_json(parts: SplitResult, body: bytes, headers: Mapping[str, str], whose: str) -> str | None:
    """Return None once the receiver has answered 2xx, else why not, in words without the address.

    `whose` names the receiver in those words, such as `the webhook`.
    """
    headers = {
        "Host": parts.netloc,
        "User-Agent": f"actum/{VERSION}",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **headers,
    }
    try:
        status = await _post(parts, headers, body)
    except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
        return f"{whose} gave no answer: {type(error).__name__}"
    return None if 200 <= status < 300 else f"{whose} answered {status}"


async def _post(parts: SplitResult, headers: Mapping[str, str], body: bytes) -> int:
    is_secure = parts.scheme == "https"
    reader, writer = await asyncio.open_connection(
        parts.hostname,
        parts.port or (443 if is_secure else 80),
        ssl=ssl.create_default_context() if is_secure else None,
    )
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"POST {target} HTTP/1.1\r\n{head}\r\n".encode("ascii") + body)
        await writer.drain()
        return await _status(reader)
    finally:
        with suppress(OSError):
            writer.close()


async def _status(reader: asyncio.StreamReader) -> int:
    """Return the status of the final answer, after those that only say that one is coming."""
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        protocol, _, rest = head.partition(b" ")
        status = int(rest[:3])
        if not protocol.startswith(b"HTTP/1."):
            raise ValueError("no answer in HTTP")
        if status >= 200:
            return status
