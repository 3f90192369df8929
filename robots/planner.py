"""Who does what, when, and why: `plan` is the method, a line a step.

    plan(Problem(jobs, machines, distance_m), now) -> Plan

Small problems are proven optimal by CP-SAT; large ones are searched, and the plan says how far from the best it may be.
A plan is improved from the plan before, so that little changes when little happens.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bim.verdict import Reason
from robots.planner_arrays import FULL, NEVER, Arrays, Ints, arrays_of, why_nobody
from robots.planner_bound import lower_bound, sharper_bound
from robots.planner_exact import proven
from robots.planner_problem import Bound, Plan, Problem, Visit, Waiting
from robots.planner_reasons import why_left_out, why_then
from robots.planner_search import constructed, cost_of, inserted, searched
from robots.planner_timing import (
    ARRIVE,
    BATTERY,
    BOUND,
    CHANGED,
    CHARGE,
    COST,
    DRIVE,
    END,
    FINISH,
    FOR,
    LEAVE,
    LEFT_OUT,
    START,
    Routes,
    schedule,
)

BOUNDS = (Bound.TRAVEL, Bound.CHARGING, Bound.RELEASE, Bound.PREDECESSOR, Bound.ZONE, Bound.SHIFT)
"""In the order of the codes of `planner_timing`."""

AIM = 1.05
"""The finish that a search aims at, beside that of the bound."""
ROUNDS_A_JOB = 20_000
"""Candidates at most; a few jobs need no more."""


@dataclass(frozen=True)
class Effort:
    """How hard to look. Rounds, ascents and proof are counted, so that a problem has one plan; seconds are caps."""

    rounds: int = 4_000_000
    limit_s: float = 6.6
    warmth_s: float = 200.0
    """How much worse a plan may get on its way to a better one."""
    ascents: int = 40
    """Steps by which the bound gets sharper."""
    ascent_s: float = 2.2
    proof_jobs: int = 12
    """Up to so many jobs the plan is proven."""
    proof_s: float = 5.0


REPLANNING = Effort(rounds=20_000, limit_s=0.5, warmth_s=5.0, ascents=0, proof_jobs=0)
"""After one change: what the plan before had stays unless moving it gains more than a change costs."""


def plan(problem: Problem, before: Plan | None = None, effort: Effort | None = None) -> Plan:
    """The best plan found, its bound, and a reason for every start and for every job that waits.

    `before` is the plan to start from; its robots count as `problem.before`. Raises BadInput for a problem that
    contradicts itself.
    """
    if before:
        problem = replace(problem, before={visit.job_id: visit.robot_id for visit in before.visits})
    effort = effort or (REPLANNING if before else Effort())
    possible, impossible = _split(problem)
    a = arrays_of(possible)
    least = lower_bound(a)
    start = _resumed(possible, a, before) if before else constructed(a)
    rounds = min(effort.rounds, ROUNDS_A_JOB * len(possible.jobs))
    aimed = a._replace(aim=int(AIM * least.finish_s))
    routes = searched(aimed, start, rounds, effort.limit_s, effort.warmth_s)
    bound, fixed = least.cost, a
    cost = schedule(a, routes)[2]
    if effort.ascents and not cost[LEFT_OUT]:
        bound = max(bound, sharper_bound(a, least, int(cost[COST]), effort.ascents, effort.ascent_s))
    if possible.jobs and len(possible.jobs) <= effort.proof_jobs and (proof := proven(a, routes, effort.proof_s)):
        bound = max(bound, proof.bound)
        routes, fixed = min(
            ((routes, a), (proof.routes, a), (proof.routes, a._replace(release=np.maximum(a.release, proof.starts)))),
            key=lambda each: cost_of(each[1], each[0]),
        )
    return _told(possible, a, fixed, routes, bound, impossible)


def _split(problem: Problem) -> tuple[Problem, tuple[Waiting, ...]]:
    """The problem without the jobs that nobody can do, nor those that wait for them; and why."""
    a = arrays_of(problem)
    waiting = {
        job.job_id: reason for j, job in enumerate(problem.jobs) if (reason := why_nobody(problem, a, j)) is not None
    }
    waiting |= dict.fromkeys(_in_cycles(problem), _CYCLE)
    more = True
    while more:
        more = False
        for job in problem.jobs:
            blocked = [name for name in job.after if name in waiting]
            if blocked and job.job_id not in waiting:
                waiting[job.job_id] = Reason(f"it follows {blocked[0]}, which waits", f"其前置任务 {blocked[0]} 在等待")
                more = True
    jobs = tuple(job for job in problem.jobs if job.job_id not in waiting)
    return replace(problem, jobs=jobs), tuple(Waiting(*each) for each in waiting.items())


_CYCLE = Reason("it follows itself through other tasks: the order contradicts itself", "任务顺序互相矛盾：前置关系成环")


def _in_cycles(problem: Problem) -> list[str]:
    """Jobs that can never come first: what remains when whatever can is taken away."""
    after = {job.job_id: set(job.after) for job in problem.jobs}
    while free := {name for name, wanted in after.items() if not wanted & after.keys()}:
        after = {name: wanted for name, wanted in after.items() if name not in free}
    return list(after)


def _resumed(problem: Problem, a: Arrays, before: Plan) -> Routes:
    """The routes of the plan before, as far as they still can be; what is new is put where it costs least."""
    index = {job.job_id: j for j, job in enumerate(problem.jobs)}
    robots = {machine.robot_id: r for r, machine in enumerate(problem.machines)}
    known = [
        (robots[visit.robot_id], index[visit.job_id])
        for visit in before.visits
        if visit.job_id in index and visit.robot_id in robots
    ]
    return inserted(a, [(r, j) for r, j in known if a.work[r, j] >= 0])


# --- Told in words ----------------------------------------------------------------------------------------------------


def _told(
    problem: Problem, a: Arrays, fixed: Arrays, routes: Routes, bound: int, impossible: Sequence[Waiting]
) -> Plan:
    settled, rows, cost = schedule(fixed, routes)
    done = rows[:, END] < NEVER
    visits = [_visit(problem, a, rows, settled, int(j)) for j in np.flatnonzero(done)]
    ends = {visit.job_id: visit.end_s for visit in visits}
    left = [Waiting(problem.jobs[j].job_id, why_left_out(problem.jobs[j], ends)) for j in np.flatnonzero(~done)]
    return Plan(
        visits=tuple(sorted(visits, key=lambda visit: (visit.start_s, visit.job_id))),
        waiting=(*impossible, *left),
        cost=int(cost[COST]),
        bound=None if left else bound,
        finish_s=int(cost[FINISH]),
        travel_s=int(rows[done, DRIVE].sum()),
        late_s=int(np.maximum(0, rows[done, END] - a.due[done]).sum()),
        changes=int(cost[CHANGED]),
    )


def _visit(problem: Problem, a: Arrays, rows: Ints, routes: Routes, j: int) -> Visit:
    robot = problem.machines[routes.owner[j]]
    bound = BOUNDS[rows[j, BOUND]]
    visit = Visit(
        job_id=problem.jobs[j].job_id,
        robot_id=robot.robot_id,
        leave_s=int(rows[j, LEAVE]),
        travel_s=int(rows[j, DRIVE]),
        charge_s=int(rows[j, CHARGE]),
        arrive_s=int(rows[j, ARRIVE]),
        start_s=int(rows[j, START]),
        end_s=int(rows[j, END]),
        battery_after=float(rows[j, BATTERY]) / FULL if robot.dock is not None else robot.battery,
        bound=bound,
        waits_for=_cause(problem, bound, int(rows[j, FOR])),
        reason=Reason("", ""),
    )
    return replace(visit, reason=why_then(problem, visit, int((a.work[:, j] >= 0).sum())))


def _cause(problem: Problem, bound: Bound, cause: int) -> str | None:
    if bound is Bound.PREDECESSOR:
        return problem.jobs[cause].job_id
    zones: Mapping[int, str] = dict(enumerate(sorted({zone for job in problem.jobs for zone in job.zones})))
    return zones[cause] if bound is Bound.ZONE else None
