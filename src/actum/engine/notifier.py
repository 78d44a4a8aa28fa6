"""Sends what the outbox holds, by every channel that is set; the only place where news leaves Actum.

One pass takes what is due, sends it, and writes what became of it. What wakes it: a poll. If the process dies between
sending and writing, the row is due again after `PATIENCE` and somebody sends it once more under the same key: at least
once, never silently lost. Without a channel nothing is taken, and rows stay `unsent` until they are pruned.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from datetime import timedelta
from time import monotonic
from typing import Any, Protocol
from uuid import UUID

import orjson

from actum.engine.alertmanager import UNTIL, Alertmanager, alerts_of
from actum.engine.apprise import Apprise
from actum.engine.notices import (
    INCIDENT,
    INCIDENT_BACK,
    INCIDENT_END,
    VERDICTS,
    Message,
    compose,
    link_to,
)
from actum.engine.webhook import Webhook
from actum.errors import InvalidSettings
from actum.model.incident import Urgency
from actum.model.quiet import QuietHours
from actum.settings import Settings
from actum.store.incidents import IncidentRow
from actum.store.notifications import Conclusion, NotificationRow
from actum.store.store import Store

logger = logging.getLogger("actum.notifier")

PATIENCE = timedelta(seconds=60)
"""How long a taken row is left to whoever took it; sending gives up long before."""
SEND_SECONDS = 20.0
NEWS = timedelta(days=1)
"""What is older is no news, and is not sent any more: nobody wants a day's worth of messages after an outage."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(hours=1)
MOST_ATTEMPTS = 14
"""More than four hours of trying."""
PRUNE_EVERY = 3600.0
ALERT_EVERY = 300.0
"""Seconds between two tellings of what is open to an Alertmanager, which forgets it when it is restarted."""


class Channel(Protocol):
    """One way out: a message goes through, or there is a reason in words. Its name has no space.

    `kinds` are the kinds of what it takes, None for everything.
    """

    name: str
    kinds: frozenset[str] | None

    async def send(self, message: Message) -> str | None:
        """Return None once it is sent, else why not."""


def channels_of(settings: Settings) -> list[Channel]:
    """Return the channels that are set; raises InvalidSettings for one that cannot be used."""
    channels: list[Channel] = []
    if settings.webhook_url:
        if not settings.webhook_secret:
            raise InvalidSettings(
                "webhook_url needs webhook_secret, with which every message is signed: give both"
            )
        channels.append(Webhook(settings.webhook_url, settings.webhook_secret))
    if settings.alertmanager_url:
        channels.append(Alertmanager(settings.alertmanager_url))
    channels += [Apprise(url, number) for number, url in enumerate(settings.apprise_urls, start=1)]
    return channels


