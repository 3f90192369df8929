"""Routes into times: when each robot leaves, arrives, charges, starts and ends, and what that costs.

A plan in the making is a `Routes`: for each robot the jobs in its order, as a doubly linked list. Robots are nodes
N + r, jobs nodes 0..N-1; node N + R holds the jobs that nobody does. Times follow by going through the starts in the
order of time (serial schedule generation): a zone is given to whoever can start first, predecessors are waited for, a
robot goes to its dock when it could not get back to it after the job.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from robots.planner_arrays import FULL, NEVER, Arrays, Ints

kernel = njit(cache=True, nogil=True, _nrt=False, forceinline=True)
"""Compiled without reference counts, which would take ten times as long as the work: kernels allocate nothing."""

TRAVEL, CHARGING, RELEASE, PREDECESSOR, ZONE, SHIFT = range(6)
LEAVE, DRIVE, CHARGE, ARRIVE, START, END, BATTERY, BOUND, FOR = range(9)
"""Columns of a schedule (N, 9); FOR is the job or zone that was waited for, -1 for none."""
BUSY, FINISH, LATE, CHANGED, LEFT_OUT, COST, GUIDE = range(7)
"""What a plan costs, part by part: seconds, seconds, weighted seconds, jobs, jobs, and the sum by the weights. GUIDE is
what a search goes by: the sum, and the time that each robot works after the aim."""
EVEN = 1
"""Weight of a second after the aim: without it nothing is gained before the last of many robots ends earlier."""


class Routes(NamedTuple):
    """next, previous: (N + R + 1,) nodes; each list is a ring through its robot's node. owner: (N,) robot, R for
    nobody. docks: (N,) 1 where a robot goes to its dock before the job though it need not."""

    next: Ints
    previous: Ints
    owner: Ints
    docks: Ints


def no_routes(a: Arrays) -> Routes:
    """Nobody does anything yet."""
    robots, jobs = a.work.shape
    ring = np.arange(jobs + robots + 1)
    routes = Routes(ring.copy(), ring.copy(), np.full(jobs, robots), np.zeros(jobs, np.int64))
    for j in range(jobs):
        link_after(routes, j, routes.previous[jobs + robots], robots)
    return routes


def copied(routes: Routes) -> Routes:
    """The same in memory of its own."""
    return Routes(*(part.copy() for part in routes))


@kernel
def link_after(routes, node, after, owner):  # type: ignore[no-untyped-def]
    """Put a job that is in no list behind `after`, a node of the robot `owner`."""
    behind = routes.next[after]
    routes.next[after], routes.previous[node] = node, after
    routes.next[node], routes.previous[behind] = behind, node
    routes.owner[node] = owner


@kernel
def unlink(routes, node):  # type: ignore[no-untyped-def]
    """Take a job out of its list."""
    before, behind = routes.previous[node], routes.next[node]
    routes.next[before], routes.previous[behind] = behind, before


@kernel
def approach(a, routes, m, r, j):  # type: ignore[no-untyped-def]
    """Robot `r` goes from where it is to job `j`: seconds of driving and on the dock, arrival, charge on arrival.

    By way of the dock when it shall, or when it could not work and get back to the dock otherwise; there it charges
    what the rest of its route needs, at most to full.
    """
    at, now, charge = m.at[r], m.now[r], m.charge[r]
    direct, to, back = a.leg[a.group[r], at, j], a.to_dock[r, at], a.from_dock[r, j]
    home = a.drive[r] * a.to_dock[r, j] + a.labour[r] * a.work[r, j]
    if not routes.docks[j] and charge - a.drive[r] * direct - home >= a.reserve[r]:
        return direct, 0, now + direct, charge - a.drive[r] * direct
    found = charge - a.drive[r] * to
    wanted = max(found, min(FULL, m.rest[j] + a.drive[r] * back + a.reserve[r]))
    on_dock = -((found - wanted) // a.refill[r])
    return to + back, on_dock, now + to + on_dock + back, wanted - a.drive[r] * back


@kernel
def _rests(a, routes, m):  # type: ignore[no-untyped-def]
    for r in range(len(a.work)):
        _rest(a, routes, m, r)


@kernel
def _rest(a, routes, m, r):  # type: ignore[no-untyped-def]
    """Charge that a route needs from each job's start to its end and back to the dock."""
    jobs = a.work.shape[1]
    j = routes.previous[jobs + r]
    behind = a.drive[r] * a.to_dock[r, j]
    while j < jobs:
        m.rest[j] = min(FULL, a.labour[r] * a.work[r, j] + behind)
        before = routes.previous[j]
        behind = m.rest[j] + a.drive[r] * a.leg[a.group[r], before, j]
        j = before


