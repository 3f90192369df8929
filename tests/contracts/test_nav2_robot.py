"""A Nav2 base obeys the contract, over real DDS, with a process that stands in for Nav2."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from robots.robot import Order, Outcome, Profile, Robot
from robots.simulated.processes import own_domain, ros_environment
from robots.tasks import Kind, Target, TaskSpec
from tests.contracts.robot_contract import Rig, RobotContract, Session, run, spec

pytest.importorskip("sitewright_interfaces", reason="needs robots/interfaces, which ./run builds")
BASE = Profile("n1", "Base 1", "rover", "nav2", frozenset({"lidar"}), frozenset({Kind.SCAN}), certified_stop=True)
ROOT = Path(__file__).parents[2]


class Nav2Rig:
    def __init__(self, robot: Robot, effects: Path) -> None:
        self.robot, self._effects = robot, effects
        self._before = len(self._lines())

    def short(self, task_id: str) -> TaskSpec:
        return replace(spec(task_id, "lidar", 0.4), kind=Kind.SCAN)

    def long(self, task_id: str) -> TaskSpec:
        return replace(self.short(task_id), targets=(Target(70.0, 0.0, 0.0, 0.0),))

    def effects(self) -> list[tuple[str, int]]:
        """The places that it was driven to; going on after a pause drives to the same one again."""
        places = dict.fromkeys(self._lines()[self._before :])
        return [("a", n) for n, _ in enumerate(places)]

    def _lines(self) -> list[str]:
        return self._effects.read_text(encoding="ascii").splitlines() if self._effects.exists() else []


class TestNav2Robot(RobotContract):
    def open(self, folder: Path) -> AbstractAsyncContextManager[Rig]:
        return opened(folder)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Nav2Rig]:
    from robots.ros2 import RosLink
    from robots.ros2_nav2 import nav2_robot

    os.environ |= ros_environment(own_domain())
    command = [sys.executable, "-m", "tests.robots.nav2_stand_in", "/n1", str(folder / "effects")]
    base = subprocess.Popen(command, cwd=ROOT)
    link = RosLink("nav2_contract")
    try:
        async with nav2_robot(BASE, link, "/n1", folder / "memory", "00") as robot:
            link.start()
            yield Nav2Rig(robot, folder / "effects")
    finally:
        link.close()
        base.kill()
        base.wait()


@pytest.mark.parametrize(("x_m", "words"), [(95.0, "no way"), (85.0, "says that it arrived, but")])
def test_a_place_that_is_not_reached_is_a_failure_with_its_reason(x_m: float, words: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path) as rig, Session(rig):
            task = replace(rig.short("a"), targets=(Target(x_m, 0.0, 0.0, 0.0),))
            result = await rig.robot.execute(Order(task, 1), lambda done: None)
            assert (result.outcome, result.targets_done) == (Outcome.FAILED, 0)
            assert words in result.reason.en

    run(scenario())


@pytest.mark.parametrize(("y_m", "outcome"), [(6.0, Outcome.DONE), (1.0, Outcome.FAILED)])
def test_a_base_stands_at_its_charger_until_it_is_full_or_is_clearly_not_charged(
    y_m: float, outcome: Outcome, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with opened(tmp_path) as rig, Session(rig):
            task = replace(rig.short("c"), kind=Kind.CHARGE, tool="", targets=(Target(0.0, y_m, 0.0, 0.0),))
            result = await rig.robot.execute(Order(replace(task, duration_s=2.0), 1), lambda done: None)
            assert result.outcome is outcome
            assert outcome is Outcome.DONE or "does not charge" in result.reason.en

    run(scenario())
