"""Rovers in a physical building: walls stop them, doorways let them through, links break, and hours pass in moments."""

import asyncio
import math
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bim.verdict import State
from robots.navigation import storey_maps, way
from robots.robot import Grant, Order, Outcome, Profile, Robot
from robots.simulated.rover import Rover
from robots.simulated.site_time import run_simulated
from robots.simulated.world import Rover as Body
from robots.simulated.world import World, pieces
from robots.tasks import Kind, Target, TaskSpec
from tests.contracts.robot_contract import Rig, RobotContract
from tests.contracts.robot_contract import spec as contract_spec
from tests.robots.test_from_model import DOOR, FLOOR, SPLIT, site

WHERE = site(FLOOR, *SPLIT, DOOR)


def world(*at: tuple[float, float], where: object = WHERE) -> World:
    return World(where, [Body(f"r{n}", x, y, 0.0, 0.35) for n, (x, y) in enumerate(at)])  # type: ignore[arg-type]


def test_a_rover_keeps_its_commanded_speed() -> None:
    built = world((2.0, 4.0))
    built.command("r0", 0.5, 0.0, 0.0)
    built.advance(4.0)
    x, y, _ = built.pose("r0")
    assert x == pytest.approx(4.0, abs=0.15)
    assert y == pytest.approx(4.0, abs=0.01)


def test_a_wall_stops_a_rover_and_a_doorway_does_not() -> None:
    built = world((4.0, 1.0), (4.0, 3.6))
    for name in ("r0", "r1"):
        built.command(name, 0.5, 0.0, 0.0)
    built.advance(10.0)
    assert built.pose("r0")[0] == pytest.approx(6.0 - 0.35, abs=0.05)
    assert built.pose("r1")[0] > 8.0


def test_what_is_absent_stops_nobody() -> None:
    built = world((4.0, 1.0), where=site(FLOOR, *SPLIT, DOOR, left=State.ABSENT))
    built.command("r0", 0.5, 0.0, 0.0)
    built.advance(10.0)
    assert built.pose("r0")[0] > 8.0


def test_an_l_shaped_section_is_not_filled() -> None:
    ring = np.array([[0, 0], [4, 0], [4, 1], [1, 1], [1, 4], [0, 4]], float)
    parts = pieces(np.stack([ring, np.roll(ring, -1, axis=0)], axis=1))
    centres = [(x, y) for x, y, *_ in parts]
    assert len(parts) > 1
    assert not any(x > 2.0 and y > 2.0 for x, y in centres)


# --- Obeying ----------------------------------------------------------------------------------------------------------


def rover(folder: Path, effects: list[tuple[str, int]]) -> Rover:
    home = Target(2.0, 2.0, 0.0, 0.0)
    profile = Profile(
        "r0", "r0", "rover", "simulated", frozenset({"marker"}), frozenset(Kind), radius_m=0.35, home=home
    )
    return Rover(
        profile,
        world((2.0, 2.0)),
        storey_maps(WHERE, 0.35),
        folder / "memory",
        lambda task, n: effects.append((task, n)),
    )


def order(x_m: float, y_m: float) -> Order:
    where = (Target(x_m, y_m, 0.0, 0.0),)
    work = contract_spec("across", "marker", 5.0)
    return Order(TaskSpec("across", Kind.LAYOUT, work.title, where, "marker", 0.005, 5.0, "Ground"), 1)


async def granted(robot: Robot, seconds: float) -> None:
    for n in range(round(seconds / 0.1)):
        await robot.grant(Grant(n + 1, ()))
        await asyncio.sleep(0.1)


def test_a_rover_drives_through_the_doorway_to_its_target(tmp_path: Path) -> None:
    effects: list[tuple[str, int]] = []

    async def across() -> Rover:
        robot = rover(tmp_path, effects)
        grants = asyncio.create_task(granted(robot, 60.0))
        result = await robot.execute(order(9.0, 2.0), lambda done: None)
        grants.cancel()
        assert result.outcome is Outcome.DONE
        await robot.close()
        return robot

    robot = run_simulated(across())
    storey = storey_maps(WHERE, 0.35)[0]
    points = way(storey, storey.cell((2.0, 2.0)), storey.cell((9.0, 2.0)))
    assert points is not None
    length_m = np.linalg.norm(np.diff(points, axis=0), axis=1).sum()
    assert math.dist(robot.state.position_m[:2], (9.0, 2.0)) < 0.3
    assert 0.8 * length_m < robot.driven_m < 1.1 * length_m
    assert robot.state.battery < 1.0
    assert effects == [("across", 0)]


def test_a_rover_whose_grants_end_stands_still(tmp_path: Path) -> None:
    async def cut_off() -> tuple[float, float]:
        robot = rover(tmp_path, [])
        working = asyncio.create_task(robot.execute(order(9.0, 2.0), lambda done: None))
        await granted(robot, 3.0)
        await asyncio.sleep(1.0)
        stood = robot.state.position_m
        await asyncio.sleep(5.0)
        working.cancel()
        await robot.close()
        return math.dist(stood, robot.state.position_m), math.dist(stood, (2.0, 2.0, 0.0))

    crept_m, driven_m = run_simulated(cut_off())
    assert crept_m == 0.0
    assert 0.5 < driven_m < 4.0


@dataclass
class DrivenRig:
    robot: Robot
    did: list[tuple[str, int]] = field(default_factory=list)

    def short(self, task_id: str) -> TaskSpec:
        return contract_spec(task_id, "marker", 0.2)

    def long(self, task_id: str) -> TaskSpec:
        return contract_spec(task_id, "marker", 600.0)

    def effects(self) -> list[tuple[str, int]]:
        return self.did


class TestDrivenRobot(RobotContract):
    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return run_simulated(asyncio.wait_for(coroutine, 60.0))

    def open(self, folder: Path) -> AbstractAsyncContextManager[Rig]:
        @asynccontextmanager
        async def opened() -> AsyncIterator[Rig]:
            did: list[tuple[str, int]] = []
            robot = rover(folder, did)
            try:
                yield DrivenRig(robot, did)
            finally:
                await robot.close()

        return opened()
