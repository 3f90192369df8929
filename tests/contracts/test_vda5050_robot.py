"""A VDA 5050 vehicle obeys the contract, in both versions, over a real broker."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from robots.robot import Profile, Robot
from robots.tasks import Kind, TaskSpec
from robots.vda5050 import Broker, vehicle_robot
from robots.vda5050_messages import Vehicle
from robots.vda5050_schemas import Version
from tests.contracts.robot_contract import Rig, RobotContract, spec
from tests.robots.mosquitto import broker
from tests.robots.vehicle import TestVehicle

TRUCK = Profile("v1", "Truck 1", "agv", "vda5050", frozenset({"marker", "slow"}), frozenset(Kind), certified_stop=True)


@pytest.fixture(scope="module")
def mqtt() -> Iterator[Broker]:
    with broker() as running:
        yield running


class VehicleContract(RobotContract):
    version: Version

    @pytest.fixture(autouse=True)
    def _with_broker(self, mqtt: Broker) -> None:
        self.broker = mqtt

    def open(self, folder: Path) -> AbstractAsyncContextManager[Rig]:
        return self.opened(folder)

    @asynccontextmanager
    async def opened(self, folder: Path) -> AsyncIterator[Rig]:
        vehicle = Vehicle("ACME", folder.name, self.version)
        async with (
            TestVehicle(vehicle, self.broker).running() as truck,
            vehicle_robot(TRUCK, vehicle, self.broker, folder) as robot,
        ):
            yield VehicleRig(robot, truck)


class VehicleRig:
    def __init__(self, robot: Robot, truck: TestVehicle) -> None:
        self.robot = robot
        self._truck = truck

    def short(self, task_id: str) -> TaskSpec:
        return spec(task_id, "marker", 0.4)

    def long(self, task_id: str) -> TaskSpec:
        return spec(task_id, "slow", 600.0)

    def effects(self) -> list[tuple[str, int]]:
        return list(self._truck.effects)


class TestVehicle21(VehicleContract):
    version: Version = "2.1"


class TestVehicle30(VehicleContract):
    version: Version = "3.0"