@kernel
def alone(a, routes, m, r):  # type: ignore[no-untyped-def]
    """Seconds that a robot drives and works, and when it is done, if it never had to wait; `m` is written over."""
    jobs = a.work.shape[1]
    _rest(a, routes, m, r)
    m.now[r], m.charge[r], m.at[r] = a.free[r], a.charge[r], jobs + r
    busy = 0
    j = routes.next[jobs + r]
    while j < jobs:
        way, _, arrive, left = approach(a, routes, m, r, j)
        work = a.work[r, j]
        busy += way + work
        m.now[r], m.charge[r], m.at[r] = arrive + work, left - a.labour[r] * work, j
        j = routes.next[j]
    return busy, m.now[r]


@kernel
def in_shift(a, r, start, work):  # type: ignore[no-untyped-def]
    """The first start from `start` on at which the work fits into a shift of the robot; NEVER for none."""
    for s in range(a.shift_first[r], a.shift_first[r + 1]):
        begin = max(start, a.shifts[s, 0])
        if begin + work <= a.shifts[s, 1]:
            return begin
    return NEVER


@kernel
def earliest(a, m, r, j, arrive):  # type: ignore[no-untyped-def]
    """Start of job `j` by robot `r`, what set it, and for what it waited; NEVER while a predecessor has no end."""
    start, bound, cause = arrive, TRAVEL, -1
    if a.release[j] > start:
        start, bound = a.release[j], RELEASE
    for k in range(a.after_first[j], a.after_first[j + 1]):
        if m.ended[a.after[k]] > start:
            start, bound, cause = m.ended[a.after[k]], PREDECESSOR, a.after[k]
    for k in range(a.zone_first[j], a.zone_first[j + 1]):
        if m.zone_free[a.zone[k]] > start:
            start, bound, cause = m.zone_free[a.zone[k]], ZONE, a.zone[k]
    if start >= NEVER:
        return start, bound, cause
    begin = in_shift(a, r, start, a.work[r, j])
    return (begin, SHIFT, -1) if begin > start else (begin, bound, cause)


class Memory(NamedTuple):
    """Where a timing notes how far it is: kernels allocate nothing."""

    now: Ints
    charge: Ints
    at: Ints
    """(R,) each: time, charge and node of a robot."""
    way: Ints
    on_dock: Ints
    arrive: Ints
    left: Ints
    """(R,) each: driving, seconds on the dock, arrival and charge of a robot on its way to its next job."""
    ready: Ints
    """(P,) when a robot can start its next job; P is R, raised to a power of two."""
    soonest: Ints
    """(2 P,) a tree of robots: behind 1, the root, each node is the sooner ready of its two children."""
    ended: Ints
    rest: Ints
    """(N,) each: end of a job, and the charge that its route needs from its start on."""
    zone_free: Ints


def memory(a: Arrays) -> Memory:
    """Memory for timings of this problem, by one thread at a time."""
    robots, jobs = a.work.shape
    leaves = 1 << max(robots - 1, 0).bit_length()
    sizes = (robots,) * 7 + (leaves, 2 * leaves, jobs, jobs, a.zones)
    return Memory(*(np.zeros(size, np.int64) for size in sizes))


def schedule(a: Arrays, routes: Routes) -> tuple[Routes, Ints, Ints]:
    """The routes as they can be done, their schedule (N, 9) and their cost (7,)."""
    settled, rows, cost = copied(routes), np.zeros((a.work.shape[1], 9), np.int64), np.zeros(7, np.int64)
    timed(a, settled, memory(a), rows, cost)
    return settled, rows, cost


@kernel
def begin(a, m):  # type: ignore[no-untyped-def]
    """Nothing has happened yet."""
    robots, jobs = a.work.shape
    for r in range(robots):
        m.now[r], m.charge[r], m.at[r] = a.free[r], a.charge[r], jobs + r
    m.ended[:], m.zone_free[:], m.rest[:] = NEVER, 0, FULL


