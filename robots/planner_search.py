"""Good routes for many jobs: construct, then improve by simulated annealing (Kirkpatrick, Gelatt and Vecchi 1983).

Moves are those of vehicle routing between jobs that lie near each other (granular neighbourhoods, Toth and Vigo 2003):
a piece of a route goes elsewhere or is reversed, two jobs change places, two routes swap their tails, a robot charges
at another time. What the two changed routes would cost alone refuses most candidates; the others are timed whole, some
at a time, so that zones, predecessors, batteries and shifts count. The same seed gives the same plan.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import numpy as np

from robots.planner_arrays import NEVER, Arrays, Ints
from robots.planner_timing import (
    COST,
    EVEN,
    FINISH,
    GUIDE,
    LATE,
    LEFT_OUT,
    Routes,
    alone,
    approach,
    begin,
    copied,
    earliest,
    kernel,
    link_after,
    memory,
    no_routes,
    schedule,
    timed,
    unlink,
)

NEAR = 12
"""Neighbours of a job that are tried."""
LONGEST_PIECE = 3
CHUNK = 4_000
"""Candidates between two looks at the clock."""
TRUST = 12
"""Changes at most that are estimated before all routes are timed again."""
COOLED = 0.01
"""Last temperature beside the first."""


def searched(a: Arrays, start: Routes, rounds: int, limit_s: float, warmth_s: float, searches: int = 2) -> Routes:
    """The best routes that independent searches from `start` find in at most so many candidates and seconds.

    `warmth_s`: a plan may get so much worse, in seconds of one robot, to escape a local optimum; it falls with time.
    """
    if not a.work.size:
        return start
    near = neighbours(a)
    ends_at = monotonic() + limit_s
    with ThreadPoolExecutor(searches) as pool:
        found = list(
            pool.map(lambda seed: _annealed(a, start, near, seed, rounds, ends_at, limit_s, warmth_s), range(searches))
        )
    return min(found, key=lambda routes: cost_of(a, routes))


def _annealed(
    a: Arrays, start: Routes, near: Ints, seed: int, rounds: int, ends_at: float, limit_s: float, warmth_s: float
) -> Routes:
    here, sure, best, candidate = copied(start), copied(start), copied(start), copied(start)
    rows, costs, own = np.zeros((0, 9), np.int64), np.zeros((3, 7), np.int64), np.zeros((6, len(a.free)), np.int64)
    m, tried = memory(a), 0
    while tried < rounds and (left_s := ends_at - monotonic()) > 0.0:
        share = max(tried / rounds, 1.0 - left_s / limit_s)
        warmth = warmth_s * COOLED**share
        _improve(a, here, sure, best, candidate, m, rows, costs, own, near, seed * 1_000_003 + tried, CHUNK, warmth)
        tried += CHUNK
    return best


def cost_of(a: Arrays, routes: Routes) -> int:
    """What the routes cost altogether."""
    return int(schedule(a, routes)[2][COST])


def neighbours(a: Arrays) -> Ints:
    """(N, K) the nodes from which each job is reached soonest: jobs and places of robots that could do it too."""
    robots, jobs = a.work.shape
    can = (a.work >= 0).astype(np.float32)
    together = np.concatenate([can.T @ can, can]) > 0.0
    way = np.where(together, a.leg.min(axis=0), NEVER)
    way[np.arange(jobs), np.arange(jobs)] = 2 * NEVER
    return np.argsort(way, axis=0, kind="stable")[: min(NEAR, jobs + robots - 1)].T.copy()


# --- Construction -----------------------------------------------------------------------------------------------------


def constructed(a: Arrays) -> Routes:
    """Routes by dispatch: whoever can begin first takes the job that is near and holds up most."""
    routes = no_routes(a)
    _dispatch(a, routes, memory(a), np.ones(a.work.shape[1], np.int64), _tails(a))
    return routes


def _tails(a: Arrays) -> Ints:
    """(N,) the longest chain of work that waits for each job. Jobs in a cycle keep what they have: they never start."""
    jobs = a.work.shape[1]
    least = np.where(a.work >= 0, a.work, NEVER).min(axis=0) if len(a.work) else np.zeros(jobs, np.int64)
    tail = np.zeros(jobs, np.int64)
    for _ in range(jobs):
        before = tail.copy()
        for j in range(jobs):
            for i in a.after[a.after_first[j] : a.after_first[j + 1]]:
                tail[i] = max(tail[i], min(tail[j] + least[j], NEVER))
        if (tail == before).all():
            break
    return tail


@kernel
def _dispatch(a, routes, m, waits, tail):  # type: ignore[no-untyped-def]
    robots, jobs = a.work.shape
    begin(a, m)
    while True:
        best, best_r, best_j, best_start = 2 * NEVER, -1, -1, NEVER
        for j in range(jobs):
            for r in range(robots if waits[j] else 0):
                if a.work[r, j] < 0:
                    continue
                way, _, arrive, _ = approach(a, routes, m, r, j)
                start, _, _ = earliest(a, m, r, j, arrive)
                value = start + way + a.work[r, j] // 8 - tail[j] // 4
                if start < NEVER and value < best:
                    best, best_r, best_j, best_start = value, r, j, start
        if best_r < 0:
            return
        r, j = best_r, best_j
        _, _, _, left = approach(a, routes, m, r, j)
        end = best_start + a.work[r, j]
        unlink(routes, j)
        link_after(routes, j, m.at[r], r)
        m.now[r], m.at[r], m.charge[r], m.ended[j] = end, j, left - a.labour[r] * a.work[r, j], end
        waits[j] = 0
        for k in range(a.zone_first[j], a.zone_first[j + 1]):
            m.zone_free[a.zone[k]] = end


def inserted(a: Arrays, known: Sequence[tuple[int, int]]) -> Routes:
    """Routes that keep what is known, (robot, job) in the order of time, with every other job where it costs least."""
    routes = no_routes(a)
    jobs = a.work.shape[1]
    for r, j in known:
        unlink(routes, j)
        link_after(routes, j, routes.previous[jobs + r], r)
    placed = {j for _, j in known}
    for j in (j for j in np.argsort(_tails(a))[::-1] if j not in placed):
        routes = _cheapest(a, routes, int(j))
    return routes


def _cheapest(a: Arrays, routes: Routes, j: int) -> Routes:
    """The routes with job `j` behind the node where that costs least."""
    robots, jobs = a.work.shape
    found = [routes]
    for i in range(jobs + robots):
        r = routes.owner[i] if i < jobs else i - jobs
        if i != j and r < robots and a.work[r, j] >= 0:
            found.append(copied(routes))
            unlink(found[-1], j)
            link_after(found[-1], j, i, r)
    return min(found, key=lambda each: cost_of(a, each))


# --- Improvement ------------------------------------------------------------------------------------------------------


@kernel
def _improve(a, here, sure, best, candidate, m, rows, costs, own, near, seed, rounds, warmth):  # type: ignore[no-untyped-def]
    """Try so many candidates from `here`; `best` is replaced by whatever costs less.

    Estimates are taken on trust for a while; `sure` are the routes that were timed last, to which a search goes back
    that was led astray, and then trusts for half as long.
    """
    np.random.seed(seed % 2**31)
    robots, jobs = a.work.shape
    cost, trial, least = costs[0], costs[1], costs[2]
    timed(a, best, m, rows, least)
    timed(a, here, m, rows, cost)
    _remember(a, here, m, own)
    _write(here, candidate)
    _write(here, sure)
    trusted, most = 0, 1
    for _ in range(rounds):
        j = np.random.randint(jobs)
        i = near[j, np.random.randint(near.shape[1])]
        r, s = here.owner[j], (here.owner[i] if i < jobs else i - jobs)
        if s >= robots or a.work[s, j] < 0 or not _move(a, candidate, j, i):
            continue
        allowed = cost[GUIDE] - warmth * np.log(1.0 - np.random.random())
        if cost[LATE] + cost[LEFT_OUT] == 0:
            more, finish = _estimate(a, candidate, m, own, cost[FINISH], r, s)
            if cost[GUIDE] + more > allowed:
                _write_two(here, candidate, r, s)
                continue
            if trusted + 1 < most:
                trusted += 1
                cost[GUIDE] += more
                cost[FINISH] = finish
                for k in range(3):
                    own[k, r], own[k, s] = own[3 + k, r], own[3 + k, s]
                _write_two(candidate, here, r, s)
                continue
        timed(a, candidate, m, rows, trial)
        if trial[GUIDE] > allowed:
            # Timing may have left out jobs of any route.
            if trusted:
                _write(sure, here)
                timed(a, here, m, rows, cost)
                _remember(a, here, m, own)
            _write(here, candidate)
            trusted, most = 0, max(1, most // 2)
            continue
        _write(candidate, here)
        _write(candidate, sure)
        _note(trial, cost)
        _remember(a, here, m, own)
        trusted, most = 0, min(most + 1, TRUST)
        if cost[COST] < least[COST]:
            _note(cost, least)
            _write(here, best)
    _write(sure, here)


@kernel
def _remember(a, routes, m, own):  # type: ignore[no-untyped-def]
    """For each robot what its route costs and when it would be done alone, and when it is done."""
    for r in range(len(m.now)):
        own[2, r] = m.now[r]
    for r in range(len(m.now)):
        own[0, r], own[1, r] = _alone(a, routes, m, r)


@kernel
def _estimate(a, routes, m, own, finish, r, s):  # type: ignore[no-untyped-def]
    """Roughly how much more two changed routes cost, and the finish: waiting is taken to stay as it is, or to go where
    it could matter for the finish. What `own` tells of the two, it tells of their changed routes in its rows from 3."""
    robots = len(a.work)
    more, last = 0, 0
    for k in range(robots):
        if k != r and k != s:
            last = max(last, own[2, k])
    for one in (r, s if s != r else robots):
        if one >= robots:
            continue
        cost, end = _alone(a, routes, m, one)
        expected = own[2, one] + end - own[1, one]
        more += cost - own[0, one] + EVEN * (max(0, expected - a.aim) - max(0, own[2, one] - a.aim))
        last = max(last, end)
        own[3, one], own[4, one], own[5, one] = cost, end, expected
    return more + a.weights[1] * (last - finish), last


@kernel
def _alone(a, routes, m, r):  # type: ignore[no-untyped-def]
    """What a route costs, and when its robot is done, if it never had to wait."""
    jobs = a.work.shape[1]
    busy, end = alone(a, routes, m, r)
    changed = 0
    j = routes.next[jobs + r]
    while j < jobs:
        changed += a.before[j] >= 0 and a.before[j] != r
        j = routes.next[j]
    return a.weights[0] * busy + a.weights[2] * changed, end


@kernel
def _write(source, target):  # type: ignore[no-untyped-def]
    # Element by element: a slice would allocate.
    for k in range(len(source.next)):
        target.next[k], target.previous[k] = source.next[k], source.previous[k]
    for j in range(len(source.owner)):
        target.owner[j], target.docks[j] = source.owner[j], source.docks[j]


@kernel
def _write_two(source, target, r, s):  # type: ignore[no-untyped-def]
    """As `_write`, where only the routes of two robots differ."""
    jobs = len(source.owner)
    for one in (r, s):
        node = jobs + one
        while True:
            target.next[node], target.previous[node] = source.next[node], source.previous[node]
            node = source.next[node]
            if node >= jobs:
                break
            target.owner[node], target.docks[node] = source.owner[node], source.docks[node]


@kernel
def _note(source, target):  # type: ignore[no-untyped-def]
    for k in range(len(source)):
        target[k] = source[k]


@kernel
def _move(a, routes, j, i):  # type: ignore[no-untyped-def]
    """Change the routes so that job `j` follows node `i`, one way or another; False where that cannot be."""
    kind = np.random.randint(5)
    if kind == 4:
        return _dock(a, routes, j)
    if kind == 3:
        return _swap_tails(a, routes, j, i) or _reverse(a, routes, j, i)
    if kind == 2:
        return _swap(a, routes, j, routes.next[i])
    return _relocate(a, routes, j, i, 1 + np.random.randint(LONGEST_PIECE) if kind else 1)


@kernel
def _dock(a, routes, j):  # type: ignore[no-untyped-def]
    """The robot charges before `j`, and otherwise only where it must; or there too only when it must."""
    robots, jobs = a.work.shape
    r, docks = routes.owner[j], routes.docks[j]
    if r >= robots or a.drive[r] + a.labour[r] == 0:
        return False
    node = routes.next[jobs + r]
    while node < jobs:
        routes.docks[node] = 0
        node = routes.next[node]
    routes.docks[j] = 1 - docks
    return True


@kernel
def _relocate(a, routes, j, i, length):  # type: ignore[no-untyped-def]
    """A piece of a route that begins with `j` goes behind `i`."""
    robots, jobs = a.work.shape
    owner = routes.owner[i] if i < jobs else i - jobs
    piece = 0
    node = j
    while piece < length and node < jobs:
        if node == i or a.work[owner, node] < 0:
            return False
        if routes.owner[j] >= robots and piece == 1:
            break
        piece, node = piece + 1, routes.next[node]
    if routes.previous[j] == i:
        return False
    node = j
    for _ in range(piece):
        behind = routes.next[node]
        unlink(routes, node)
        link_after(routes, node, i, owner)
        i, node = node, behind
    return True


@kernel
def _swap(a, routes, j, k):  # type: ignore[no-untyped-def]
    """Two jobs change places."""
    robots, jobs = a.work.shape
    if k >= jobs or k == j:
        return False
    r, s = routes.owner[j], routes.owner[k]
    if r >= robots or a.work[s, j] < 0 or a.work[r, k] < 0 or routes.next[j] == k or routes.next[k] == j:
        return False
    before_j, before_k = routes.previous[j], routes.previous[k]
    unlink(routes, j)
    unlink(routes, k)
    link_after(routes, j, before_k, s)
    link_after(routes, k, before_j, r)
    return True


@kernel
def _swap_tails(a, routes, j, i):  # type: ignore[no-untyped-def]
    """What follows `i`, and `j` with what follows it, change places between two robots."""
    robots, jobs = a.work.shape
    s, r = (routes.owner[i] if i < jobs else i - jobs), routes.owner[j]
    if r >= robots or r == s:
        return False
    if not (_can_all(a, routes, j, s) and _can_all(a, routes, routes.next[i], r)):
        return False
    before_j, tail = routes.previous[j], routes.next[i]
    _append_all(a, routes, j, i, s)
    _append_all(a, routes, tail, before_j, r)
    return True


@kernel
def _reverse(a, routes, j, i):  # type: ignore[no-untyped-def]
    """What lies between `i` and `j` on the route of one robot, `j` included, is done in reverse."""
    robots, jobs = a.work.shape
    r = routes.owner[j]
    if r >= robots or r != (routes.owner[i] if i < jobs else i - jobs) or routes.previous[j] == i:
        return False
    first = j
    while first != i and first < jobs:
        first = routes.previous[first]
    if first != i:
        return False
    node = routes.next[i]
    while node != j:
        behind = routes.next[node]
        unlink(routes, node)
        link_after(routes, node, j, r)
        node = behind
    return True


@kernel
def _can_all(a, routes, node, r):  # type: ignore[no-untyped-def]
    jobs = a.work.shape[1]
    while node < jobs:
        if a.work[r, node] < 0:
            return False
        node = routes.next[node]
    return True


@kernel
def _append_all(a, routes, node, after, r):  # type: ignore[no-untyped-def]
    """Move `node` and all that follows it behind `after`; what followed `after` comes behind that."""
    jobs = a.work.shape[1]
    while node < jobs:
        behind = routes.next[node]
        unlink(routes, node)
        link_after(routes, node, after, r)
        after, node = node, behind
