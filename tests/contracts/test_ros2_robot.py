"""The native ROS 2 adapter obeys the contract: real processes, real DDS."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bim.verdict import Reason
from robots.journal import read
from robots.now import utc
from robots.onboard import effects
from robots.robot import Mode, Order, Outcome, Result, Robot, RobotState
from robots.simulated.processes import own_domain, robot_process, ros_environment
from robots.tasks import TaskSpec
from tests.contracts.robot_contract import Rig, RobotContract, run, spec

pytest.importorskip("sitewright_interfaces", reason="needs robots/interfaces, which ./run builds")


class RosRig:
    def __init__(self, robot: Robot, memory: Path) -> None:
        self.robot, self._memory = robot, memory
        self._before = len(self._done())

    def short(self, task_id: str) -> TaskSpec:
        return spec(task_id, "marker", 0.4)

    def long(self, task_id: str) -> TaskSpec:
        return spec(task_id, "marker", 600.0)

    def effects(self) -> list[tuple[str, int]]:
        return self._done()[self._before :]

    def _done(self) -> list[tuple[str, int]]:
        return list(effects(read(self._memory)[0])) if self._memory.exists() else []


class TestRos2Robot(RobotContract):
    def open(self, folder: Path) -> AbstractAsyncContextManager[Rig]:
        return opened(folder)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Rig]:
    from robots.ros2 import Ros2Robot, RosLink

    domain = own_domain()
    os.environ |= ros_environment(domain)
    with robot_process(domain, "r1", folder / "memory"):
        link = RosLink("contract")
        robot = Ros2Robot(link, "r1")
        try:
            yield RosRig(robot, folder / "memory")
        finally:
            await robot.close()
            link.close()


def test_an_order_reaches_a_robot_whose_states_are_heard_before_its_action_is_connected() -> None:
    os.environ |= ros_environment(own_domain())
    assert run(_ordered_early()).outcome is Outcome.DONE


async def _ordered_early() -> Result:
    from rclpy.action import ActionServer
    from sitewright_interfaces.action import ExecuteTask
    from sitewright_interfaces.msg import RobotState as StateMessage

    from robots.ros2 import STATE_QOS, Ros2Robot, RosLink
    from robots.ros2_messages import fill_result, state_message

    def work(goal: Any) -> Any:
        goal.succeed()
        return fill_result(ExecuteTask.Result(), Result(Outcome.DONE, 2, Reason("Done", "完成")))

    state = RobotState("r1", "early", 1, Mode.IDLE, (0.0, 0.0, 0.0), 0.0, "", 1.0, 0.0, utc())
    link, onboard = RosLink("early"), RosLink("onboard")
    try:
        robot, base = Ros2Robot(link, "r1"), "/site/robots/r1"
        states = onboard.node.create_publisher(StateMessage, f"{base}/state", STATE_QOS)
        onboard.node.create_timer(0.1, lambda: states.publish(state_message(state)))
        onboard.start()
        await anext(aiter(robot.states()))
        ordered = asyncio.create_task(robot.execute(Order(spec("t1", "marker", 0.4), 1), print))
        await asyncio.sleep(0)  # The order is on its way before the action is there.
        ActionServer(onboard.node, ExecuteTask, f"{base}/execute_task", work)
        return await ordered
    finally:
        onboard.close()
        link.close()
