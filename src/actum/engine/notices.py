"""What a person is told: one sentence and where to look, harmless whatever it was made from.

A message carries no button and no argument: its link says which approval, and never who may decide it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import quote
from uuid import UUID

import orjson

from actum.machine.neutral import neutral
from actum.model.ids import short
from actum.store.notifications import NotificationRow

INCIDENT, INCIDENT_END, INCIDENT_BACK, VERDICTS = "incident", "incident_end", "incident_back", "verdicts"
"""Kinds of what is told: that an incident needs somebody, that it is over, and that outputs wait for a verdict."""
LONGEST = 500
"""Characters of a sentence in a message; how many are left out is said."""
COMMANDS = {
    "approvals": "actum inbox",
    "batches": "actum review",
    "workflows": "actum show",
    "incidents": "actum incident show",
}
"""What to type to see what a link leads to, by the first part of the link."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message as every channel sends it; all text is one harmless line.

    `link` is empty where the console's address is not known, `command` where nothing can be typed. `alerts` are for
    channels that know alerts; no text has them.
    """

    key: str
    kind: str
    subject: str
    body: str
    recipients: tuple[str, ...]
    link: str
    command: str
    created_at: str
    alerts: tuple[dict[str, Any], ...] = ()

    def as_json(self) -> bytes:
        """Return the message as a JSON object."""
        names = [one.name for one in fields(self) if one.name != "alerts"]
        return orjson.dumps({name: getattr(self, name) for name in names})

    def as_text(self) -> str:
        """Return what stands below the subject, for channels that know title and text."""
        lines = [self.body, self.link or self.command]
        if self.recipients:
            lines.append(f"For {', '.join(self.recipients)}")
        return "\n".join(line for line in lines if line)


def compose(row: NotificationRow, console_url: str | None = None) -> Message:
    """Return the message of a row of the outbox; the same row and address make the same message."""
    place = quote(row.link or "", safe="/")
    values: dict[str, Any] = {
        "link": link_to(place, console_url),
        "command": _command(place),
        "created_at": row.created_at.isoformat(),
    }
    return Message(
        key=row.key,
        kind=neutral(row.kind),
        subject=_cut(neutral(row.subject)),
        body=_cut(neutral(row.body)),
        recipients=tuple(neutral(one) for one in row.recipients),
        **values,
    )


def link_to(place: str, console_url: str | None) -> str:
    """Return where the console shows a place such as `incidents/ID`, empty where its address is not known."""
    return f"{console_url.rstrip('/')}/{place}" if console_url and place else ""


def _command(place: str) -> str:
    kind, _, name = place.partition("/")
    if kind not in COMMANDS:
        return ""
    try:
        return f"{COMMANDS[kind]} {short(UUID(name))}"
    except ValueError:
        return ""


def _cut(text: str) -> str:
    more = len(text) - LONGEST
    return text if more <= 0 else f"{text[:LONGEST]}… ({more} more characters)"
