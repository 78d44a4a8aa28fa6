"""Calendars: the days and hours a policy speaks of, in its own time zone.

Hours over midnight belong to the day on which they begin, and so does a holiday: `fri` with `22:00-06:00` holds on
Saturday at two. Hours are those on the wall, so on the two nights a year when clocks change they are longer or shorter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Final

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS: Final = re.compile(r"([01][0-9]|2[0-4]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])")
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Days of the week (0 is Monday) with hours in minutes of the day, `ends` beyond a day for hours over midnight."""

    name: str
    days: frozenset[int]
    begins: int
    ends: int
    holidays: frozenset[date]
    zone: tzinfo

    def holds(self, instant: datetime) -> bool:
        """Whether `instant`, which has an offset, lies inside."""
        local = instant.astimezone(self.zone)
        minute = local.hour * 60 + local.minute
        today = local.date()
        if self.begins <= minute < self.ends and self._is_open(today):
            return True
        if self.ends <= 24 * 60 or minute + 24 * 60 >= self.ends:
            return False
        return today > date.min and self._is_open(today - _DAY)

    def _is_open(self, day: date) -> bool:
        return day.weekday() in self.days and day not in self.holidays


def read_hours(text: str) -> tuple[int, int] | None:
    """Return where `HH:MM-HH:MM` begins and ends in minutes, over midnight beyond 1440; None if it cannot be meant."""
    found = _HOURS.fullmatch(text)
    if not found:
        return None
    hour, minute, until_hour, until_minute = map(int, found.groups())
    begins, ends = hour * 60 + minute, until_hour * 60 + until_minute
    if begins >= 24 * 60 or ends > 24 * 60 or begins == ends:
        return None
    return (begins, ends) if ends > begins else (begins, ends + 24 * 60)


def write_hours(begins: int, ends: int) -> str:
    """Return hours as they are written in the file."""
    until = ends if ends <= 24 * 60 else ends - 24 * 60
    return f"{time(begins // 60, begins % 60):%H:%M}-{until // 60:02}:{until % 60:02}"
