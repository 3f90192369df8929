"""Our values as messages of sitewright_interfaces and back. What comes from the network is checked like any input."""

import datetime as dt
import math
from typing import Any

from geometry_msgs.msg import Pose
from sitewright_interfaces.action import ExecuteTask
from sitewright_interfaces.msg import Reason as ReasonMessage
from sitewright_interfaces.msg import RobotState as StateMessage
from sitewright_interfaces.msg import TaskSpec as SpecMessage

from bim.verdict import Reason, Vector
from robots.robot import Mode, Order, Outcome, Refused, Result, RobotState, StaleToken
from robots.tasks import Kind, Target, TaskSpec

MODES = {
    Mode.IDLE: StateMessage.IDLE,
    Mode.BUSY: StateMessage.BUSY,
    Mode.PAUSED: StateMessage.PAUSED,
    Mode.STOPPED: StateMessage.STOPPED,
    Mode.CHARGING: StateMessage.CHARGING,
    Mode.FAULT: StateMessage.FAULT,
}
OUTCOMES = {
    Outcome.DONE: ExecuteTask.Result.DONE,
    Outcome.FAILED: ExecuteTask.Result.FAILED,
    Outcome.CANCELLED: ExecuteTask.Result.CANCELLED,
    Outcome.UNKNOWN: ExecuteTask.Result.UNKNOWN,
}
_MODES = {number: mode for mode, number in MODES.items()}
_OUTCOMES = {number: outcome for outcome, number in OUTCOMES.items()}
NANO = 1_000_000_000


def reason_message(reason: Reason) -> Any:
    """Both languages."""
    return ReasonMessage(en=reason.en, zh=reason.zh)


def order_goal(order: Order) -> Any:
    """An ExecuteTask goal."""
    spec = order.spec
    task = SpecMessage(
        task_id=spec.task_id,
        kind=spec.kind.value,
        title=reason_message(spec.title),
        targets=[_pose((t.x_m, t.y_m, t.z_m), t.yaw_rad) for t in spec.targets],
        tool=spec.tool,
        tolerance_m=spec.tolerance_m,
        duration_s=spec.duration_s,
        storey=spec.storey,
        element_ids=list(spec.element_ids),
        zones=list(spec.zones),
        payload=spec.payload,
    )
    return ExecuteTask.Goal(task=task, token=order.token, first_target=order.first_target)


def read_order(goal: Any) -> Order:
    """The order of a goal. Raises ValueError for what no order can be."""
    task = goal.task
    targets = tuple(Target(*_place(pose), _yaw(pose)) for pose in task.targets)
    if not all(math.isfinite(v) for v in (task.tolerance_m, task.duration_s, *(v for t in targets for v in t))):
        raise ValueError("numbers that are not finite")
    spec = TaskSpec(
        task_id=task.task_id,
        kind=Kind(task.kind),
        title=Reason(task.title.en, task.title.zh),
        targets=targets,
        tool=task.tool,
        tolerance_m=task.tolerance_m,
        duration_s=task.duration_s,
        storey=task.storey,
        element_ids=tuple(task.element_ids),
        zones=tuple(task.zones),
        payload=task.payload,
    )
    return Order(spec, goal.token, goal.first_target)


def state_message(state: RobotState) -> Any:
    """A RobotState message."""
    message = StateMessage(
        robot_id=state.robot_id,
        instance=state.instance,
        sequence=state.sequence,
        mode=MODES[state.mode],
        pose=_pose(state.position_m, state.heading_rad),
        storey=state.storey,
        speed_m_s=state.speed_m_s,
        battery=state.battery,
        task_id=state.task_id or "",
        token=state.token,
        targets_done=state.targets_done,
        stops=list(state.stops),
        errors=[reason_message(error) for error in state.errors],
    )
    message.stamp.sec, message.stamp.nanosec = _stamp(state.at)
    return message


def read_state(message: Any) -> RobotState:
    """The state that a robot tells; an unknown mode is a fault."""
    return RobotState(
        robot_id=message.robot_id,
        instance=message.instance,
        sequence=message.sequence,
        mode=_MODES.get(message.mode, Mode.FAULT),
        position_m=_place(message.pose),
        heading_rad=_yaw(message.pose),
        storey=message.storey,
        battery=message.battery,
        speed_m_s=message.speed_m_s,
        at=dt.datetime.fromtimestamp(message.stamp.sec + message.stamp.nanosec / NANO, dt.UTC),
        task_id=message.task_id or None,
        token=message.token,
        targets_done=message.targets_done,
        stops=tuple(message.stops),
        errors=tuple(Reason(error.en, error.zh) for error in message.errors),
    )


def fill_result(message: Any, result: Result) -> Any:
    """The result, written into an ExecuteTask result or a CommandTask response."""
    message.outcome, message.targets_done = OUTCOMES[result.outcome], result.targets_done
    message.reason = reason_message(result.reason)
    return message


def fill_refusal(message: Any, refusal: Refused) -> Any:
    """A refusal, written into an ExecuteTask result."""
    stale = isinstance(refusal, StaleToken)
    message.outcome = ExecuteTask.Result.STALE if stale else ExecuteTask.Result.REFUSED
    message.reason = ReasonMessage(en=str(refusal), zh=str(refusal))
    return message


def read_result(message: Any, robot_id: str) -> Result:
    """What a robot answered. Raises Refused, StaleToken; an outcome that nobody knows is UNKNOWN."""
    if message.outcome in (ExecuteTask.Result.STALE, ExecuteTask.Result.REFUSED):
        kind = StaleToken if message.outcome == ExecuteTask.Result.STALE else Refused
        raise kind(message.reason.en or f"{robot_id} refused")
    outcome = _OUTCOMES.get(message.outcome, Outcome.UNKNOWN)
    return Result(outcome, message.targets_done, Reason(message.reason.en, message.reason.zh))


def _pose(position_m: Vector, yaw_rad: float) -> Pose:
    pose = Pose()
    pose.position.x, pose.position.y, pose.position.z = map(float, position_m)
    pose.orientation.z, pose.orientation.w = math.sin(yaw_rad / 2), math.cos(yaw_rad / 2)
    return pose


def _place(pose: Any) -> Vector:
    return pose.position.x, pose.position.y, pose.position.z


def _yaw(pose: Any) -> float:
    return 2.0 * math.atan2(pose.orientation.z, pose.orientation.w)


def _stamp(at: dt.datetime) -> tuple[int, int]:
    return int(at.timestamp()), at.microsecond * 1000
