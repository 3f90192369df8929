"""A planning problem as arrays: who can do what, how long each way takes, what it drains. Whole numbers throughout.

A route is a row of jobs. Leg (i, j) is the way from where job i ends to where job j starts; rows N + r of the legs
start where robot r is now.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bim.errors import BadInput
from bim.verdict import Reason
from robots.planner_problem import Job, Machine, Problem

Ints = npt.NDArray[np.int64]

FULL = 1_000_000
"""A full battery in units of charge."""
NEVER = 2**40
"""A time that no plan reaches."""


class Arrays(NamedTuple):
    """N jobs, R robots, G groups of robots that drive alike. Times in seconds, charge in millionths of a battery."""

    work: Ints
    """(R, N) working time, -1 where the robot cannot do the job."""
    group: Ints
    """(R,)"""
    leg: Ints
    """(G, N + R, N) driving time, NEVER where no way is."""
    to_dock: Ints
    """(R, N + R) from where a job ends, or from where the robot is, to its dock."""
    from_dock: Ints
    """(R, N) from the dock to where a job starts."""
    free: Ints
    charge: Ints
    reserve: Ints
    drive: Ints
    labour: Ints
    refill: Ints
    """(R,) each: when it is free, its charge then, reserve, and charge a second of driving, working and charging."""
    shift_first: Ints
    """(R + 1,) rows of `shifts` that belong to each robot."""
    shifts: Ints
    """(S, 2)"""
    after_first: Ints
    after: Ints
    """Jobs before each job: `after[after_first[j]:after_first[j + 1]]`."""
    zone_first: Ints
    zone: Ints
    zones: int
    concerns_first: Ints
    concerns: Ints
    """Jobs that wait for each job, or for one of its zones."""
    release: Ints
    due: Ints
    late: Ints
    """(N,) cost of a second of lateness."""
    before: Ints
    """(N,) the robot in the plan before, -1 for none."""
    weights: Ints
    """Costs of: a busy second, a second of finish, a changed job, a job left out."""
    aim: int = NEVER
    """Seconds by which every robot would be done if the work could be shared evenly."""


def arrays_of(problem: Problem) -> Arrays:
    """The problem as arrays. Raises BadInput where it contradicts itself."""
    jobs, machines = problem.jobs, problem.machines
    _check(problem)
    index = {job.job_id: n for n, job in enumerate(jobs)}
    robots = {machine.robot_id: r for r, machine in enumerate(machines)}
    names = sorted({zone for job in jobs for zone in job.zones})
    drives = sorted({(machine.kind, machine.speed_m_s) for machine in machines})
    starts, ends = (np.array([getattr(job, side) for job in jobs], int) for side in ("start_place", "end_place"))
    froms = np.concatenate([ends, [machine.place for machine in machines]]).astype(int)
    leg = np.array([_seconds(problem.distance_m[kind][np.ix_(froms, starts)], speed) for kind, speed in drives])
    to_dock, from_dock = _dock_ways(problem, froms, starts)
    after_first, after = _ragged([[index[name] for name in job.after] for job in jobs])
    zone_first, zone = _ragged([[names.index(name) for name in job.zones] for job in jobs])
    shift_first, _ = _ragged([list(range(len(machine.shifts))) for machine in machines])
    concerns_first, concerns = _ragged(_concerned(jobs))
    w = problem.weights
    arrays = Arrays(
        work=np.array([[_work_s(machine, job) for job in jobs] for machine in machines]).reshape(
            len(machines), len(jobs)
        ),
        group=_ints(drives.index((machine.kind, machine.speed_m_s)) for machine in machines),
        leg=leg.reshape(len(drives), len(froms), len(jobs)),
        to_dock=to_dock,
        from_dock=from_dock,
        free=_ints(machine.free_s for machine in machines),
        charge=_ints(FULL if m.dock is None else round(FULL * m.battery) for m in machines),
        reserve=_ints(round(FULL * machine.reserve) for machine in machines),
        drive=_drain(machines, "drive_per_s"),
        labour=_drain(machines, "work_per_s"),
        refill=np.maximum(_drain(machines, "charge_per_s"), 1),
        shift_first=shift_first,
        shifts=np.array([shift for machine in machines for shift in machine.shifts], np.int64).reshape(-1, 2),
        after_first=after_first,
        after=after,
        zone_first=zone_first,
        zone=zone,
        zones=len(names),
        concerns_first=concerns_first,
        concerns=concerns,
        release=_ints(job.release_s for job in jobs),
        due=_ints(NEVER if job.due_s is None else job.due_s for job in jobs),
        late=_ints(w.late * job.priority for job in jobs),
        before=_ints(robots.get(problem.before.get(job.job_id, ""), -1) for job in jobs),
        weights=_ints((w.busy, w.finish, w.change, w.left_out)),
    )
    return arrays._replace(work=np.where(_possible(arrays), arrays.work, -1))


def _check(problem: Problem) -> None:
    ids = [job.job_id for job in problem.jobs]
    robots = [machine.robot_id for machine in problem.machines]
    for name, values in (("jobs", ids), ("robots", robots)):
        if len(set(values)) < len(values):
            raise BadInput(f"two {name} of one name", "a name of its own for each", "rename one")
    known = set(ids)
    unknown = [name for job in problem.jobs for name in job.after if name not in known]
    if unknown:
        raise BadInput(f"a job follows {unknown[0]}, which is not in the problem", "jobs of the problem", "add it")


def _seconds(distance_m: npt.NDArray[np.float64], speed_m_s: float) -> Ints:
    reachable = np.isfinite(distance_m)
    return np.where(reachable, np.ceil(np.where(reachable, distance_m, 0.0) / speed_m_s), NEVER).astype(np.int64)


def _dock_ways(problem: Problem, froms: Ints, starts: Ints) -> tuple[Ints, Ints]:
    """Zero ways for a robot without a dock: it never charges."""
    shape = len(problem.machines), len(froms), len(starts)
    to_dock, from_dock = np.zeros((shape[0], shape[1]), np.int64), np.zeros((shape[0], shape[2]), np.int64)
    for r, machine in enumerate(problem.machines):
        if machine.dock is not None:
            ways = problem.distance_m[machine.kind]
            to_dock[r] = _seconds(ways[froms, machine.dock], machine.speed_m_s)
            from_dock[r] = _seconds(ways[machine.dock, starts], machine.speed_m_s)
    return to_dock, from_dock


def _work_s(machine: Machine, job: Job) -> int:
    rate = machine.rates.get(job.skill)
    return -1 if rate is None else max(1, round(job.work_s / rate))


def _drain(machines: tuple[Machine, ...], name: str) -> Ints:
    """Rounded up, so that no plan uses more than it counts."""
    return _ints(0 if m.dock is None else int(np.ceil(FULL * getattr(m, name))) for m in machines)


def _ints(values: "Iterator[int] | tuple[int, ...]") -> Ints:
    return np.array(list(values), np.int64)


def _concerned(jobs: tuple[Job, ...]) -> list[list[int]]:
    """For each job those that wait for it or share a zone with it."""
    waiting, sharing = defaultdict(set), defaultdict(set)
    for j, job in enumerate(jobs):
        for name in job.after:
            waiting[name].add(j)
        for zone in job.zones:
            sharing[zone].add(j)
    return [
        sorted(set.union(waiting[job.job_id], *(sharing[zone] for zone in job.zones)) - {j})
        for j, job in enumerate(jobs)
    ]


def _ragged(rows: list[list[int]]) -> tuple[Ints, Ints]:
    first = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    return first, np.array([value for row in rows for value in row], np.int64)


# --- Who can do what --------------------------------------------------------------------------------------------------


def _possible(a: Arrays) -> npt.NDArray[np.bool_]:
    """(R, N) whether a robot carries the tool, gets there, has a shift that is long enough and the battery for it."""
    return (a.work >= 0) & _reached(a) & _fits_a_shift(a) & _fits_the_battery(a)


def _reached(a: Arrays) -> npt.NDArray[np.bool_]:
    robots, jobs = a.work.shape
    here = jobs + np.arange(robots)
    reached: npt.NDArray[np.bool_] = a.leg[a.group, here] < NEVER
    return reached & (a.from_dock < NEVER)


def _fits_a_shift(a: Arrays) -> npt.NDArray[np.bool_]:
    earliest = np.maximum(a.release[None, :], a.free[:, None])
    fits = np.zeros(a.work.shape, bool)
    for r in range(len(a.work)):
        for start, end in a.shifts[a.shift_first[r] : a.shift_first[r + 1]]:
            fits[r] |= np.maximum(earliest[r], start) + a.work[r] <= end
    return fits


def _fits_the_battery(a: Arrays) -> npt.NDArray[np.bool_]:
    """From a full battery at the dock there and back; and the robot must get to its dock from where it is."""
    robots, jobs = a.work.shape
    round_trip = a.drive[:, None] * (a.from_dock + a.to_dock[:, :jobs]) + a.labour[:, None] * np.maximum(a.work, 0)
    own_way = a.drive * a.to_dock[np.arange(robots), jobs + np.arange(robots)]
    fits: npt.NDArray[np.bool_] = (FULL - round_trip >= a.reserve[:, None]) & (a.charge >= own_way)[:, None]
    return fits


def why_nobody(problem: Problem, a: Arrays, j: int) -> Reason | None:
    """Why no robot can do job `j` at all, None where one can."""
    if (a.work[:, j] >= 0).any():
        return None
    job = problem.jobs[j]
    able = np.array([job.skill in machine.rates for machine in problem.machines], bool)
    if not able.any():
        return Reason(f"no robot can {job.skill}", f"没有机器人能够执行：{job.skill}")
    able &= _reached(a)[:, j]
    if not able.any():
        return Reason(f"no robot that can {job.skill} has a way there", f"能够执行 {job.skill} 的机器人都无法到达该处")
    full = a._replace(
        work=np.array([[_work_s(machine, each) for each in problem.jobs] for machine in problem.machines])
    )
    if not (able & _fits_a_shift(full)[:, j]).any():
        return Reason("no shift is long enough for it from when it may start", "自可开工时刻起，没有足够长的班次")
    return Reason("no robot's battery lasts there and back", "没有机器人的电量足以往返完成该任务")