class Notifier:
    """The passes over the outbox of one database."""

    def __init__(self, store: Store, channels: Sequence[Channel], console_url: str | None = None) -> None:
        self._store = store
        self._notifications = store.notifications
        self._channels = channels
        self._console_url = console_url
        kinds = [channel.kinds for channel in channels]
        self._kinds = None if None in kinds else sorted({kind for some in kinds for kind in some or ()})
        self._failing: set[str] = set()
        self._pruned: float | None = None
        self._alerted: float | None = None

    async def notify_once(self) -> int:
        """Send what is due by each channel that has not taken it yet; return how many rows there were."""
        await self._prune()
        if not self._channels:
            return 0
        await self._alert_anew()
        await self._notifications.drop_needless(NEWS)
        rows = await self._notifications.claim(patience=PATIENCE, no_older=NEWS, kinds=self._kinds)
        if rows:
            await self._notifications.conclude(await asyncio.gather(*(self._send(row) for row in rows)))
        return len(rows)

    async def _prune(self) -> None:
        if self._pruned is None or monotonic() - self._pruned > PRUNE_EVERY:
            await self._notifications.prune()
            self._pruned = monotonic()

    async def _alert_anew(self) -> None:
        """Tell every Alertmanager what is open, now and then: what was told to one that was restarted is lost there.

        It is told also what is over and it was never told so, for as long as it would let that stand.
        """
        channels = [one for one in self._channels if isinstance(one, Alertmanager)]
        if not channels or (self._alerted is not None and monotonic() - self._alerted < ALERT_EVERY):
            return
        self._alerted = monotonic()
        now = await self._store.read_clock()
        rows = await self._store.incidents.list_alerting(lately=UNTIL, no_older=NEWS)
        alerts = [alert for row in rows for alert in alerts_of(row, now, self._link(row.id))]
        await asyncio.gather(*(self._try(one.name, one.post(alerts)) for one in channels if alerts))

    def _link(self, incident_id: UUID) -> str:
        return link_to(f"incidents/{incident_id}", self._console_url)

    async def _send(self, row: NotificationRow) -> Conclusion:
        now = await self._store.read_clock()
        incident = await self._incident_of(row)
        message = compose(row, self._console_url)
        if incident is not None:
            current = await self._store.incidents.get_newest_like(incident.id) or incident
            message = replace(message, alerts=alerts_of(current, now, self._link(current.id)))
        quiet = await self._quiet_hours(row, incident)
        waits = quiet.end_after(now) - now if quiet is not None else timedelta()
        left = [
            channel
            for channel in self._channels
            if channel.name not in row.channels
            and (not waits if channel.kinds is None else row.kind in channel.kinds)
        ]
        failures = await asyncio.gather(*(self._try(one.name, one.send(message)) for one in left))
        taken = [channel.name for channel, failure in zip(left, failures, strict=True) if failure is None]
        conclusion = conclude(row, [*row.channels, *taken], [one for one in failures if one is not None])
        if waits:  # people are told later, whatever became of it elsewhere
            pause = min(conclusion.pause or waits, waits)
            return Conclusion(row.key, "unsent", conclusion.channels, conclusion.error, pause)
        if conclusion.state == "abandoned":
            logger.error("%s was not sent after %d attempts: %s", row.key, row.attempts, conclusion.error)
        return conclusion

    async def _incident_of(self, row: NotificationRow) -> IncidentRow | None:
        is_about_one = row.kind in (INCIDENT, INCIDENT_END, INCIDENT_BACK) and row.about is not None
        return await self._store.incidents.get(row.about) if is_about_one and row.about else None

    async def _quiet_hours(self, row: NotificationRow, incident: IncidentRow | None) -> QuietHours | None:
        """Return the hours in which people are not told this; what opens an incident has waited for them already."""
        text: str | None = None
        if row.kind in (INCIDENT_END, INCIDENT_BACK) and incident is not None:
            text = incident.quiet_hours if incident.urgency == Urgency.WAKING_HOURS else None
        elif row.kind == VERDICTS:
            owners = await self._store.incidents.list_owners()
            found = [one.owner for one in owners if row.key.split("/")[1] == one.contract]
            text = (orjson.loads(found[0]) or {}).get("quiet_hours") if found and found[0] else None
        return QuietHours.parse(text) if text else None

    async def _try(self, name: str, sending: Coroutine[Any, Any, str | None]) -> str | None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                failure = await sending
        except TimeoutError:
            failure = f"no answer within {SEND_SECONDS:.0f} s"
        except Exception as error:  # whatever a channel's library raises: the others and the loop go on
            failure = f"{type(error).__name__} in the channel"
        self._report(name, failure)
        return failure

    def _report(self, name: str, failure: str | None) -> None:
        """Log that a channel began to fail or works again, not each message."""
        if failure is not None and name not in self._failing:
            self._failing.add(name)
            logger.warning("%s fails, and is tried again: %s", name, failure)
        elif failure is None and name in self._failing:
            self._failing.discard(name)
            logger.warning("%s works again", name)


def conclude(row: NotificationRow, taken: Sequence[str], failures: Sequence[str]) -> Conclusion:
    """Return what became of an attempt: sent, to be tried again after a pause that doubles, or given up."""
    if not failures:
        return Conclusion(row.key, "sent", taken)
    if row.attempts >= MOST_ATTEMPTS:
        return Conclusion(row.key, "abandoned", taken, "; ".join(failures))
    pause = min(FIRST_PAUSE * 2 ** (row.attempts - 1), LONGEST_PAUSE)
    return Conclusion(row.key, "unsent", taken, "; ".join(failures), pause)
