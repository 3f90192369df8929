"""Whether a plan obeys every rule of its problem, found out without any of the planner's own code."""

import math
from collections.abc import Iterator
from itertools import pairwise

from robots.planner_problem import Job, Machine, Plan, Problem, Visit

SLACK = 2e-5
"""Of a battery: what is rounded up a second, over a shift."""


def broken_rules(problem: Problem, plan: Plan) -> list[str]:
    """What the plan does that it must not; empty for a sound plan."""
    return list(_broken(problem, plan))


def _broken(problem: Problem, plan: Plan) -> Iterator[str]:
    jobs = {job.job_id: job for job in problem.jobs}
    visits = {visit.job_id: visit for visit in plan.visits}
    told = [visit.job_id for visit in plan.visits] + [waiting.job_id for waiting in plan.waiting]
    if sorted(told) != sorted(jobs):
        yield "every job is planned once or waits with a reason"
    if any(not waiting.reason.en or not waiting.reason.zh for waiting in plan.waiting):
        yield "a job waits without a reason"
    for visit in plan.visits:
        job = jobs[visit.job_id]
        if visit.start_s < job.release_s:
            yield f"{job.job_id} starts before its release"
        for name in job.after:
            if name not in visits or visits[name].end_s > visit.start_s:
                yield f"{job.job_id} starts before {name} is done"
    for zone in {zone for job in problem.jobs for zone in job.zones}:
        held = sorted((v.start_s, v.end_s) for v in plan.visits if zone in jobs[v.job_id].zones)
        if any(end > start for (_, end), (start, _) in pairwise(held)):
            yield f"two robots hold {zone}"
    for machine in problem.machines:
        route = [visit for visit in plan.visits if visit.robot_id == machine.robot_id]
        yield from _route(problem, machine, [(jobs[visit.job_id], visit) for visit in route])
    yield from _cost(problem, plan, jobs)


def _route(problem: Problem, machine: Machine, route: list[tuple[Job, Visit]]) -> Iterator[str]:  # noqa: C901
    metres = problem.distance_m[machine.kind]

    def seconds(a: int, b: int) -> float:
        return math.ceil(metres[a, b] / machine.speed_m_s) if math.isfinite(metres[a, b]) else math.inf

    now, place, charge = machine.free_s, machine.place, machine.battery
    for job, visit in route:
        name = f"{machine.robot_id} at {job.job_id}"
        if job.skill not in machine.rates:
            yield f"{name}: lacks the skill"
            return
        work_s = max(1, round(job.work_s / machine.rates[job.skill]))
        way_s = seconds(place, job.start_place)
        if machine.dock is not None and (visit.charge_s or visit.travel_s != way_s):
            to, back = seconds(place, machine.dock), seconds(machine.dock, job.start_place)
            charge -= to * machine.drive_per_s
            if charge < -SLACK:
                yield f"{name}: the battery is empty on the way to the dock"
            charge = min(1.0, charge + visit.charge_s * machine.charge_per_s) - back * machine.drive_per_s
            way_s = to + back
        else:
            charge -= way_s * machine.drive_per_s
        if visit.travel_s != way_s or visit.leave_s < now or visit.arrive_s < visit.leave_s + way_s + visit.charge_s:
            yield f"{name}: arrives sooner than it can"
        if visit.start_s < visit.arrive_s or visit.end_s - visit.start_s != work_s:
            yield f"{name}: works less than it must"
        if not any(start <= visit.start_s and visit.end_s <= end for start, end in machine.shifts):
            yield f"{name}: works outside its shifts"
        charge -= work_s * machine.work_per_s
        if machine.dock is not None:
            home = charge - seconds(job.end_place, machine.dock) * machine.drive_per_s
            if home < machine.reserve - SLACK * (visit.end_s / 3600 + 1):
                yield f"{name}: cannot get back to its dock"
        now, place = visit.end_s, job.end_place


def _cost(problem: Problem, plan: Plan, jobs: dict[str, Job]) -> Iterator[str]:
    w = problem.weights
    busy = sum(visit.travel_s + visit.end_s - visit.start_s for visit in plan.visits)
    late = sum(
        jobs[v.job_id].priority * max(0, v.end_s - (v.end_s if jobs[v.job_id].due_s is None else jobs[v.job_id].due_s))
        for v in plan.visits
    )
    here = {machine.robot_id for machine in problem.machines}
    before = {name: robot for name, robot in problem.before.items() if robot in here}
    changed = sum(before.get(v.job_id, v.robot_id) != v.robot_id for v in plan.visits)
    finish = max((visit.end_s for visit in plan.visits), default=0)
    cost = w.busy * busy + w.finish * finish + w.late * late + w.change * changed
    possible = plan.cost - cost
    if possible % w.left_out or possible < 0 or possible // w.left_out > len(plan.waiting):
        yield f"the plan costs {cost}, not {plan.cost}"
    if plan.bound is not None and plan.bound > plan.cost:
        yield "the bound lies above the plan"
