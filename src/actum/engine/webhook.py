"""The signed webhook: one POST of JSON for each notification, over a connection of its own.

The receiver knows us by the signature, HMAC-SHA256 over `TIMESTAMP.BODY`, and a repeated message by its key. Redirects
are not followed: a signed body goes where the setting says and nowhere else. Cancelling it closes the connection.
"""

from __future__ import annotations

import hmac
import time
from urllib.parse import quote, urlsplit

from actum.engine.notices import Message
from actum.engine.posting import post_json

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
    kinds: frozenset[str] | None = None

    def __init__(self, url: str, secret: str) -> None:
        self._parts = urlsplit(url)
        self._secret = secret

    async def send(self, message: Message) -> str | None:
        """Return None once the receiver has taken the message, else why not, in words without the address."""
        body = message.as_json()
        timestamp = int(time.time())
        headers = {
            KEY_HEADER: quote(message.key, safe="/:"),
            TIMESTAMP_HEADER: str(timestamp),
            SIGNATURE_HEADER: sign(self._secret, timestamp, body),
        }
        return await post_json(self._parts, body, headers, "the webhook")
