"""What should be done by when, and what it is worth: planned shares, budgets and the planned value over time."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from bim.frames import FloatArray
from bim.schedule.calendars import Seconds, instant, instants, moment
from bim.schedule.network import NEVER, Network, dates
from bim.schedule.plan import DAY_S, HOUR_S, Task

PERIOD_S = 7 * DAY_S
"""The planned value is known at the end of every week, and earned schedule counts in weeks."""
MAX_PERIODS = 5000


def planned_share(leaves: Sequence[Task], net: Network, at: datetime) -> FloatArray:
    """(T,) share of each task's working time between its baseline dates, or planned dates, that lies before a date."""
    start, finish = span(leaves, net)
    c, t = net.logic.calendar, net.times
    begin, end = t.until(c, start), t.until(c, finish)
    now = t.until(c, np.full(len(leaves), instant(at), np.int64))
    share: FloatArray = np.clip((now - begin) / np.maximum(end - begin, 1), 0.0, 1.0)
    return np.where(end > begin, share, (instant(at) >= finish).astype(float))


def span(leaves: Sequence[Task], net: Network) -> tuple[Seconds, Seconds]:
    """Baseline starts and finishes (T,); without a baseline, those that the plan's network gives."""
    start = instants((task.baseline_start or task.start or task.finish for task in leaves), NEVER)
    finish = instants((task.baseline_finish or task.finish or task.start for task in leaves), NEVER)
    if (finish == NEVER).any() or (start == NEVER).any():
        found = dates(net)
        start = np.where(start == NEVER, found.early_start, start)
        finish = np.where(finish == NEVER, found.early_finish, finish)
    return start, np.maximum(start, finish)


def budgets(leaves: Sequence[Task], net: Network) -> tuple[FloatArray, str]:
    """(T,) what each task is worth: its cost, or its working hours where the plan has no costs."""
    cost = np.array([task.cost or 0.0 for task in leaves])
    return (cost, "cost") if cost.any() else (net.duration_s / HOUR_S, "h")


def planned_curve(leaves: Sequence[Task], net: Network, budget: FloatArray) -> tuple[list[datetime], FloatArray]:
    """Ends of weeks (N + 1,) from the first start to the last finish, and the planned value at each."""
    start, finish = span(leaves, net)
    begin = int(start.min()) // DAY_S * DAY_S
    count = min(int(np.ceil((int(finish.max()) - begin) / PERIOD_S)), MAX_PERIODS) + 1
    ends = begin + PERIOD_S * np.arange(count, dtype=np.int64)
    return [moment(float(end)) for end in ends], _values(net, start, finish, budget, ends)


def _values(net: Network, start: Seconds, finish: Seconds, budget: FloatArray, ends: Seconds) -> FloatArray:
    """Planned value at each end (N + 1,): on every calendar a sum of ramps over working time, and of steps."""
    c, t = net.logic.calendar, net.times
    low, high = t.until(c, start), t.until(c, finish)
    values = np.zeros(len(ends))
    for each in np.unique(c):
        now = t.until(np.full(len(ends), each, np.int64), ends)
        ramps = (c == each) & (high > low)
        values += _sum_of_ramps(low[ramps], high[ramps], budget[ramps], now)
    steps = high <= low
    order = np.argsort(finish[steps])
    below = np.concatenate([[0.0], np.cumsum(budget[steps][order])])
    values += below[np.searchsorted(finish[steps][order], ends, side="right")]
    bac = budget.sum()
    return np.where(values > bac * (1.0 - 1e-9), bac, values)


def _sum_of_ramps(low: Seconds, high: Seconds, height: FloatArray, at: Seconds) -> FloatArray:
    """Sum of T ramps from 0 at `low` to `height` at `high` (T,), at N abscissae `at` (N,)."""
    corner, slope = np.concatenate([low, high]), np.concatenate([height, -height]) / np.tile(high - low, 2)
    order = np.argsort(corner, kind="stable")
    corner, slope = corner[order], np.cumsum(slope[order])
    value = np.concatenate([[0.0], np.cumsum(slope[:-1] * np.diff(corner))])
    found: FloatArray = np.interp(at, corner, value) if len(corner) else np.zeros(len(at))
    return found
