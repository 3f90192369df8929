"""Why a task waits. Each gate is a sentence; a task goes to a robot only when none is left. Pure.

The gates of a task: its predecessors are done, a scan has verified what must stand, permits are given. Those of a robot
for a task: it is present and free, can do it, has a certified stop of its own, and the zones are free for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bim.verdict import Reason
from robots.dispatch_reasons import left_the_model
from robots.robot import Mode, Profile, RobotState
from robots.tasks import ERRANDS, Task, TaskState
from robots.zones import Allocation, Zone

LEAST_BATTERY = 0.15
"""Below it a robot is sent to charge, and gets nothing else."""
RESERVE = 0.1
"""What must be left of it after a task, the way there not counted."""
CHARGED = 0.95
"""A battery that counts as full."""
FIXED = frozenset({"octoprint"})
"""Adapters of machines that do not drive."""
STANDING = frozenset({Mode.STOPPED, Mode.CHARGING, Mode.OFFLINE, Mode.FAULT})


@dataclass(frozen=True, slots=True)
class World:
    """What the gates look at besides the task and the robot."""

    tasks: Mapping[str, Task]
    zones: Mapping[str, Zone]
    allocation: Allocation
    permits: frozenset[str] = frozenset()
    """Given and in force now."""
    verified: frozenset[str] | None = None
    """Elements that the newest scan found built; None: nothing is known, and what needs them waits."""
    elements: frozenset[str] | None = None
    """Elements of the newest model; None: no model was read."""
    plan: Mapping[str, str] = field(default_factory=dict)
    """The robot that the planner chose for a task, in the order of their starts."""
    charge_before: frozenset[str] = frozenset()
    """Planned tasks before which their robot charges."""
    dropped: frozenset[str] = frozenset()
    """Tasks that the newest planning no longer proposes."""


def task_gate(task: Task, world: World) -> Reason | None:
    """Why no robot at all can begin it."""
    spec = task.spec
    if world.elements is not None and (gone := [e for e in spec.element_ids if e not in world.elements]):
        return left_the_model(gone[0])
    if spec.task_id in world.dropped:
        return Reason("The newest planning no longer proposes it.", "最新的计划不再提出该任务。")
    for before in spec.after_tasks:
        if before not in world.tasks or world.tasks[before].state is not TaskState.DONE:
            return Reason(f"It waits for task {before}.", f"等待任务{before}完成。")
    unverified = [e for e in spec.after_elements if world.verified is None or e not in world.verified]
    if unverified:
        more = len(unverified)
        return Reason(
            f"No scan has verified {unverified[0]} as built ({more} missing).",
            f"扫描尚未证实{unverified[0]}已建成（还缺{more}个）。",
        )
    for permit in spec.permits:
        if permit not in world.permits:
            return Reason(f"The permit {permit} is not given.", f"尚未取得许可{permit}。")
    return None


def ability(task: Task, robot: Profile) -> Reason | None:
    """Why this robot can never do it."""
    spec, name = task.spec, robot.name
    if not robot.certified_stop:
        return Reason(f"{name} has no certified stop of its own.", f"{name}没有自身的认证急停。")
    if spec.only_robot not in ("", robot.robot_id):
        return Reason(f"It is for {spec.only_robot} alone.", f"仅由{spec.only_robot}执行。")
    if spec.kind in ERRANDS:
        return Reason(f"{name} does not drive.", f"{name}不能行驶。") if robot.adapter in FIXED else None
    if spec.tool not in robot.tools:
        return Reason(f"{name} does not carry {spec.tool}.", f"{name}未配备{spec.tool}。")
    if spec.kind not in robot.kinds:
        return Reason(f"{name} does not do {spec.kind}.", f"{name}不做此类任务（{spec.kind}）。")
    if robot.storeys and spec.storey and spec.storey not in robot.storeys:
        return Reason(f"{name} cannot reach {spec.storey}.", f"{name}无法到达{spec.storey}。")
    return None


def robot_gate(task: Task, robot: Profile, state: RobotState, world: World) -> Reason | None:
    """Why this robot cannot begin it now; it is present and has no task."""
    zones = task.spec.zones
    return unready(task, robot, state, world) or world.allocation.obstacle(world.zones, robot.robot_id, zones)


def unready(task: Task, robot: Profile, state: RobotState, world: World) -> Reason | None:
    """Why it could not begin it now though all zones were free."""
    if reason := unfit(task, robot, state, world):
        return reason
    if task.spec.kind not in ERRANDS and must_charge(robot, state, world, task):
        return Reason(f"{robot.name} must charge first.", f"{robot.name}需要先充电。")
    return None


def unfit(task: Task, robot: Profile, state: RobotState, world: World) -> Reason | None:
    """Why it could not begin it now though all zones were free and its battery full."""
    if reason := ability(task, robot):
        return reason
    chosen = world.plan.get(task.spec.task_id)
    if chosen is not None and chosen != robot.robot_id:
        return Reason(f"It is planned for {chosen}.", f"计划由{chosen}执行。")
    full = state.mode is Mode.CHARGING and state.battery >= CHARGED
    if (state.mode in STANDING and not full) or _has_other_work(state, world):
        return Reason(f"{robot.name} is {state.mode}.", f"{robot.name}当前状态为{state.mode}。")
    return None


def must_charge(robot: Profile, state: RobotState, world: World, task: Task | None = None) -> bool:
    """Whether the robot charges before it works; with a task, before this one: by the plan, or because it is long."""
    level = LEAST_BATTERY
    if task is not None:
        spec = task.spec
        planned = spec.task_id in world.charge_before and world.plan.get(spec.task_id) == robot.robot_id
        level = max(level, CHARGED if planned else min(CHARGED, RESERVE + spec.duration_s / robot.battery_s))
    return state.battery < level


def decides(before: RobotState, now: RobotState) -> bool:
    """Whether anything is decided anew by what the robot says now: its mode, or a level that its battery crossed."""
    crossed = any((before.battery < level) != (now.battery < level) for level in (LEAST_BATTERY, CHARGED))
    return crossed or before.mode is not now.mode


def _has_other_work(state: RobotState, world: World) -> bool:
    """A state may be older than the result of the order that it shows; that order is over."""
    in_hand = world.tasks.get(state.task_id or "")
    return state.task_id is not None and (in_hand is None or in_hand.state is not TaskState.DONE)
