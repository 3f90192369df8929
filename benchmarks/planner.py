"""Planning at scale: 50 robots and 500 tasks within what is proven, and one change replanned."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from robots.planner import plan
from robots.planner_arrays import arrays_of
from robots.planner_bound import travel_bound
from robots.planner_problem import Job, Machine, Problem

KINDS = (("layout", 8), ("drill", 14), ("scan", 12), ("transport", 16))
"""Kind of work and the robots that do it; every fifth drill marks too."""
SITE_M = (120.0, 60.0)
SHIFT_S = 8 * 3600
DRAIN_PER_S = 1 / (4 * 3600)


def site(robots: int = 50, jobs: int = 500, seed: int = 0) -> Problem:
    """A floor with work all over it: layout before drilling, zones, deadlines, batteries that last half a shift."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(0.0, 1.0, (2 * robots + jobs, 2)) * SITE_M
    # Along walls that stand square to each other.
    distance_m = np.abs(places[:, None] - places[None]).sum(axis=2)
    fleet = [skill for skill, count in KINDS for _ in range(count)][:robots]
    machines = tuple(_machine(r, skill, robots, rng) for r, skill in enumerate(fleet))
    skills = rng.choice([skill for skill, _ in KINDS], jobs, p=np.array([count for _, count in KINDS]) / 50)
    work: list[Job] = []
    for j, skill in enumerate(skills):
        place = 2 * robots + j
        marks = [job.job_id for job in work if job.skill == "layout"]
        after = (str(rng.choice(marks)),) if skill == "drill" and marks and rng.random() < 0.5 else ()
        zones = (f"zone {rng.integers(20)}",) if rng.random() < 0.2 else ()
        due = int(rng.uniform(2.5, 6.0) * 3600) if rng.random() < 0.3 else None
        work.append(Job(f"{skill} {j}", str(skill), place, place, int(rng.uniform(300, 1500)), after, zones, 0, due))
    return Problem(tuple(work), machines, {"rover": distance_m})


def _machine(r: int, skill: str, robots: int, rng: np.random.Generator) -> Machine:
    rates = {skill: float(rng.choice([0.9, 1.0, 1.1]))}
    if skill == "drill" and r % 5 == 0:
        rates["layout"] = 0.8
    return Machine(
        robot_id=f"{skill}-{r}",
        kind="rover",
        rates=rates,
        place=r,
        dock=robots + r,
        battery=float(rng.uniform(0.5, 1.0)),
        drive_per_s=DRAIN_PER_S,
        work_per_s=DRAIN_PER_S,
        charge_per_s=1 / 3600,
        shifts=((0, SHIFT_S),),
    )


def measure(shared: Path) -> dict[str, Any]:
    """Seconds, and how far from the bound: of cost, of finish and of driving."""
    plan(site(5, 20))  # compiles what a second call finds compiled
    found = []
    for seed in range(3):
        problem = site(seed=seed)
        begin = time.perf_counter()
        first = plan(problem)
        seconds = time.perf_counter() - begin
        found.append(
            {
                "plan_s": round(seconds, 2),
                "cost": first.cost,
                "bound": first.bound,
                "gap": None if first.gap is None else round(first.gap, 4),
                "waiting": len(first.waiting),
                "finish_s": first.finish_s,
                "late_s": first.late_s,
                "travel_s": first.travel_s,
                "travel_bound_s": travel_bound(arrays_of(problem)),
                "replanning": _replanned(problem, first),
            }
        )
    return {"robots": 50, "jobs": 500, "sites": found}


def _replanned(problem: Problem, first: Any) -> dict[str, Any]:
    """One job more, one job less, one robot less."""
    extra = replace(problem.jobs[7], job_id="one more", after=())
    gone = problem.jobs[-1].job_id
    cases = {
        "job added": replace(problem, jobs=(*problem.jobs, extra)),
        "job removed": replace(problem, jobs=_without(problem, gone)),
        "robot lost": replace(problem, machines=problem.machines[:-1]),
    }
    answer = {}
    for name, changed in cases.items():
        begin = time.perf_counter()
        second = plan(changed, before=first)
        answer[name] = {"s": round(time.perf_counter() - begin, 2), "changes": second.changes, "gap": second.gap}
    return answer


def _without(problem: Problem, job_id: str) -> tuple[Job, ...]:
    return tuple(
        replace(job, after=tuple(name for name in job.after if name != job_id))
        for job in problem.jobs
        if job.job_id != job_id
    )
