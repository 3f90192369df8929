"""What no plan undercuts by prices: each job pays for being done, each robot takes its cheapest route (Lagrange).

With prices of the jobs and of the robots' time, the robots no longer concern each other. A plan costs at least the
prices of all jobs and, for each robot, the priced cost of its cheapest route: driving from where it is, by way of its
dock where its charge does not last, and charging what it lacks. Routes are q-routes (Christofides, Mingozzi and Toth
1981): their work is counted in steps that are rounded down, and a job may come again, though not after only one other.
Prices rise for jobs that no route takes and fall for those that many take (Polyak's subgradient steps).
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from robots.planner_arrays import Arrays, Ints
from robots.planner_timing import kernel

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

STEPS = 160
"""Of a robot's time: more is sharper and slower."""
MOST_STEPS = 1_000
NO_WAY_S = 1e7
"""Longer ways count as this long; no plan takes them."""
NONE = np.float32(1e30)
PACE, INERTIA = 0.03, 0.6
"""Of the steps: shares of Polyak's length, and of the step before."""
ROUNDING = 1e-4
"""Of a route's cost in single precision, as a share of the highest price."""
START, DOCK = -1, -2
"""What comes before the first job, and before a job after the dock."""


@dataclass(frozen=True)
class Prices:
    """Of each job (N,); of each robot's second (R,), together at most what a second of the finish costs; and of its
    charge (R,), as a share of what the time on the dock for it costs."""

    job: Floats
    time: Floats
    charge: Floats


def route_bound(
    a: Arrays, prices: Prices, floor_s: int, ceiling_s: float, known: int, ascents: int, limit_s: float
) -> int:
    """Least cost of work, driving and finish of plans that end between `floor_s` and `ceiling_s`, at most `known`, the
    cost of a plan; 0 where a robot's time is too many steps. So many ascents at most, begun within so many seconds."""
    steps = [step for r in range(len(a.work)) for step in _steps(a, r, float(prices.charge[r]), ceiling_s)]
    if any(step.most > MOST_STEPS for step in steps):
        return 0
    time = np.maximum(prices.time, 0.0)
    time *= min(1.0, float(a.weights[1]) / max(float(time.sum()), 1e-9))
    held = (float(a.weights[1]) - time.sum()) * floor_s + float((time * np.minimum(a.free, floor_s)).sum())
    job, best, move, ends_at = prices.job.copy(), 0.0, np.zeros(a.work.shape[1]), monotonic() + limit_s
    busy, seconds = [float(a.weights[0])] * len(steps), [float(time[step.robot]) for step in steps]
    with ThreadPoolExecutor(2) as pool:
        for _ in range(ascents):
            if monotonic() > ends_at:
                break
            found = list(pool.map(_Steps.cheapest, steps, busy, seconds, [job] * len(steps)))
            least = held + job.sum()
            untaken = np.ones(len(job))
            for cost, route in _each_robot(steps, found):
                least += cost - ROUNDING * float(np.abs(job).max(initial=1.0))
                np.subtract.at(untaken, route, 1.0)
            best = max(best, least)
            move = untaken + INERTIA * move
            job += PACE * max(0.0, known - least) / max(1.0, float(untaken @ untaken)) * move
    return min(known, int(np.ceil(best)))


def _each_robot(steps: "Sequence[_Steps]", found: Sequence[tuple[float, Ints]]) -> list[tuple[float, Ints]]:
    """The cheaper of each robot's routes with and without its dock; none at all costs nothing."""
    nothing = (0.0, np.zeros(0, np.int64))
    best = dict.fromkeys((step.robot for step in steps), nothing)
    for step, route in zip(steps, found, strict=True):
        best[step.robot] = min(best[step.robot], route, key=lambda each: each[0])
    return list(best.values())


@dataclass(frozen=True)
class _Steps:
    """One robot's n jobs, with or without a visit to its dock, and how much of its time each takes."""

    robot: int
    docks: bool
    jobs: Ints
    work: Floats
    leg: Floats
    """(n, n) seconds of driving."""
    first: Floats
    to_dock: Floats
    """(n + 1,) the last from where it is."""
    from_dock: Floats
    drive: float
    """Seconds on the dock that a second of driving costs, as far as charge is priced; likewise:"""
    labour: float
    had: float
    """Seconds on the dock that its charge saves."""
    step: Ints
    most: int

    def cheapest(self, busy: float, time: float, price: Floats) -> tuple[float, Ints]:
        """Cost and jobs of the cheapest route at these prices."""
        driving, working = busy + time * (1.0 + self.drive), busy + time * (1.0 + self.labour)
        n = len(self.jobs)
        memory = _memory(self.most + 1, n, self.docks)
        cost, length = _cheapest(
            (driving * self.leg).astype(np.float32),
            (driving * self.first).astype(np.float32),
            (driving * self.to_dock).astype(np.float32),
            (driving * self.from_dock).astype(np.float32),
            (working * self.work - price[self.jobs]).astype(np.float32),
            (time * self.drive * self.to_dock[:n]).astype(np.float32),
            self.step,
            memory,
        )
        return float(cost) - time * self.had, self.jobs[memory.route[:length]]


