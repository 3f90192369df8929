"""Holidays that come again: the days of a recurring exception of a calendar."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from enum import IntEnum
from itertools import islice

from dateutil.rrule import DAILY, MONTHLY, WEEKLY, YEARLY, rrule

from bim.verdict import Reason

MAX_DAYS = 4000
NAMED = 5


class Every(IntEnum):
    """How often."""

    YEAR = YEARLY
    MONTH = MONTHLY
    WEEK = WEEKLY
    DAY = DAILY


def days(
    every: Every,
    first: date,
    last: date,
    *,
    interval: int = 1,
    count: int | None = None,
    months: Sequence[int] = (),
    month_days: Sequence[int] = (),
    weekdays: Sequence[int] = (),
) -> list[date]:
    """The days from `first` to `last`, both included, at most 4,000; months count from 1, weekdays from Monday as 0.

    Only what belongs to the frequency counts: the weekdays of a week, the day of a month, the month and day of a year.
    What is out of range, such as day 40, gives no day.
    """
    by_month = [month for month in months if 1 <= month <= 12] if every is Every.YEAR else []
    by_day = [day for day in month_days if 1 <= day <= 31] if every in {Every.YEAR, Every.MONTH} else []
    found = rrule(
        every,
        dtstart=datetime.combine(first, time()),
        until=datetime.combine(last, time()),
        interval=max(interval, 1),
        bymonth=by_month or None,
        bymonthday=by_day or None,
        byweekday=list(weekdays) or None if every is Every.WEEK else None,
    )
    return [each.date() for each in islice(found, MAX_DAYS if count is None else min(count, MAX_DAYS))]


def unread_exceptions(names: Iterable[str]) -> Iterator[Reason]:
    """That some exceptions recur in a way that is not read."""
    every = list(names)
    if every:
        shown = ", ".join(name or "?" for name in every[:NAMED])
        yield Reason(
            f"{len(every)} calendar exceptions recur in a way that is not read and count as ordinary days: {shown}",
            f"有 {len(every)} 个日历例外的重复方式无法读取，按普通日处理：{shown}",
        )
