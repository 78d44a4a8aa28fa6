"""Apprise, an extra: one message to each of its addresses, by mail, chat or whatever else it knows."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from actum.engine.notices import Message
from actum.errors import InvalidSettings


class Apprise:
    """One address. It takes no key, so what is sent again after a crash arrives again."""

    kinds: frozenset[str] | None = None

    def __init__(self, url: str, number: int) -> None:
        """Raise InvalidSettings where Apprise is not installed, or does not know the address (the `number`th)."""
        try:
            import apprise  # pyright: ignore[reportMissingImports]  # an extra
        except ImportError:
            raise InvalidSettings(
                "ACTUM_APPRISE_URLS needs Apprise, which is not installed: pip install 'actum[notify]'"
            ) from None
        self._sender: Any = apprise.Apprise()
        self.name = f"apprise:{sha256(url.encode()).hexdigest()[:8]}"
        if not self._sender.add(url):
            raise InvalidSettings(
                f"ACTUM_APPRISE_URLS: Apprise does not know address number {number}: write it as its service asks for"
            )

    async def send(self, message: Message) -> str | None:
        """Return None once Apprise says that it is sent, else why not."""
        sent = await self._sender.async_notify(
            title=message.subject, body=message.as_text(), body_format="text"
        )
        return None if sent else "Apprise could not send it: its own log says why"
