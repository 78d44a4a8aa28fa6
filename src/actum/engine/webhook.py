"""The signed webhook: one POST of JSON for each notification, over a connection of its own.

The receiver knows us by the signature, HMAC-SHA256 over `TIMESTAMP.BODY`, and a repeated message by its key. Redirects
are not followed: a signed body goes where the setting says and nowhere else. Cancelling it closes the connection.
"""

from __future__ import annotations

import asyncio
import hmac
import ssl
import time
from contextlib import suppress
from urllib.parse import quote, urlsplit

from actum.engine.notices import Message
from actum.version import VERSION

KEY_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER = (
    "Actum-Notification-Key",
    "Actum-Timestamp",
    "Actum-Signature",
)


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """Return the signature of a body sent at `timestamp`, in Unix seconds: `v1=` and 64 hexadecimal digits."""
    return "v1=" + hmac.digest(secret.encode(), b"%d.%s" % (timestamp, body), "sha256").hex()


class Webhook:
    """One receiver. Its answer counts once it is 2xx; anything else, or none, is to be tried again."""

    name = "webhook"

    def __init__(self, url: str, secret: str) -> None:
        self._parts = urlsplit(url)
        self._secret = secret

    async def send(self, message: Message) -> str | None:
        """Return None once the receiver has taken the message, else why not, in words without the address."""
        body = message.as_json()
        timestamp = int(time.time())
        headers = {
            "Host": self._parts.netloc,
            "User-Agent": f"actum/{VERSION}",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Connection": "close",
            KEY_HEADER: quote(message.key, safe="/:"),
            TIMESTAMP_HEADER: str(timestamp),
            SIGNATURE_HEADER: sign(self._secret, timestamp, body),
        }
        try:
            status = await self._post(headers, body)
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
            return f"the webhook gave no answer: {type(error).__name__}"
        return None if 200 <= status < 300 else f"the webhook answered {status}"

    async def _post(self, headers: dict[str, str], body: bytes) -> int:
        parts = self._parts
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
