"""Errands: what robots are sent to do without a person's asking: to charge, and to make way for another.

Pure, but for the name that an errand draws. An errand is a task as any other: in the journal, with a history, done
once. A robot goes to its `home`, where it charges and is in nobody's way. A need that its errand did not end is a
person's: nothing is tried for ever.
"""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bim.verdict import Reason
from robots.gates import CHARGED, World, must_charge, task_gate, unfit, unready
from robots.robot import Profile, RobotState
from robots.tasks import Kind, Task, TaskSpec

NEAR_M = 0.3
"""How near to its home a robot must come."""
DISPATCH = "dispatch (调度)"
"""Who approves errands."""


@dataclass(frozen=True, slots=True)
class Need:
    """Why a robot without work should go home."""

    kind: Kind
    reason: Reason
    leaves: tuple[str, ...] = ()
    """Zones that it must be out of."""


def must_go_charging(
    queue: Iterable[Task], free: Mapping[str, RobotState], fleet: Mapping[str, Profile], world: World
) -> dict[str, Need]:
    """Of robots without work, those with a low battery, and those that charge before what the plan has them do next."""
    first: dict[str, Task] = {}
    for task in queue if world.charge_before else ():
        robot_id = world.plan.get(task.spec.task_id, "")
        if robot_id in free and robot_id not in first and not task_gate(task, world):
            first[robot_id] = task
    return {
        robot_id: Need(Kind.CHARGE, _why_charging(state, first.get(robot_id), world))
        for robot_id, state in free.items()
        if must_charge(fleet[robot_id], state, world, first.get(robot_id))
    }


def must_charge_for_more(
    queue: Iterable[Task], free: Mapping[str, RobotState], fleet: Mapping[str, Profile], world: World
) -> dict[str, Need]:
    """Of robots that found nothing to begin, those whose battery alone keeps them from it."""
    low = {robot_id: state for robot_id, state in free.items() if state.battery < CHARGED}
    needs: dict[str, Need] = {}
    for task in queue if low else ():
        for robot_id, state in () if task_gate(task, world) else low.items():
            robot = fleet[robot_id]
            if must_charge(robot, state, world, task) and not unfit(task, robot, state, world):
                name, level = task.spec.task_id, f"{state.battery:.0%}"
                said = Reason(f"Its battery at {level} is too low for {name}.", f"电池电量{level}不足以完成{name}。")
                needs.setdefault(robot_id, Need(Kind.CHARGE, said))
    return needs


def must_make_way(
    queue: Iterable[Task], free: Mapping[str, RobotState], fleet: Mapping[str, Profile], world: World
) -> dict[str, Need]:
    """Of robots without work, those that stand in zones of a task for which another robot is ready."""
    idle = {zone: holder for zone, holder in world.allocation.holders.items() if holder in free}
    needs: dict[str, Need] = {}
    for task in queue if idle else ():
        in_it = {idle[zone] for zone in task.spec.zones if zone in idle}
        waiting = next((r for r in free if in_it - {r} and _could(task, in_it, fleet[r], free[r], world)), None)
        if waiting and not task_gate(task, world):
            name = task.spec.task_id
            reason = Reason(f"{waiting} waits for its place, for {name}.", f"{waiting}为{name}等待它所占的位置。")
            for robot_id in in_it - {waiting}:
                needs.setdefault(robot_id, Need(Kind.MOVE, reason, task.spec.zones))
    return needs


def errand(need: Need, robot: Profile, state: RobotState, world: World) -> TaskSpec | Reason:
    """The task that sends the robot home, or why it cannot be sent there."""
    if robot.home is None:
        return Reason("It has no home in the fleet file.", "机队文件中没有它的home位置。")
    place, storey = robot.home[:3], state.storey
    around = tuple(name for name, zone in world.zones.items() if zone.touches(place, robot.radius_m, storey))
    if inside := [world.zones[name].name for name in need.leaves if name in around]:
        return Reason(f"Its home lies in {inside[0]}.", f"它的home位于{inside[0]}内。")
    charge = need.kind is Kind.CHARGE
    return TaskSpec(
        task_id=f"{need.kind}-{robot.robot_id}-{secrets.token_hex(4)}",
        kind=need.kind,
        title=Reason(f"{robot.name} charges", f"{robot.name}充电")
        if charge
        else Reason(f"{robot.name} makes way", f"{robot.name}让路"),
        targets=(robot.home,),
        tool="",
        tolerance_m=NEAR_M,
        duration_s=robot.charge_s * (1.0 - state.battery) if charge else 0.0,
        storey=storey,
        zones=around,
        only_robot=robot.robot_id,
    )


def cannot_go(need: Need, robot: Profile, reason: Reason) -> Reason:
    """What a person is told of a robot that cannot be sent."""
    if need.kind is Kind.CHARGE:
        return Reason(
            f"{robot.name} must charge and is not sent to its charger: {reason.en}",
            f"{robot.name}需要充电，但未派往充电位：{reason.zh}",
        )
    return Reason(
        f"{robot.name} stands in the way and is not sent away: {reason.en}",
        f"{robot.name}挡路，但未被派离：{reason.zh}",
    )


def _why_charging(state: RobotState, task: Task | None, world: World) -> Reason:
    if task and task.spec.task_id in world.charge_before:
        name = task.spec.task_id
        return Reason(f"The plan has it charge before {name}.", f"计划要求它在{name}之前充电。")
    return Reason(f"Its battery is at {state.battery:.0%}.", f"电池电量为{state.battery:.0%}。")


def _could(task: Task, idle: set[str], robot: Profile, state: RobotState, world: World) -> bool:
    """Whether the robot could begin the task if the idle ones were out of its zones."""
    left = world.allocation
    for other in idle - {robot.robot_id}:
        left = left.let_go(other)
    return not unready(task, robot, state, world) and not left.obstacle(world.zones, robot.robot_id, task.spec.zones)
