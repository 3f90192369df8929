"""Tasks, robots and the map into a planning problem, and the plan back into what each task waits for. Pure."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import dist

import numpy as np

from bim.frames import FloatArray
from bim.verdict import Reason, State
from robots.navigation import Place, StoreyMap, distances_m
from robots.planner import Effort, plan
from robots.planner_problem import Job, Machine, Plan, Problem, Window
from robots.robot import Profile, RobotState
from robots.site_state import SiteState
from robots.tasks import Target, TaskSpec

DRIVING_SHARE = 0.6
"""Of its fastest, the speed that a robot keeps up on a site."""
HIGH_REACH_M = 1.5
"""Sideways from where it stands, a robot reaches so far: a marker, a drill, a lidar's place."""


@dataclass(frozen=True, slots=True)
class Crew:
    """A robot as it is now: what is known of it, where it is, how full its battery is, and its shifts in seconds."""

    profile: Profile
    place: Target
    storey: str
    battery: float = 1.0
    free_s: int = 0
    shifts: tuple[Window, ...] = ((0, 8 * 3600),)


def crew_of(profile: Profile, state: RobotState) -> Crew:
    """A robot by what it says of itself."""
    return Crew(profile, Target(*state.position_m, state.heading_rad), state.storey, state.battery)


@dataclass(frozen=True)
class SitePlan:
    """The plan, and for every task that is not in it why it waits."""

    plan: Plan
    waits: Mapping[str, Reason]


def plan_tasks(
    tasks: Sequence[TaskSpec],
    crews: Sequence[Crew],
    maps: Mapping[float, Sequence[StoreyMap]],
    site: SiteState,
    now: dt.datetime,
    *,
    permits: Collection[str] = (),
    done: Collection[str] = (),
    before: Plan | None = None,
    effort: Effort | None = None,
) -> SitePlan:
    """Who does which task when, of those that may begin in these shifts.

    `maps`: for each radius of a robot. `permits` are those in force. `done`: ids of tasks that are over. `before`: the
    plan that ran until now.
    """
    waits = {spec.task_id: why for spec in tasks if (why := _gate(spec, site, permits))}
    open_ = [spec for spec in tasks if spec.task_id not in waits]
    ground = _Ground(crews, maps, open_)
    waits |= ground.unreachable
    open_ = [spec for spec in open_ if spec.task_id not in waits]
    waits |= _behind(open_, waits, done)
    jobs = [_job(spec, ground, now, done) for spec in open_ if spec.task_id not in waits]
    machines = [_machine(crew, ground) for crew in crews]
    found = plan(Problem(tuple(jobs), tuple(machines), ground.distance_m), before, effort)
    return SitePlan(found, waits | {each.job_id: each.reason for each in found.waiting})


# --- What must be so before -------------------------------------------------------------------------------------------


def _gate(spec: TaskSpec, site: SiteState, permits: Collection[str]) -> Reason | None:
    """What a scan must have verified and a person permitted first."""
    for name in spec.after_elements:
        seen = site.seen.get(name)
        if seen is None or seen.state is not State.BUILT:
            state, called = seen.state if seen else State.UNSEEN, site.names.get(name, name)
            return Reason(
                f"no scan has verified {called} as built (it is {state})",
                f"扫描尚未证实 {called} 已建成（当前：{state}）",
            )
    missing = [permit for permit in spec.permits if permit not in permits]
    return Reason(f"the permit {missing[0]} is not given", f"尚未取得许可 {missing[0]}") if missing else None


def _behind(tasks: Sequence[TaskSpec], waits: Mapping[str, Reason], done: Collection[str]) -> dict[str, Reason]:
    """Tasks whose predecessors wait or are unknown."""
    known, found = {spec.task_id for spec in tasks}, dict[str, Reason]()
    more = True
    while more:
        more = False
        for spec in tasks:
            lost = [n for n in spec.after_tasks if n not in done and (n in waits or n in found or n not in known)]
            if lost and spec.task_id not in found:
                found[spec.task_id] = Reason(f"it follows {lost[0]}, which waits", f"其前置任务 {lost[0]} 在等待")
                more = True
    return found


