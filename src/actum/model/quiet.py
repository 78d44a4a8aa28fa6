"""Quiet hours: when a team is not to be woken by what can wait."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from actum.errors import InvalidContract

_FORM = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)(?: (\S+))?")


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `begins` to `ends` on the wall in `zone`, over midnight where it ends earlier than it begins."""

    begins: time
    ends: time
    zone: ZoneInfo

    @classmethod
    def parse(cls, text: str) -> QuietHours:
        """Read `"22:00-07:00 Europe/Berlin"`; UTC without a zone. Raises InvalidContract for anything else."""
        found = _FORM.fullmatch(text.strip())
        refusal = f'quiet_hours={text!r} are none: write "22:00-07:00 Europe/Berlin"'
        if not found:
            raise InvalidContract(refusal)
        hour, minute, until_hour, until_minute = (int(found[number]) for number in range(1, 5))
        begins, ends = time(hour, minute), time(until_hour, until_minute)
        if begins == ends:
            raise InvalidContract(refusal)
        try:
            return cls(begins, ends, ZoneInfo(found[5] or "UTC"))
        except (KeyError, ValueError, OSError):
            raise InvalidContract(f"quiet_hours={text!r}: no time zone is called {found[5]!r}") from None

    def end_after(self, instant: datetime) -> datetime:
        """Return `instant` itself outside quiet hours, else the end of those it lies in."""
        local = instant.astimezone(self.zone)
        clock = local.time()
        is_over_midnight = self.ends < self.begins
        is_late = is_over_midnight and clock >= self.begins
        is_quiet = is_late or (clock < self.ends if is_over_midnight else self.begins <= clock < self.ends)
        if not is_quiet:
            return instant
        day = local.date() + timedelta(days=1 if is_late else 0)
        return datetime.combine(day, self.ends, self.zone).astimezone(instant.tzinfo)
