"""The native ROS 2 adapter obeys the contract: real processes, real DDS."""

import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from robots.journal import read
from robots.onboard import effects
from robots.robot import Robot
from robots.simulated.processes import own_domain, robot_process, ros_environment
from robots.tasks import TaskSpec
from tests.contracts.robot_contract import Rig, RobotContract, spec

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