# --- Where it is ------------------------------------------------------------------------------------------------------


class _Ground:
    """Places of tasks and robots as rows of distance matrices, one a radius."""

    def __init__(
        self, crews: Sequence[Crew], maps: Mapping[float, Sequence[StoreyMap]], tasks: Sequence[TaskSpec]
    ) -> None:
        self.rows: dict[object, int] = {}
        self.unreachable: dict[str, Reason] = {}
        points: list[tuple[object, str, Target]] = []
        for crew in crews:
            name, home = crew.profile.robot_id, crew.profile.home or crew.place
            points += [(("at", name), crew.storey, crew.place), (("home", name), crew.storey, home)]
        robots = len(points)
        for spec in tasks:
            first, last = spec.targets[0], spec.targets[-1]
            points += [(("first", spec.task_id), spec.storey, first), (("last", spec.task_id), spec.storey, last)]
        self.rows = {key: row for row, (key, _, _) in enumerate(points)}
        self.distance_m = {f"{radius}": _distances(each, points) for radius, each in maps.items()}
        for k, spec in enumerate(tasks):
            row = robots + 2 * k
            reached = [m for m in self.distance_m.values() if (m[:robots, row] < float("inf")).any()]
            if not reached:
                self.unreachable[spec.task_id] = _why_unreachable(spec, maps)


def _distances(maps: Sequence[StoreyMap], points: Sequence[tuple[object, str, Target]]) -> FloatArray:
    by_name = {each.storey: each for each in maps}
    places: list[Place | None] = []
    for _, storey, point in points:
        cell = by_name[storey].standpoint(point, HIGH_REACH_M) if storey in by_name else None
        places.append(None if cell is None else (storey, cell))
    known = [k for k, place in enumerate(places) if place is not None]
    metres = np.full((len(points), len(points)), np.inf)
    metres[np.ix_(known, known)] = distances_m(maps, [place for place in places if place is not None])
    return metres


def _why_unreachable(spec: TaskSpec, maps: Mapping[float, Sequence[StoreyMap]]) -> Reason:
    for each in next(iter(maps.values()), ()):
        if each.storey == spec.storey:
            if each.standpoint(spec.targets[0], HIGH_REACH_M) is None:
                return each.why_not(spec.targets[0])
            return Reason(
                f"no robot is where it could get there on {spec.storey}: bring one up, or open a way",
                f"{spec.storey} 没有能到达该处的机器人：请将机器人运上来或打通通道",
            )
    return Reason(f"the model has no storey {spec.storey or 'for it'}", f"模型中没有该楼层 {spec.storey}")


# --- As the planner sees it -------------------------------------------------------------------------------------------


def _skill(kind: str, tool: str) -> str:
    return f"{kind} with {tool}"


def _job(spec: TaskSpec, ground: _Ground, now: dt.datetime, done: Collection[str]) -> Job:
    on_the_way = sum(dist(a[:2], b[:2]) for a, b in pairwise(spec.targets))
    return Job(
        job_id=spec.task_id,
        skill=_skill(spec.kind, spec.tool),
        start_place=ground.rows["first", spec.task_id],
        end_place=ground.rows["last", spec.task_id],
        work_s=max(1, round(spec.duration_s + on_the_way)),
        after=tuple(name for name in spec.after_tasks if name not in done),
        zones=spec.zones,
        due_s=None if spec.due is None else max(0, round((spec.due - now).total_seconds())),
    )


def _machine(crew: Crew, ground: _Ground) -> Machine:
    robot = crew.profile
    return Machine(
        robot_id=robot.robot_id,
        kind=f"{robot.radius_m}",
        rates={_skill(kind, tool): 1.0 for kind in robot.kinds for tool in robot.tools},
        place=ground.rows["at", robot.robot_id],
        speed_m_s=DRIVING_SHARE * robot.speed_m_s,
        free_s=crew.free_s,
        dock=ground.rows["home", robot.robot_id],
        battery=crew.battery,
        drive_per_s=1.0 / robot.battery_s,
        work_per_s=1.0 / robot.battery_s,
        charge_per_s=1.0 / robot.charge_s,
        shifts=crew.shifts,
    )
