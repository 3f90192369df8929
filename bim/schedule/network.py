"""The critical path method: early and late dates, total and free float, and a forecast, on working calendars.

Forward and backward pass over a topological order (Kelley and Walker, "Critical-Path Planning and Scheduling", 1959),
with the four relation types and lags of precedence diagrams. A task that waits for nothing starts when it is planned,
every other as soon as its relations and constraints allow. A forecast starts nothing before its planned start: what
holds it there, a crew or a delivery, is not always in the network.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from bim.frames import FloatArray
from bim.schedule.calendars import (
    Seconds,
    WorkingTimes,
    earliest,
    inferred_calendar,
    instant,
    instants,
    latest,
    until,
    working_times,
)
from bim.schedule.plan import Calendar, Kind, Plan, Relation, Task

Flags = npt.NDArray[np.bool_]

NEVER = np.iinfo(np.int64).min // 4
KINDS = {kind: number for number, kind in enumerate(Kind)}
ENDLESS_S = 10_000_000 * 3600.0
"""Calendars are laid out for no more work than this."""


class Logic(NamedTuple):
    """What waits for what: T tasks and R relations as arrays, all numbers by index."""

    order: Seconds
    """(T,) every task after all that it waits for."""
    first: Seconds
    """(T + 1,) the relations that task t waits for are `first[t]:first[t + 1]`."""
    before: Seconds
    kind: Seconds
    """(R,) number in `KINDS`: 0 FS, 1 SS, 2 FF, 3 SF."""
    lag_s: Seconds
    elapsed: Flags
    calendar: Seconds
    """(T,) which of the working times a task follows."""


@dataclass(frozen=True)
class Network:
    """The work of a plan. Times are seconds since 1970 on the site's clock."""

    ids: tuple[str, ...]
    logic: Logic
    times: WorkingTimes
    duration_s: Seconds
    """(T,) working time."""
    not_before: Seconds
    """(T,) earliest start that is not a matter of relations."""
    planned_start: Seconds
    """(T,)"""


@dataclass(frozen=True)
class Dates:
    """What the passes give, (T,) each: instants in seconds since 1970, floats in seconds of working time."""

    early_start: Seconds
    early_finish: Seconds
    late_start: Seconds
    late_finish: Seconds
    total_float_s: Seconds
    free_float_s: Seconds

    @property
    def critical(self) -> Flags:
        """Whether a delay of the task delays the whole."""
        return self.total_float_s <= 0


def network(plan: Plan) -> Network:
    """The plan's work as a network. Raises ValueError for a cycle; `bim.schedule.soundness` takes those out before."""
    leaves = plan.leaves
    index = {task.id: n for n, task in enumerate(leaves)}
    calendars = _calendars(plan)
    own = {calendar.id: n for n, calendar in enumerate(calendars)}
    calendar = np.array([own.get(task.calendar, 0) for task in leaves], np.int64)
    start, finish = _planned(leaves)
    stated = np.array([task.duration_s or 0.0 for task in leaves])
    times = _long_enough(calendars, start, finish, float(stated.sum()) + sum(abs(r.lag_s) for r in plan.relations))
    dated = np.array([bool(task.start and task.finish) for task in leaves], bool)
    worked = np.maximum(times.until(calendar, finish) - times.until(calendar, start), 0)
    logic = _logic([relation for _, relation in between_leaves(plan, index)], index, calendar)
    return Network(
        ids=tuple(index),
        logic=logic,
        times=times,
        duration_s=np.where(dated, worked, stated).astype(np.int64),
        not_before=_not_before(leaves, logic, start),
        planned_start=start,
    )


def dates(network: Network) -> Dates:
    """Early and late dates and floats of the plan as it stands."""
    nothing = np.full(len(network.ids), NEVER, np.int64)
    start, finish = _forward(network.logic, network.times, network.duration_s, network.not_before, nothing)
    end = int(finish.max()) if len(finish) else 0
    late_start, late_finish = _backward(network.logic, network.times, network.duration_s, end)
    c, t = network.logic.calendar, network.times
    total = t.until(c, late_finish) - t.until(c, finish)
    free = _free_float(network.logic, network.times, start, finish, end)
    return Dates(start, finish, late_start, late_finish, total, np.minimum(free, np.maximum(total, 0)))


