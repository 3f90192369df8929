"""Working time: instants of the clock to seconds worked since a fixed day, and back, on any calendar.

Instants are integer seconds since 1970-01-01 on the site's clock. A calendar is a list of stretches of work; between
them no working time passes, so one amount of work has an earliest and a latest instant.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from bim.schedule.plan import DAY_S, HOUR_S, Calendar, Day, Task

Seconds = npt.NDArray[np.int64]

EPOCH = datetime(1970, 1, 1)
FIVE_DAYS: tuple[Day, ...] = (((8 * HOUR_S, 16 * HOUR_S),),) * 5 + ((),) * 2
ALWAYS: tuple[Day, ...] = (((0, DAY_S),),) * 7
MARGIN_DAYS, MAX_DAYS = 800, 400_000


class WorkingTimes(NamedTuple):
    """Several calendars as stretches of work laid end to end; calendar `c` owns `first[c]:first[c + 1]`."""

    first: Seconds
    starts: Seconds
    ends: Seconds
    worked: Seconds
    """Seconds worked before each stretch."""

    def until(self, calendar: npt.NDArray[np.int64], instants: Seconds) -> Seconds:
        """Seconds worked (N,) by the instants (N,) on the calendars (N,)."""
        worked: Seconds = _until_each(self, calendar, instants)
        return worked


def working_times(calendars: Sequence[Calendar], low: int, high: int, work_s: float) -> WorkingTimes:
    """Stretches from well before `low` to where at least `work_s` can be worked after `high`."""
    parts = [_stretches(calendar, low // DAY_S - MARGIN_DAYS, high, work_s) for calendar in calendars]
    worked = [np.cumsum(part[:, 1] - part[:, 0]) - (part[:, 1] - part[:, 0]) for part in parts]
    first = np.cumsum([0, *(len(part) for part in parts)]).astype(np.int64)
    every = np.concatenate(parts)
    return WorkingTimes(first, every[:, 0].copy(), every[:, 1].copy(), np.concatenate(worked))


def day_length_s(calendar: Calendar) -> float:
    """What "one day" of a duration means: the median of the week's working days."""
    lengths = [sum(end - start for start, end in day) for day in calendar.week if day]
    return float(np.median(lengths)) if lengths else float(DAY_S)


def instants(moments: Iterable[datetime | None], missing: int) -> Seconds:
    """Seconds since 1970 (N,), `missing` where there is no moment."""
    return np.array([missing if m is None else instant(m) for m in moments], np.int64)


def instant(moment: datetime) -> int:
    """Seconds since 1970."""
    return int((moment - EPOCH).total_seconds())


def moment(seconds: float) -> datetime:
    """The time of the clock; held within what a datetime can say."""
    return EPOCH + timedelta(seconds=max(-62_135_596_800, min(float(seconds), 253_402_300_799)))


def inferred_calendar(tasks: Sequence[Task]) -> Calendar:
    """The working week that a plan's own dates speak of: Monday to Friday, other days on which tasks start or finish,
    from the earliest start of a day to its latest finish."""
    starts = [t.start for t in tasks if t.start and not t.milestone]
    finishes = [t.finish for t in tasks if t.finish and not t.milestone]
    first = min((_second(s) for s in starts), default=8 * HOUR_S)
    last = max((_second(f) for f in finishes), default=16 * HOUR_S)
    shift = (first, last) if last - first >= HOUR_S else FIVE_DAYS[0][0]
    days = {moment.weekday() for moment in (*starts, *finishes)} | set(range(5))
    return Calendar("own", "", tuple((shift,) if day in days else () for day in range(7)))


def _second(moment: datetime) -> int:
    return moment.hour * HOUR_S + moment.minute * 60 + moment.second


def _stretches(calendar: Calendar, first_day: int, high: int, work_s: float) -> npt.NDArray[np.int64]:
    """(S, 2): starts and ends of work, ascending; whatever overlaps is one stretch."""
    weekly = sum(end - start for day in calendar.week for start, end in day)
    days = MAX_DAYS if weekly == 0 else min(int(7.5 * work_s / weekly), MAX_DAYS)
    found = _laid_out(calendar, first_day, high // DAY_S + MARGIN_DAYS + days)
    return found if len(found) else _laid_out(Calendar("", "", ALWAYS), first_day, high // DAY_S + MARGIN_DAYS)


def _laid_out(calendar: Calendar, first_day: int, last_day: int) -> npt.NDArray[np.int64]:
    days = np.arange(first_day, last_day + 1, dtype=np.int64)
    weekday = (days + 3) % 7  # 1970-01-01 was a Thursday
    other = np.array([_day_number(d) for d in calendar.exceptions], np.int64)
    plain = ~np.isin(days, other)
    parts = [np.zeros((0, 2), np.int64)]
    for number, shifts in enumerate(calendar.week):
        parts += [days[plain & (weekday == number), None] * DAY_S + np.array([shift]) for shift in shifts]
    for day, shifts in zip(other, calendar.exceptions.values(), strict=True):
        if first_day <= day <= last_day:
            parts += [day * DAY_S + np.array([shift]) for shift in shifts]
    stretches = np.concatenate(parts)
    return _merged(stretches[np.argsort(stretches[:, 0], kind="stable")])


def _merged(stretches: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Stretches that touch or overlap become one, so that a night shift goes on past midnight."""
    stretches = stretches[stretches[:, 1] > stretches[:, 0]]
    if not len(stretches):
        return stretches
    reach = np.maximum.accumulate(stretches[:, 1])
    begins = np.concatenate([[True], stretches[1:, 0] > reach[:-1]])
    ends = np.concatenate([reach[:-1][begins[1:]], reach[-1:]])
    return np.stack([stretches[begins, 0], ends], axis=1)


def _day_number(day: date) -> int:
    return day.toordinal() - EPOCH.toordinal()


# --- One instant at a time, for the passes over the network ----------------------------------------------------------


@njit(cache=True)
def until(times: WorkingTimes, c: int, at: int) -> int:
    """Seconds worked on calendar `c` by the instant `at`; before the first stretch all time counts."""
    low, high = times.first[c], times.first[c + 1]
    i = max(low, low + np.searchsorted(times.starts[low:high], at, side="right") - 1)
    worked: int = times.worked[i] + min(at, times.ends[i]) - times.starts[i]
    return worked


@njit(cache=True)
def earliest(times: WorkingTimes, c: int, amount: int) -> int:
    """The first instant by which `amount` seconds are worked: where work of that length ends."""
    low, high = times.first[c], times.first[c + 1]
    i = max(low, low + np.searchsorted(times.worked[low:high], amount, side="left") - 1)
    at: int = times.starts[i] + amount - times.worked[i]
    return at


@njit(cache=True)
def latest(times: WorkingTimes, c: int, amount: int) -> int:
    """The last instant before more than `amount` seconds are worked: where the work after it begins."""
    low, high = times.first[c], times.first[c + 1]
    i = max(low, low + np.searchsorted(times.worked[low:high], amount, side="right") - 1)
    at: int = times.starts[i] + amount - times.worked[i]
    return at


@njit(cache=True)
def _until_each(times: WorkingTimes, calendar: Seconds, at: Seconds) -> Seconds:
    found = np.empty(len(at), np.int64)
    for n in range(len(at)):
        found[n] = until(times, calendar[n], at[n])
    return found
