"""A process that looks like Nav2's bt_navigator from outside: `python -m tests.robots.nav2_stand_in NAMESPACE EFFECTS`.

It takes goals from `goal_pose`, tells their status, cancels, and moves its odometry. Its battery is at 80 %, and fills
by 20 % a second while it stands beyond y = 5 m. Each goal that it reaches is a
line of the file EFFECTS. Goals beyond x = 90 m cannot be reached; at those beyond 80 m it says so wrongly.
"""

import contextlib
import math
import sys
import uuid
from pathlib import Path
from typing import Any

import rclpy
from action_msgs.msg import GoalStatus, GoalStatusArray
from action_msgs.srv import CancelGoal
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Odometry
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, qos_profile_action_status_default, qos_profile_sensor_data
from sensor_msgs.msg import BatteryState

TICK_S, SPEED_M_S = 0.02, 1.0


class StandIn:
    def __init__(self, base: str, effects: Path) -> None:
        self.effects, self.at, self.goals = effects, [0.0, 0.0], []  # type: ignore[var-annotated]
        self.node = Node("bt_navigator", start_parameter_services=False, enable_rosout=False)
        self.odom = self.node.create_publisher(Odometry, f"{base}/odom", QoSProfile(depth=1))
        status = f"{base}/navigate_to_pose/_action/status"
        self.status = self.node.create_publisher(GoalStatusArray, status, qos_profile_action_status_default)
        self.node.create_subscription(PoseStamped, f"{base}/goal_pose", self.take, QoSProfile(depth=1))
        self.node.create_service(CancelGoal, f"{base}/navigate_to_pose/_action/cancel_goal", self.cancel)
        self.node.create_timer(TICK_S, self.tick)
        self.target: Any = None
        self.charge = 0.8
        self.battery = self.node.create_publisher(BatteryState, f"{base}/battery_state", qos_profile_sensor_data)
        self.say()

    def take(self, pose: PoseStamped) -> None:
        self.end(GoalStatus.STATUS_ABORTED)
        goal = GoalStatus(status=GoalStatus.STATUS_EXECUTING)
        goal.goal_info.goal_id.uuid = list(uuid.uuid4().bytes)
        self.goals, self.target = [*self.goals, goal][-10:], pose.pose.position
        self.say()

    def cancel(self, request: Any, response: Any) -> Any:
        self.end(GoalStatus.STATUS_CANCELED)
        return response

    def tick(self) -> None:
        speed = 0.0
        if self.target is not None:
            dx, dy = self.target.x - self.at[0], self.target.y - self.at[1]
            left, step = math.hypot(dx, dy), SPEED_M_S * TICK_S
            if self.target.x > 80.0:
                self.end(GoalStatus.STATUS_ABORTED if self.target.x > 90.0 else GoalStatus.STATUS_SUCCEEDED)
            elif left <= step:
                self.at = [self.target.x, self.target.y]
                with self.effects.open("a", encoding="ascii") as file:
                    file.write(f"{self.at[0]:.2f}\n")
                self.end(GoalStatus.STATUS_SUCCEEDED)
            else:
                self.at, speed = [self.at[0] + dx / left * step, self.at[1] + dy / left * step], SPEED_M_S
        message = Odometry()
        message.pose.pose.position.x, message.pose.pose.position.y = self.at
        message.pose.pose.orientation.w = 1.0
        message.twist.twist.linear.x = speed
        docked = self.at[1] > 5.0 and self.target is None
        self.charge = min(1.0, self.charge + docked * 0.2 * TICK_S)
        self.battery.publish(BatteryState(percentage=self.charge, power_supply_status=1 + (not docked)))
        self.odom.publish(message)

    def end(self, status: int) -> None:
        if self.target is not None:
            self.goals[-1].status, self.target = status, None
            self.say()

    def say(self) -> None:
        self.status.publish(GoalStatusArray(status_list=self.goals))


if __name__ == "__main__":
    rclpy.init()
    executor = SingleThreadedExecutor()
    stand_in = StandIn(sys.argv[1], Path(sys.argv[2]))
    executor.add_node(stand_in.node)
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        executor.spin()