def forecast(
    network: Network, at: datetime, share: FloatArray, begun: Flags, started: Seconds, finished: Seconds
) -> tuple[Seconds, Seconds]:
    """Forecast starts and finishes (T,) when `share` (T,) of each task is done at `at`.

    `begun` (T,) tells which tasks were started; `started` and `finished` when, NEVER where that is not known. What is
    left of a task that was started goes on from `at`, whatever it was planned to wait for; work not yet started waits
    for `at`, its planned start and its relations.
    """
    left = np.where(finished > NEVER, 0, np.ceil(network.duration_s * (1.0 - share))).astype(np.int64)
    resume = np.where(finished > NEVER, finished, np.maximum(instant(at), np.where(begun, NEVER, _no_earlier(network))))
    fixed = np.where(started > NEVER, started, np.where(begun, np.minimum(network.planned_start, resume), NEVER))
    starts, finishes = _forward(network.logic, network.times, left, resume, np.where(finished > NEVER, resume, fixed))
    return np.where((finished > NEVER) & (started > NEVER), started, starts), finishes


def _no_earlier(network: Network) -> Seconds:
    later: Seconds = np.maximum(network.not_before, network.planned_start)
    return later


# --- From a plan to arrays -------------------------------------------------------------------------------------------


def _calendars(plan: Plan) -> list[Calendar]:
    """The plan's own calendar first, because a task without one takes number 0."""
    if not plan.calendars:
        return [inferred_calendar(plan.tasks)]
    return sorted(plan.calendars, key=lambda calendar: calendar.id != plan.calendar)


def _planned(leaves: Sequence[Task]) -> tuple[Seconds, Seconds]:
    """Planned starts and finishes (T,); a task without dates may start with the plan."""
    start = instants((task.start or task.finish for task in leaves), NEVER)
    begin = int(start[start > NEVER].min()) if (start > NEVER).any() else 0
    start[start == NEVER] = begin
    finish = instants((task.finish or task.start for task in leaves), begin)
    return start, np.maximum(start, finish)


def _not_before(leaves: Sequence[Task], logic: Logic, start: Seconds) -> Seconds:
    """(T,) planned starts of what waits for nothing, constraints, and for the rest the start of the whole."""
    constrained = instants((task.not_before for task in leaves), NEVER)
    begin = start.min() if len(start) else 0
    free: Seconds = np.maximum(constrained, np.where(np.diff(logic.first) == 0, start, begin))
    return free


def _long_enough(calendars: Sequence[Calendar], start: Seconds, finish: Seconds, work_s: float) -> WorkingTimes:
    low, high = (int(start.min()), int(finish.max())) if len(start) else (0, 0)
    return working_times(calendars, low, high, min(work_s + float((finish - start).sum()), ENDLESS_S))


def between_leaves(plan: Plan, leaves: Container[str]) -> Iterator[tuple[int, Relation]]:
    """Relations between `leaves`, each with its number in the plan: one with a summary holds for everything in it."""
    inside = contents(plan.tasks)
    for number, relation in enumerate(plan.relations):
        for before in inside.get(relation.before, (relation.before,)):
            for after in inside.get(relation.after, (relation.after,)):
                if before in leaves and after in leaves:
                    yield (
                        number,
                        relation
                        if before == relation.before and after == relation.after
                        else replace(relation, before=before, after=after),
                    )


def contents(tasks: Sequence[Task]) -> dict[str, tuple[str, ...]]:
    """The leaves under each summary, at any depth."""
    parent = {task.id: task.parent for task in tasks}
    found: dict[str, list[str]] = {task.id: [] for task in tasks if task.summary}
    for task in tasks:
        above, seen = task.parent, set[str]()
        while not task.summary and above in found and above not in seen:
            found[above].append(task.id)
            seen.add(above)
            above = parent.get(above, "")
    return {summary: tuple(leaves) for summary, leaves in found.items()}


def _logic(relations: Sequence[Relation], index: Mapping[str, int], calendar: Seconds) -> Logic:
    after = np.array([index[r.after] for r in relations], np.int64)
    by_after = np.argsort(after, kind="stable")
    kept = [relations[n] for n in by_after]
    first = np.searchsorted(after[by_after], np.arange(len(index) + 1)).astype(np.int64)
    before = np.array([index[r.before] for r in kept], np.int64)
    order = topological_order(first, before)
    if len(order) < len(index):
        raise ValueError("the relations form a cycle; examine the plan first")
    kind = np.array([KINDS[r.kind] for r in kept], np.int64)
    lag_s = np.array([round(r.lag_s) for r in kept], np.int64)
    return Logic(order, first, before, kind, lag_s, np.array([r.elapsed for r in kept], bool), calendar)


# --- The passes ------------------------------------------------------------------------------------------------------


