"""What no plan can undercut, for problems that are too large to prove optimal.

Three parts of the cost are bounded each by itself, so their sum is a bound. Driving: the ways between jobs hang
together as a forest that grows from the robots; its minimum, sharpened by Held and Karp's multipliers (1970), is at
most what is driven. Work and finish: the cheapest fractional assignment of jobs to robots such that each robot works,
drives and charges no longer than to the finish, which no chain of predecessors undercuts. Lateness: every job at its
earliest. It holds for plans that leave nothing out.

The programme's prices of each robot's time and charge bound a second time (Lagrange): with them a second of driving
costs what it delays too, and the forest is that of priced ways. The better of the two is told.

Where a plan is known and time allows, the prices bound a third time, by the routes that robots can take at all
(`planner_routes`).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.optimize import linprog
from scipy.sparse import coo_array

from robots.planner_arrays import FULL, NEVER, Arrays, Ints
from robots.planner_routes import Prices, route_bound

Floats = npt.NDArray[np.float64]
STEPS = 300
"""Of the multipliers; more is sharper."""


@dataclass(frozen=True)
class LowerBound:
    """Cost that no plan undercuts which leaves nothing out, its finish, and what is driven at least."""

    cost: int
    finish_s: int
    driving_s: int


def lower_bound(a: Arrays) -> LowerBound:
    """The bound of a problem; jobs that nobody can do must not be in it."""
    if not a.work.shape[1]:
        return LowerBound(0, 0, 0)
    late, chain = _late_and_chain(a)
    shared, driving_s = _work_and_finish(a, chain), travel_bound(a)
    apart = int(np.ceil(shared.cost - 1e-3)) + int(a.weights[0]) * driving_s
    return LowerBound(max(apart, _priced(a, chain, shared.time, shared.charge)) + late, shared.finish_s, driving_s)


def sharper_bound(a: Arrays, least: LowerBound, known: int, ascents: int, limit_s: float) -> int:
    """The bound by the cheapest priced route of each robot. `known`: cost of a plan that leaves nothing out, which only
    plans of some finish undercut."""
    if not a.work.shape[1]:
        return 0
    late, chain = _late_and_chain(a)
    start = _work_and_finish(a, chain, with_ways=True)
    share = np.clip(start.charge / FULL * a.refill / np.maximum(start.time, 1e-9), 0.0, 1.0)
    ceiling_s = _latest_finish(a, least, known - late)
    prices = Prices(start.job, start.time, share)
    return late + route_bound(a, prices, chain, ceiling_s, known - late, ascents, limit_s)


def _latest_finish(a: Arrays, least: LowerBound, known: int) -> float:
    """No plan that costs less than `known` ends later: tangents of the cost by the finish."""
    finish_s = 1.1 * least.finish_s
    for _ in range(2):
        shared = _work_and_finish(a, int(finish_s))
        slope = float(a.weights[1]) - float(shared.time.sum())
        if slope < 1e-3:
            return float(NEVER)
        left = known - shared.cost - float(a.weights[0]) * least.driving_s
        finish_s = int(finish_s) + 1.0 + max(0.0, left) / slope
    return finish_s


def _late_and_chain(a: Arrays) -> tuple[int, int]:
    """Cost of the lateness that nobody can avoid, and when the longest chain of jobs ends at the earliest."""
    least = np.where(a.work >= 0, a.work, NEVER).min(axis=0)
    ends = _earliest_ends(a, least)
    return int((a.late * np.maximum(0, ends - a.due)).sum()), int(ends.max())


def _earliest_ends(a: Arrays, least: Ints) -> Ints:
    """(N,) when each job ends at the earliest, whoever does it and wherever that robot is before."""
    jobs = a.work.shape[1]
    begins = np.maximum(a.free, a.shifts[a.shift_first[:-1], 0])
    ends: Ints = np.maximum(np.where(a.work >= 0, begins[:, None], NEVER).min(axis=0), a.release) + least
    for _ in range(jobs):
        before = ends.copy()
        for j in range(jobs):
            for i in a.after[a.after_first[j] : a.after_first[j + 1]]:
                ends[j] = max(ends[j], ends[i] + least[j])
        if (ends == before).all():
            break
    return ends


# --- Driving ----------------------------------------------------------------------------------------------------------


def travel_bound(a: Arrays) -> int:
    """Seconds that are driven at least: the minimum forest over jobs that no two robots' skills tie together."""
    even = np.ones(len(a.work))
    return sum(int(np.ceil(_forest(a, robots, jobs, even) - 1e-6)) for robots, jobs in _components(a))