def _steps(a: Arrays, r: int, share: float, ceiling_s: float) -> list[_Steps]:
    """A robot's routes, each kind by itself: without its dock, and by way of it where its charge may not last."""
    n = a.work.shape[1]
    own = np.flatnonzero(a.work[r] >= 0)
    drains = bool(a.drive[r] + a.labour[r])
    work, drive, labour, refill = (
        a.work[r, own].astype(float),
        float(a.drive[r]),
        float(a.labour[r]),
        float(a.refill[r]),
    )
    ways = np.minimum(a.leg[a.group[r]], NO_WAY_S)
    leg, first = ways[np.ix_(own, own)], ways[n + r, own]
    np.fill_diagonal(leg, NO_WAY_S)
    to_dock = np.minimum(a.to_dock[r, [*own, n + r]], NO_WAY_S)
    from_dock = np.minimum(a.from_dock[r, own], NO_WAY_S)
    nearest = np.minimum(leg.min(axis=0, initial=NO_WAY_S), first)
    nearest = np.minimum(nearest, from_dock) if drains else nearest
    time, energy = work + nearest, labour * work + drive * nearest
    span = min(ceiling_s, float(a.shifts[a.shift_first[r] : a.shift_first[r + 1], 1].max(initial=0))) - float(a.free[r])
    had = float(a.charge[r] - a.reserve[r])
    if span <= 0 or not len(own):
        return []

    def kind(docks: bool, leg: Floats, weight: Floats, most: float) -> list[_Steps]:
        if most <= 0:
            return []
        unit = min(most / STEPS, float(weight.min()))
        step, last = (weight // unit).astype(np.int64), int(most / unit * (1.0 + 1e-9))
        priced = share / refill if docks else 0.0
        on_dock = priced * drive, priced * labour, priced * had
        return [_Steps(r, docks, own, work, leg, first, to_dock, from_dock, *on_dock, step, last)]

    if not drains:
        return kind(False, leg, time, span)
    if max(drive, labour) * span + drive * float(to_dock.max()) <= had:
        # It never has to charge; a visit to the dock is a way like others.
        by_dock = np.minimum(leg, to_dock[:-1, None] + from_dock)
        np.fill_diagonal(by_dock, NO_WAY_S)
        return kind(False, by_dock, time, span)
    by_charge = energy.min() > 0 and energy.sum() * span > time.sum() * had
    direct = kind(False, leg, energy, had) if by_charge else kind(False, leg, time, span)
    return direct + kind(True, leg, time + energy / refill, span + had / refill)


class _Memory(NamedTuple):
    """least, second (K, T, n): the least cost of a route that ends with each job at each step, and the least by way of
    another job before it; before (K, T, n) the job before. K = 2 tells whether the dock was visited. dock (T,) the
    least cost at the dock, from_job (T,) whence. seen (2, K, n): the least and second least at any step so far, and
    seen_from (K, n) the job before of the least. near, other (n,): the least and second least cost of coming to each
    job at one step; by (n,) whence the least. route: the jobs of the answer, last first."""

    least: Singles
    second: Singles
    before: npt.NDArray[np.int32]
    dock: Singles
    from_job: npt.NDArray[np.int32]
    seen: Singles
    seen_from: npt.NDArray[np.int32]
    near: Singles
    other: Singles
    by: npt.NDArray[np.int32]
    route: Ints


def _memory(steps: int, jobs: int, docks: bool) -> _Memory:
    shape = 1 + docks, steps, jobs
    return _Memory(
        np.full(shape, NONE, np.float32),
        np.full(shape, NONE, np.float32),
        np.full(shape, START, np.int32),
        np.full(steps, NONE, np.float32),
        np.full(steps, START, np.int32),
        np.full((2, 1 + docks, jobs), NONE, np.float32),
        np.full((1 + docks, jobs), START, np.int32),
        np.full(jobs, NONE, np.float32),
        np.full(jobs, NONE, np.float32),
        np.full(jobs, START, np.int32),
        np.zeros(steps + 1, np.int64),
    )


@kernel
def _cheapest(leg, first, to_dock, from_dock, work, home, step, memory):  # type: ignore[no-untyped-def]
    """Least cost of a route of at least one job, and how many jobs it has; NONE and 0 for no route."""
    kinds, steps, jobs = memory.least.shape
    best, best_t, best_job, docked = NONE, 0, 0, NONE
    for t in range(steps):
        for k in range(kinds):
            for j in range(jobs):
                memory.near[j] = first[j] if k == 0 and t == 0 else NONE
                memory.other[j], memory.by[j] = NONE, START
            if k == 1:
                docked = _by_dock(memory, t, to_dock, from_dock, docked)
            for i in range(jobs):
                if _news(memory, k, t, i):
                    end = memory.least[k, t, i] + home[i]
                    if k == kinds - 1 and end < best:
                        best, best_t, best_job = end, t, i
                    _go_on(memory, k, t, i, leg)
            _work(memory, k, t, step, work)
    return best, _traced(memory, kinds - 1, best_t, best_job, step, from_dock, leg, work) if best < NONE else 0


@kernel
def _by_dock(memory, t, to_dock, from_dock, docked):  # type: ignore[no-untyped-def]
    """From wherever the robot is at step `t` to its dock, and on to every job, if that is cheaper than `docked`, the
    least at a step before; the new least."""
    jobs = len(from_dock)
    memory.dock[t] = to_dock[jobs] if t == 0 else NONE
    for i in range(jobs):
        cost = memory.least[0, t, i] + to_dock[i]
        if cost < memory.dock[t]:
            memory.dock[t], memory.from_job[t] = cost, i
    if memory.dock[t] < docked:
        for j in range(jobs):
            memory.near[j], memory.by[j] = memory.dock[t] + from_dock[j], DOCK
    return min(docked, memory.dock[t])


@kernel
def _news(memory, k, t, i):  # type: ignore[no-untyped-def]
    """Whether job `i` at step `t` leads anywhere cheaper than at a step before; it is noted then."""
    cost, came, otherwise = memory.least[k, t, i], memory.before[k, t, i], memory.second[k, t, i]
    seen, seen_else, same = memory.seen[0, k, i], memory.seen[1, k, i], came == memory.seen_from[k, i]
    if cost < seen:
        memory.seen[0, k, i], memory.seen_from[k, i] = cost, came
        memory.seen[1, k, i] = min(seen_else if same else seen, otherwise)
        return True
    memory.seen[1, k, i] = min(seen_else, otherwise if same else cost)
    return memory.seen[1, k, i] < seen_else


@kernel
def _go_on(memory, k, t, i, leg):  # type: ignore[no-untyped-def]
    """From job `i` to every job; to that from which it came only by way of another."""
    near, other, by = memory.near, memory.other, memory.by
    came = max(memory.before[k, t, i], 0)
    kept, kept_other, kept_by = near[came], other[came], by[came]
    _spread(memory.least[k, t, i], i, leg, near, other, by)
    if memory.before[k, t, i] < 0:
        return
    near[came], other[came], by[came] = kept, kept_other, kept_by
    back = memory.second[k, t, i] + leg[i, came]
    if back < kept:
        near[came], other[came], by[came] = back, kept, i
    else:
        other[came] = min(kept_other, back)


@kernel
def _spread(cost, i, leg, near, other, by):  # type: ignore[no-untyped-def]
    """From job `i` to every job; without branches, so that eight go at once."""
    for j in range(len(near)):
        way = cost + leg[i, j]
        less = way < near[j]
        other[j] = near[j] if less else min(other[j], way)
        by[j] = i if less else by[j]
        near[j] = way if less else near[j]


@kernel
def _work(memory, k, t, step, work):  # type: ignore[no-untyped-def]
    near, other, by = memory.near, memory.other, memory.by
    for j in range(len(work)):
        then = t + step[j]
        if then < memory.least.shape[1]:
            memory.least[k, then, j], memory.second[k, then, j] = near[j] + work[j], other[j] + work[j]
            memory.before[k, then, j] = by[j]


@kernel
def _traced(memory, kind, t, job, step, from_dock, leg, work):  # type: ignore[no-untyped-def]
    """The jobs of the route that ends so, last first; how many."""
    least, second, before, route = memory.least, memory.second, memory.before, memory.route
    dock, from_job = memory.dock, memory.from_job
    length, came = 0, before[kind, t, job]
    while True:
        route[length] = job
        length += 1
        t -= step[job]
        if came == DOCK:
            came = from_job[t]
            kind, back = 0, START
        else:
            back = job
        if came == START:
            return length
        if back < 0 or before[kind, t, came] != back:
            job, came = came, before[kind, t, came]
            continue
        # It came by the second least: whence is not noted, so it is looked for.
        at, wanted, found, nearest = t - step[came], second[kind, t, came] - work[came], START, NONE
        if kind == 1 and abs(dock[at] + from_dock[came] - wanted) < nearest:
            found, nearest = DOCK, abs(dock[at] + from_dock[came] - wanted)
        for i in range(len(work)):
            if i != came and i != back:
                cost = second[kind, at, i] if before[kind, at, i] == came else least[kind, at, i]
                if abs(cost + leg[i, came] - wanted) < nearest:
                    found, nearest = i, abs(cost + leg[i, came] - wanted)
        job, came = came, found