@njit(cache=True)
def topological_order(first: Seconds, before: Seconds) -> Seconds:
    """Tasks in an order that respects every relation; shorter than their number where some lie on or behind a cycle."""
    count = len(first) - 1
    waiting = np.diff(first)
    starts = np.zeros(count + 1, np.int64)
    for b in before:
        starts[b + 1] += 1
    starts = np.cumsum(starts)
    slot, after = starts[:-1].copy(), np.empty(len(before), np.int64)
    for t in range(count):
        for r in range(first[t], first[t + 1]):
            after[slot[before[r]]] = t
            slot[before[r]] += 1
    order, done = np.empty(count, np.int64), 0
    for t in range(count):
        if waiting[t] == 0:
            order[done] = t
            done += 1
    head = 0
    while head < done:
        for s in range(starts[order[head]], starts[order[head] + 1]):
            waiting[after[s]] -= 1
            if waiting[after[s]] == 0:
                order[done] = after[s]
                done += 1
        head += 1
    return order[:done]


@njit(cache=True)
def _forward(
    logic: Logic, times: WorkingTimes, duration_s: Seconds, not_before: Seconds, fixed: Seconds
) -> tuple[Seconds, Seconds]:
    """Early starts and finishes. A `fixed` start stands, and its relations no longer count."""
    start, finish = np.empty(len(logic.order), np.int64), np.empty(len(logic.order), np.int64)
    for t in logic.order:
        c = logic.calendar[t]
        begin, end = not_before[t], NEVER
        if fixed[t] == NEVER:
            for r in range(logic.first[t], logic.first[t + 1]):
                moment = start[logic.before[r]] if logic.kind[r] == 1 or logic.kind[r] == 3 else finish[logic.before[r]]
                if logic.elapsed[r]:
                    moment += logic.lag_s[r]
                elif logic.lag_s[r] != 0:
                    moment = earliest(times, c, until(times, c, moment) + logic.lag_s[r])
                if logic.kind[r] <= 1:
                    begin = max(begin, moment)
                else:
                    end = max(end, moment)
        if duration_s[t] == 0:
            finish[t] = max(begin, end)
            start[t] = finish[t] if fixed[t] == NEVER else fixed[t]
            continue
        amount = until(times, c, begin)
        if end > NEVER:
            amount = max(amount, until(times, c, end) - duration_s[t])
        start[t] = latest(times, c, amount) if fixed[t] == NEVER else fixed[t]
        finish[t] = earliest(times, c, amount + duration_s[t])
    return start, finish


@njit(cache=True)
def _backward(logic: Logic, times: WorkingTimes, duration_s: Seconds, project_end: int) -> tuple[Seconds, Seconds]:
    """Late starts and finishes, when the whole may not end later than `project_end`."""
    begin_by = np.full(len(logic.order), -NEVER, np.int64)
    end_by = np.full(len(logic.order), project_end, np.int64)
    start, finish = np.empty(len(logic.order), np.int64), np.empty(len(logic.order), np.int64)
    for n in range(len(logic.order) - 1, -1, -1):
        t = logic.order[n]
        c = logic.calendar[t]
        if duration_s[t] == 0:
            finish[t] = min(end_by[t], begin_by[t])
            start[t] = finish[t]
        else:
            amount = until(times, c, end_by[t])
            if begin_by[t] < -NEVER:
                amount = min(amount, until(times, c, begin_by[t]) + duration_s[t])
            finish[t] = earliest(times, c, amount)
            start[t] = latest(times, c, amount - duration_s[t])
        for r in range(logic.first[t], logic.first[t + 1]):
            moment = start[t] if logic.kind[r] <= 1 else finish[t]
            if logic.elapsed[r]:
                moment -= logic.lag_s[r]
            elif duration_s[t] > 0 or logic.lag_s[r] != 0:
                amount = until(times, c, moment) - logic.lag_s[r]
                moment = latest(times, c, amount)
            if logic.kind[r] == 1 or logic.kind[r] == 3:
                begin_by[logic.before[r]] = min(begin_by[logic.before[r]], moment)
            else:
                end_by[logic.before[r]] = min(end_by[logic.before[r]], moment)
    return start, finish


@njit(cache=True)
def _free_float(logic: Logic, times: WorkingTimes, start: Seconds, finish: Seconds, project_end: int) -> Seconds:
    """How far each task may slip before any task after it does, in its own working time."""
    free = np.empty(len(logic.order), np.int64)
    for t in logic.order:
        c = logic.calendar[t]
        free[t] = until(times, c, project_end) - until(times, c, finish[t])
    for t in logic.order:
        c = logic.calendar[t]
        for r in range(logic.first[t], logic.first[t + 1]):
            b = logic.before[r]
            moment = start[t] if logic.kind[r] <= 1 else finish[t]
            if logic.elapsed[r]:
                moment -= logic.lag_s[r]
            elif logic.lag_s[r] != 0:
                moment = latest(times, c, until(times, c, moment) - logic.lag_s[r])
            anchor = start[b] if logic.kind[r] == 1 or logic.kind[r] == 3 else finish[b]
            d = logic.calendar[b]
            slack = until(times, d, moment) - until(times, d, anchor)
            free[b] = min(free[b], slack)
    return free