def _components(a: Arrays) -> list[tuple[Ints, Ints]]:
    """Robots and jobs that have nothing to do with each other, apart from time."""
    left = set(range(len(a.work)))
    found = []
    while left:
        mine, size = np.array([left.pop()]), 0
        while size != len(mine):
            size = len(mine)
            own = np.flatnonzero((a.work[mine] >= 0).any(axis=0))
            mine = np.flatnonzero((a.work[:, own] >= 0).any(axis=1)) if len(own) else mine
        left -= set(mine.tolist())
        if len(own):
            found.append((mine, own))
    return found


def _forest(a: Arrays, robots: Ints, jobs: Ints, price: Floats) -> float:
    """Node 0 stands for all robots; every job hangs on it or on another job. `price` (R,): of a second of driving."""
    nodes = len(jobs) + 1
    way = np.full((nodes, nodes), float(NEVER))
    for r in robots:
        own = np.flatnonzero(a.work[r, jobs] >= 0)
        leg = price[r] * a.leg[a.group[r]][np.ix_(jobs[own], jobs[own])]
        between = np.ix_(own + 1, own + 1)
        way[between] = np.minimum(way[between], np.minimum(leg, leg.T))
        first = price[r] * a.leg[a.group[r], a.work.shape[1] + r, jobs[own]]
        way[0, own + 1] = way[own + 1, 0] = np.minimum(way[0, own + 1], first)
    return float(_sharpened(way, STEPS))


@njit(cache=True)
def _sharpened(way, steps):  # type: ignore[no-untyped-def]
    """The largest minimum forest over prices of the jobs: a job has at most two ways, so a price on each beyond two
    can only be gained back."""
    nodes = len(way)
    price, best, pace = np.zeros(nodes), 0.0, 0.0
    for step in range(steps):
        total, degree = _spanning(way, price)
        value = total - 2.0 * price[1:].sum()
        best = max(best, value)
        over = degree[1:] - 2
        if step == 0:
            pace = 0.1 * total / nodes
        # Prices are of "at most two": they never fall below zero.
        price[1:] = np.maximum(0.0, price[1:] + pace * 0.98**step * over)
    return best


@njit(cache=True)
def _spanning(way, price):  # type: ignore[no-untyped-def]
    """Length of the minimum spanning tree with priced ways (Prim 1957), and the ways at each node."""
    nodes = len(way)
    near, parent = np.full(nodes, np.inf), np.zeros(nodes, np.int64)
    out, degree = np.ones(nodes, np.bool_), np.zeros(nodes, np.int64)
    total, at = 0.0, 0
    out[0] = False
    for _ in range(nodes - 1):
        nearest = -1
        for k in range(nodes):
            if out[k]:
                length = way[at, k] + price[at] + price[k]
                if length < near[k]:
                    near[k], parent[k] = length, at
                if nearest < 0 or near[k] < near[nearest]:
                    nearest = k
        total += near[nearest]
        degree[nearest] += 1
        degree[parent[nearest]] += 1
        out[nearest] = False
        at = nearest
    return total, degree


