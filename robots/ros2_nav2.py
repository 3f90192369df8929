"""The ROS side of a Nav2 robot: goals, their status, and where the robot is. Imports rclpy by way of robots/ros2.py.

With `nav2_msgs` (a ROS installation has it, no package registry does) a goal is a NavigateToPose action. Without it the
goal goes to the topic `goal_pose`, from which Nav2's own bt_navigator makes one, and is told from others by being new
among `navigate_to_pose/_action/status`. Status and cancelling are the same for both: action_msgs.
"""

import asyncio
import contextlib
import importlib
import math
import time
from pathlib import Path
from typing import Any

from action_msgs.msg import GoalStatus, GoalStatusArray
from action_msgs.srv import CancelGoal
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Odometry
from rclpy.action import ActionClient
from rclpy.qos import QoSProfile, qos_profile_action_status_default, qos_profile_sensor_data
from sensor_msgs.msg import BatteryState

from robots.attended import AttendedRobot
from robots.nav2 import Goal, Nav2Machine, Seen
from robots.robot import CALL_S, LinkLost, Profile
from robots.ros2 import RosLink
from robots.tasks import Target

SILENT_S = 2.0
"""A base whose pose is older counts as unreachable."""
_GOALS = {
    GoalStatus.STATUS_ACCEPTED: Goal.ACTIVE,
    GoalStatus.STATUS_EXECUTING: Goal.ACTIVE,
    GoalStatus.STATUS_CANCELING: Goal.ACTIVE,
    GoalStatus.STATUS_SUCCEEDED: Goal.REACHED,
    GoalStatus.STATUS_CANCELED: Goal.ENDED,
    GoalStatus.STATUS_ABORTED: Goal.FAILED,
}


def nav2_robot(profile: Profile, link: RosLink, namespace: str, folder: Path, storey: str = "") -> AttendedRobot:
    """A Nav2 base as a Robot. `namespace` is its own, such as `/rover1`; its map frame is the site frame."""
    return AttendedRobot(profile, Nav2Machine(Nav2Navigator(link, namespace), storey), folder)


class Nav2Navigator:
    """robots.nav2.Navigator. `pose_topic` is an Odometry in the map frame, such as a localisation publishes.

    A base that publishes `battery_state` is sent to charge when it is low.
    """

    def __init__(self, link: RosLink, namespace: str, pose_topic: str = "odom", frame: str = "map") -> None:
        base = namespace.rstrip("/")
        self._link, self._frame = link, frame
        self._goal_id: bytes = b""
        self._goals: dict[bytes, int] = {}
        self._seen = Seen(reachable=False, goal=Goal.NONE)
        self._heard_s = -math.inf
        self._battery = (1.0, False)
        self._news = asyncio.Event()
        node = link.node
        node.create_subscription(Odometry, f"{base}/{pose_topic}", self._on_pose, QoSProfile(depth=1))
        node.create_subscription(
            GoalStatusArray,
            f"{base}/navigate_to_pose/_action/status",
            self._on_status,
            qos_profile_action_status_default,
        )
        node.create_subscription(BatteryState, f"{base}/battery_state", self._on_battery, qos_profile_sensor_data)
        self._cancel = node.create_client(CancelGoal, f"{base}/navigate_to_pose/_action/cancel_goal")
        self._topic = node.create_publisher(PoseStamped, f"{base}/goal_pose", QoSProfile(depth=1))
        self._action: Any = None
        with contextlib.suppress(ImportError):
            kind = importlib.import_module("nav2_msgs.action").NavigateToPose
            self._action = ActionClient(node, kind, f"{base}/navigate_to_pose")

    @property
    def seen(self) -> Seen:
        """The newest; unreachable when nothing was heard for a while."""
        goal = _GOALS.get(self._goals.get(self._goal_id, -1), Goal.NONE)
        fresh = time.monotonic() - self._heard_s < SILENT_S
        seen = self._seen
        return Seen(fresh, goal, seen.x_m, seen.y_m, seen.yaw_rad, seen.speed_m_s, *self._battery)

    async def go(self, target: Target) -> None:
        """By action or by topic; returns when the goal has a status."""
        pose, before = self._pose(target), set(self._goals)
        try:
            async with asyncio.timeout(CALL_S):
                if self._action:
                    self._goal_id = await self._accepted(pose)
                else:
                    while not self._topic.get_subscription_count():  # published to nobody, it would be lost
                        await asyncio.sleep(CALL_S / 40)
                    self._topic.publish(pose)
                    while not (new := set(self._goals) - before):
                        await self._heard()
                    self._goal_id = new.pop()
                while self._goal_id not in self._goals:
                    await self._heard()
        except TimeoutError:
            raise LinkLost("Nav2 did not take the goal", "its status", "see whether bt_navigator runs") from None

    async def halt(self) -> None:
        """Cancel the goal, and see it end."""
        request = CancelGoal.Request()
        request.goal_info.goal_id.uuid = list(self._goal_id)
        try:
            async with asyncio.timeout(CALL_S):
                await self._link.awaitable(self._cancel.call_async(request))
                while self.seen.goal is Goal.ACTIVE:
                    await self._heard()
        except TimeoutError:
            raise LinkLost("Nav2 did not end its goal", "its status", "stop the robot by hand") from None

    async def _accepted(self, pose: Any) -> bytes:
        goal = importlib.import_module("nav2_msgs.action").NavigateToPose.Goal(pose=pose)
        handle = await self._link.awaitable(self._action.send_goal_async(goal))
        if not handle.accepted:
            raise LinkLost("Nav2 rejected the goal", "an accepted goal", "see its log")
        return bytes(handle.goal_id.uuid)

    def _pose(self, target: Target) -> Any:
        message = PoseStamped()
        message.header.frame_id = self._frame
        message.header.stamp = self._link.node.get_clock().now().to_msg()
        message.pose.position.x, message.pose.position.y = float(target.x_m), float(target.y_m)
        message.pose.orientation.z = math.sin(target.yaw_rad / 2)
        message.pose.orientation.w = math.cos(target.yaw_rad / 2)
        return message

    async def _heard(self) -> None:
        self._news.clear()
        await self._news.wait()

    # --- In the thread of ROS: hand over at once ----------------------------------------------------------------------

    def _on_status(self, message: Any) -> None:
        goals = {bytes(each.goal_info.goal_id.uuid): int(each.status) for each in message.status_list}
        self._link.call_soon(self._take_goals, goals)

    def _on_pose(self, message: Any) -> None:
        pose, twist = message.pose.pose, message.twist.twist
        yaw = 2.0 * math.atan2(pose.orientation.z, pose.orientation.w)
        speed = math.hypot(twist.linear.x, twist.linear.y)
        self._link.call_soon(self._take_pose, Seen(True, Goal.NONE, pose.position.x, pose.position.y, yaw, speed))

    def _on_battery(self, message: Any) -> None:
        """A base that does not measure its charge says NaN (sensor_msgs/BatteryState)."""
        charging = message.power_supply_status == BatteryState.POWER_SUPPLY_STATUS_CHARGING
        if 0.0 <= message.percentage <= 1.0:
            self._battery = (float(message.percentage), charging)

    def _take_goals(self, goals: dict[bytes, int]) -> None:
        self._goals = goals
        self._news.set()

    def _take_pose(self, seen: Seen) -> None:
        if all(map(math.isfinite, (seen.x_m, seen.y_m, seen.yaw_rad, seen.speed_m_s))):
            self._seen, self._heard_s = seen, time.monotonic()