@kernel
def timed(a, routes, m, rows, cost):  # type: ignore[no-untyped-def]
    """Fill the schedule `rows` (N, 9), or (0, 9) where nobody asks for it, and the cost (7,) of the routes.

    A job that cannot be done where it stands in its route, because its shift ends or its predecessor is not done, is
    left out: it goes to nobody and its END is NEVER.
    """
    robots, jobs = a.work.shape
    begin(a, m)
    _rests(a, routes, m)
    cost[:], m.ready[:] = 0, 2 * NEVER
    rows[:, START : END + 1] = NEVER
    for r in range(robots):
        _go_on(a, routes, m, rows, cost, r)
    _line_up(m)
    while True:
        r = m.soonest[1]
        if m.ready[r] >= 2 * NEVER:
            break
        j = routes.next[m.at[r]]
        if m.ready[r] >= NEVER:
            # Every robot waits for what never comes: this job is left out and its robot goes on.
            _skip(routes, j, jobs)
            _go_on(a, routes, m, rows, cost, r)
            _move_up(m, r)
            continue
        _do(a, m, rows, cost, r, j)
        for k in range(a.zone_first[j], a.zone_first[j + 1]):
            m.zone_free[a.zone[k]] = m.now[r]
        _go_on(a, routes, m, rows, cost, r)
        _move_up(m, r)
        for k in range(a.concerns_first[j], a.concerns_first[j + 1]):
            other = routes.owner[a.concerns[k]]
            if other < robots and routes.next[m.at[other]] == a.concerns[k]:
                m.ready[other] = min(earliest(a, m, other, a.concerns[k], m.arrive[other])[0], NEVER)
                _move_up(m, other)
    for j in range(jobs):
        cost[LEFT_OUT] += m.ended[j] >= NEVER
    busy, finish, change, left_out = a.weights
    cost[COST] = (
        busy * cost[BUSY] + finish * cost[FINISH] + cost[LATE] + change * cost[CHANGED] + left_out * cost[LEFT_OUT]
    )
    cost[GUIDE] = cost[COST]
    for r in range(robots):
        cost[GUIDE] += EVEN * max(0, m.now[r] - a.aim)


@kernel
def _go_on(a, routes, m, rows, cost, r):  # type: ignore[no-untyped-def]
    """Robot `r` does what depends on no other robot and concerns none, whenever that is; then it is on its way to a
    job that does. It is ready for that at NEVER while it cannot be, at twice NEVER when there is none."""
    jobs = a.work.shape[1]
    while True:
        j = routes.next[m.at[r]]
        if j >= jobs:
            m.ready[r] = 2 * NEVER
            return
        m.way[r], m.on_dock[r], m.arrive[r], m.left[r] = approach(a, routes, m, r, j)
        m.ready[r] = min(earliest(a, m, r, j, m.arrive[r])[0], NEVER)
        if (
            m.ready[r] >= NEVER
            or a.after_first[j] < a.after_first[j + 1]
            or a.concerns_first[j] < a.concerns_first[j + 1]
        ):
            return
        _do(a, m, rows, cost, r, j)


@kernel
def _do(a, m, rows, cost, r, j):  # type: ignore[no-untyped-def]
    """Robot `r` does job `j`, to which it is on its way."""
    start, bound, cause = earliest(a, m, r, j, m.arrive[r])
    end = start + a.work[r, j]
    if len(rows):
        rows[j, LEAVE], rows[j, DRIVE], rows[j, CHARGE], rows[j, ARRIVE] = m.now[r], m.way[r], m.on_dock[r], m.arrive[r]
        rows[j, START], rows[j, END], rows[j, FOR] = start, end, cause
        rows[j, BOUND] = CHARGING if bound == TRAVEL and m.on_dock[r] else bound
        rows[j, BATTERY] = m.left[r] - a.labour[r] * a.work[r, j]
    m.now[r], m.at[r], m.charge[r], m.ended[j] = end, j, m.left[r] - a.labour[r] * a.work[r, j], end
    cost[BUSY] += m.way[r] + a.work[r, j]
    cost[FINISH] = max(cost[FINISH], end)
    cost[LATE] += a.late[j] * max(0, end - a.due[j])
    cost[CHANGED] += a.before[j] >= 0 and a.before[j] != r


@kernel
def _line_up(m):  # type: ignore[no-untyped-def]
    leaves = len(m.ready)
    for r in range(leaves):
        m.soonest[leaves + r] = r
    for node in range(leaves - 1, 0, -1):
        m.soonest[node] = _sooner(m, node)


@kernel
def _move_up(m, r):  # type: ignore[no-untyped-def]
    """The tree again, after robot `r` is ready at another time."""
    node = (len(m.ready) + r) >> 1
    while node:
        m.soonest[node] = _sooner(m, node)
        node >>= 1


@kernel
def _sooner(m, node):  # type: ignore[no-untyped-def]
    one, other = m.soonest[2 * node], m.soonest[2 * node + 1]
    return one if m.ready[one] <= m.ready[other] else other


@kernel
def _skip(routes, j, jobs):  # type: ignore[no-untyped-def]
    unlink(routes, j)
    nobody = len(routes.next) - 1
    link_after(routes, j, routes.previous[nobody], nobody - jobs)
