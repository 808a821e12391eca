"""Working days: how a deadline that the trade counts in them is counted (I-38).

Monday to Friday, but for the days off and the days made up for that the State Council orders every
year; a policy pack has them as data. Of a year that it does not have, every weekday counts: the
deadline is then the earlier one. The day on which something arrives does not count, and the last
day ends at midnight (Civil Code 201, 203).

>>> calendar = Calendar(
...     days_off=((date(2026, 10, 1), date(2026, 10, 7)),), made_up=(date(2026, 10, 10),)
... )
>>> calendar.after("2026-09-29T16:30:00.000Z", 3)
'2026-10-10'
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated, Final

from msgspec import Meta, Struct

from domain.values import later

_WEEKDAYS: Final = 5
_DAY: Final = timedelta(days=1)


class Calendar(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which days are worked, and where it is midnight.

    `utc_offset_minutes`: of the place whose days count (480: China); `days_off`: spans, first and
    last day; `made_up`: days worked instead, weekends among them.
    """

    utc_offset_minutes: Annotated[int, Meta(ge=-720, le=840)] = 480
    days_off: Annotated[tuple[tuple[date, date], ...], Meta(max_length=1000)] = ()
    made_up: Annotated[tuple[date, ...], Meta(max_length=1000)] = ()

    def worked(self, day: date) -> bool:
        """Whether a day is a working day."""
        if day in self.made_up:
            return True
        if any(first <= day <= last for first, last in self.days_off):
            return False
        return day.weekday() < _WEEKDAYS

    def day_of(self, time: str) -> str:
        """The day, `YYYY-MM-DD`, that a `Time` falls on there."""
        return later(time, seconds=60 * self.utc_offset_minutes)[:10]

    def after(self, time: str, days: int) -> str:
        """The last day, `YYYY-MM-DD`, of a deadline of so many working days from a `Time` on."""
        day, left = date.fromisoformat(self.day_of(time)), days
        while left:
            day += _DAY
            left -= self.worked(day)
        return day.isoformat()


def calendar_flaws(calendar: Calendar) -> Iterator[str]:
    """What the types cannot say about a calendar."""
    for first, last in calendar.days_off:
        if last < first:
            yield f"days off from {first} end before they begin"
        if any(first <= day <= last for day in calendar.made_up):
            yield f"days off from {first} hold a day that is made up for others"
