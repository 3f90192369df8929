"""The simulated robot obeys the contract, in simulated time."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from robots.robot import Profile, Robot
from robots.simulated.robot import SimulatedRobot
from robots.simulated.site_time import run_simulated
from robots.tasks import Kind, TaskSpec
from tests.contracts.robot_contract import Rig, RobotContract, spec

ROVER = Profile("r1", "Rover 1", "rover", "simulated", frozenset({"marker"}), frozenset(Kind), certified_stop=True)


class SimulatedRig:
    def __init__(self, memory: Path) -> None:
        self._done: list[tuple[str, int]] = []
        self.robot: Robot = SimulatedRobot(ROVER, memory, lambda task, target: self._done.append((task, target)))

    def short(self, task_id: str) -> TaskSpec:
        return spec(task_id, "marker", 1.0)

    def long(self, task_id: str) -> TaskSpec:
        return spec(task_id, "marker", 600.0)

    def effects(self) -> list[tuple[str, int]]:
        return list(self._done)


class TestSimulatedRobot(RobotContract):
    def open(self, folder: Path) -> AbstractAsyncContextManager[Rig]:
        return opened(folder)

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return run_simulated(asyncio.wait_for(coroutine, 60.0))


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Rig]:
    rig = SimulatedRig(folder / "memory")
    try:
        yield rig
    finally:
        await rig.robot.close()