# --- Work and finish --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Shared:
    """The least cost of work and of the finish where jobs may be shared, and the prices: (N,) of a job, (R,) of a
    robot's second and of a whole charge of its battery."""

    cost: float
    finish_s: int
    job: Floats
    time: Floats
    charge: Floats


def _work_and_finish(a: Arrays, chain: int, with_ways: bool = False) -> _Shared:
    """The least cost of work and of a finish T by a fractional assignment: a robot works, drives at least the shortest
    way to each of its jobs, and charges what its battery lacks for that. T is at least `chain`, so that a robot that is
    free later, and may do nothing, counts as free by then. `with_ways`: the shortest ways cost, too."""
    robots, jobs = a.work.shape
    r, j = np.nonzero(a.work >= 0)
    way = _shortest_ways(a)[r, j]
    pairs, own, each = len(r), np.arange(robots), np.arange(len(r))
    # Variables: a share for each pair, seconds of charging for each robot, and T.
    columns = pairs + robots + 1
    time_rows = np.concatenate([r, own, own])
    time = np.concatenate([a.work[r, j] + way, np.ones(robots), -np.ones(robots)])
    time_at = np.concatenate([each, pairs + own, np.full(robots, columns - 1)])
    drain = np.concatenate([a.labour[r] * a.work[r, j] + a.drive[r] * way, -a.refill])
    drain_rows, drain_at = np.concatenate([r, own]) + robots, np.concatenate([each, pairs + own])
    limits = coo_array(
        (
            np.concatenate([time, drain / FULL]),
            (np.concatenate([time_rows, drain_rows]), np.concatenate([time_at, drain_at])),
        ),
        shape=(2 * robots, columns),
    )
    most = np.concatenate([-np.minimum(a.free, chain), (a.charge - a.reserve) / FULL])
    whole = coo_array((np.ones(pairs), (j, each)), shape=(jobs, columns))
    busy = a.work[r, j] + (way if with_ways else 0)
    cost = np.concatenate([a.weights[0] * busy, np.zeros(robots), [a.weights[1]]])
    least = [(0, None)] * (columns - 1) + [(chain, None)]
    found = linprog(cost, A_ub=limits, b_ub=most, A_eq=whole, b_eq=np.ones(jobs), bounds=least, method="highs")
    if not found.success:
        return _Shared(0.0, chain, np.zeros(jobs), np.zeros(robots), np.zeros(robots))
    prices = -found.ineqlin.marginals
    return _Shared(float(found.fun), int(found.x[-1]), found.eqlin.marginals, prices[:robots], prices[robots:])


def _priced(a: Arrays, chain: int, time: Floats, charge: Floats) -> int:
    """What no plan undercuts when robots are free to work beyond the finish and below their reserve, at these prices.

    It holds for all prices that are not below zero, where those of time are together at most what the finish costs, and
    a second on the dock is not worth more charge than it costs time.
    """
    busy, finish = (float(weight) for weight in a.weights[:2])
    time = np.maximum(time, 0.0)
    time *= min(1.0, finish / max(float(time.sum()), 1e-9))
    charge = np.clip(charge, 0.0, time * FULL / a.refill)
    working, driving = (busy + time + charge * drain / FULL for drain in (a.labour, a.drive))
    work = np.where(a.work >= 0, working[:, None] * a.work, np.inf).min(axis=0).sum()
    ways = sum(_forest(a, robots, jobs, driving) for robots, jobs in _components(a))
    held = (finish - time.sum()) * chain + (time * np.minimum(a.free, chain)).sum()
    had = (charge * (a.charge - a.reserve) / FULL).sum()
    return int(np.ceil(work + ways + held - had - 1e-3))


def _shortest_ways(a: Arrays) -> Ints:
    """(R, N) the shortest last leg to each job, wherever it comes from."""
    jobs = a.work.shape[1]
    leg = a.leg.copy()
    leg[:, np.arange(jobs), np.arange(jobs)] = NEVER
    ways: Ints = leg.min(axis=1)[a.group]
    return ways
