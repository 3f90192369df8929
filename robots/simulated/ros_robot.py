"""A simulated robot as a process of its own that speaks ROS 2: `python -m robots.simulated.ros_robot '{…}'`.

It serves the names of robots/interfaces as a real robot would. rclpy spins in a thread; the robot lives in asyncio.
"""

import asyncio
import json
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import rclpy
from rclpy.action import ActionServer, CancelResponse
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.task import Future
from sitewright_interfaces.action import ExecuteTask
from sitewright_interfaces.msg import RobotState as StateMessage
from sitewright_interfaces.msg import StopRequest, ZoneGrant
from sitewright_interfaces.srv import CommandTask

from robots.robot import Grant, Profile, Refused, Result
from robots.ros2 import GRANT_QOS, STATE_QOS, STOP_QOS, prepare_environment
from robots.ros2_messages import fill_refusal, fill_result, read_order, state_message
from robots.simulated.robot import SimulatedRobot
from robots.tasks import Kind

LEAST_S = 0.1
"""Between two states, a stop's confirmation apart."""
RESULTS_S = 5
"""A result is asked for at once; later the robot's own memory answers."""


class RosShell:
    """The ROS side of one robot."""

    def __init__(self, robot: SimulatedRobot) -> None:
        self._robot, self._loop = robot, asyncio.get_running_loop()
        prepare_environment()
        rclpy.init(signal_handler_options=rclpy.signals.SignalHandlerOptions.NO)
        base = f"/site/robots/{robot.robot_id}"
        node = Node(f"robot_{robot.robot_id}", start_parameter_services=False, enable_rosout=False)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(node)
        self._states = node.create_publisher(StateMessage, f"{base}/state", STATE_QOS)
        node.create_subscription(StopRequest, "/site/stop", self._on_stop, STOP_QOS)
        node.create_subscription(ZoneGrant, f"{base}/grant", self._on_grant, GRANT_QOS)
        node.create_service(CommandTask, f"{base}/command_task", self._on_command)
        self._server = ActionServer(
            node,
            ExecuteTask,
            f"{base}/execute_task",
            self._on_goal,
            cancel_callback=lambda goal: CancelResponse.ACCEPT,
            result_timeout=RESULTS_S,
        )
        threading.Thread(target=self._spin, daemon=True).start()

    async def speak(self) -> None:
        """Tell the state on every change, and as a heartbeat."""
        async for state in self._robot.states():
            self._states.publish(state_message(state))
            await asyncio.sleep(LEAST_S)

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except ExternalShutdownException:
            return

    def _in_loop(self, work: Any) -> Future:
        """A future for the executor of what a coroutine returns, Refused included."""
        future = Future(executor=self._executor)

        async def run() -> None:
            try:
                future.set_result(await work)
            except Refused as refusal:
                future.set_result(refusal)
            self._executor.wake()

        asyncio.run_coroutine_threadsafe(run(), self._loop)
        return future

    async def _on_goal(self, goal: Any) -> Any:
        answer = ExecuteTask.Result()
        try:
            order = read_order(goal.request)
        except ValueError as error:
            goal.abort()
            return fill_refusal(answer, Refused(f"an order that cannot be read ({error})"))

        def tell(targets_done: int) -> None:
            goal.publish_feedback(ExecuteTask.Feedback(targets_done=targets_done))

        result = await self._in_loop(self._robot.execute(order, tell))
        if isinstance(result, Refused):
            goal.abort()
            return fill_refusal(answer, result)
        goal.succeed()
        return fill_result(answer, result)

    async def _on_command(self, request: Any, response: Any) -> Any:
        match request.command:
            case CommandTask.Request.PAUSE:
                work: Any = self._robot.pause(request.token)
            case CommandTask.Request.RESUME:
                work = self._robot.resume(request.token)
            case _:
                work = self._robot.cancel(request.task_id, request.token)
        result = await self._in_loop(work)
        response.done = not isinstance(result, Refused)
        if isinstance(result, Result):
            return fill_result(response, result)
        if isinstance(result, Refused):
            response.reason.en = response.reason.zh = str(result)
        return response

    def _on_grant(self, message: Any) -> None:
        grant = Grant(message.sequence, tuple(message.zones), message.lease_s)
        asyncio.run_coroutine_threadsafe(self._robot.grant(grant), self._loop)

    def _on_stop(self, message: Any) -> None:
        if not message.robot_ids or self._robot.robot_id in message.robot_ids:
            asyncio.run_coroutine_threadsafe(self._stop(message.stop_id, message.released), self._loop)

    async def _stop(self, stop_id: str, released: bool) -> None:
        await (self._robot.release(stop_id) if released else self._robot.stop(stop_id))
        self._states.publish(state_message(self._robot.state))


def _profile(values: dict[str, Any]) -> Profile:
    """A simulated robot does whatever its profile names."""
    kinds = frozenset(map(Kind, values.get("kinds", Kind)))
    robot_id = values["robot_id"]
    return Profile(robot_id, robot_id, "rover", "ros2", frozenset(values["tools"]), kinds, certified_stop=True)


async def _main(values: dict[str, Any]) -> None:
    memory = values.get("memory")
    robot = SimulatedRobot(_profile(values), Path(memory) if memory else None)
    loop, speaking = asyncio.get_running_loop(), asyncio.create_task(RosShell(robot).speak())
    loop.add_signal_handler(signal.SIGTERM, speaking.cancel)
    await asyncio.gather(speaking, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(_main(json.loads(sys.argv[1])))
    # The executor's thread may be inside DDS: nothing is left to clean up.
    sys.stdout.flush()
    signal.raise_signal(signal.SIGKILL)
