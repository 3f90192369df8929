"""A vehicle that speaks VDA 5050 2.1 or 3.0 to a broker: it drives, works, pauses, cancels, and dies with a last will.

Its 2.1 messages are made and read by the models of the `vda5050-sdk` peer, so that what the adapter sends and believes
is what another implementation means.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import aiomqtt
from vda5050.model.order import Order as PeerOrder
from vda5050.model.state import State as PeerState
from vda5050.serialization.codec import decode, encode

from robots.now import utc
from robots.vda5050 import Broker
from robots.vda5050_messages import Vehicle

TICK_S = 0.02
BEAT_S = 0.5


class TestVehicle:
    __test__ = False

    def __init__(self, vehicle: Vehicle, broker: Broker, work_s: float = 0.2) -> None:
        self.vehicle, self._broker, self._work_s = vehicle, broker, work_s
        self.new = vehicle.version == "3.0"
        self.effects: list[tuple[str, int]] = []
        self.orders: list[dict[str, Any]] = []
        self.errors: list[dict[str, Any]] = []
        self.order: dict[str, Any] = {"orderId": "", "orderUpdateId": 0, "nodes": [], "edges": []}
        self.actions: dict[str, str] = {}
        self.instant: dict[str, str] = {}
        self.left: list[dict[str, Any]] = []
        self.paused = self.driving = False
        self.at = [0.0, 0.0, 0.0]
        self.refuses = False
        self.charge, self.charging, self.charger_gives = 80.0, False, 10.0
        """Per cent, and how many of them a beat gives at the charger."""
        self.number = 0
        self.client: aiomqtt.Client

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["TestVehicle"]:
        will = aiomqtt.Will(self.vehicle.topic("connection"), self.connection(self.broken), 1, retain=True)
        async with aiomqtt.Client(self._broker.host, self._broker.port, will=will) as self.client:
            for topic in ("order", "instantActions"):
                await self.client.subscribe(self.vehicle.topic(topic))  # type: ignore[arg-type]
            await self.client.publish(self.vehicle.topic("connection"), self.connection("ONLINE"), 1, retain=True)
            jobs = [asyncio.create_task(each()) for each in (self.listen, self.drive, self.beat)]
            try:
                yield self
            finally:
                for job in jobs:
                    job.cancel()
                await asyncio.gather(*jobs, return_exceptions=True)

    @property
    def broken(self) -> str:
        return "CONNECTION_BROKEN" if self.new else "CONNECTIONBROKEN"

    def header(self) -> dict[str, Any]:
        self.number += 1
        at = utc().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {"headerId": self.number, "timestamp": at, "version": f"{self.vehicle.version}.0",
                "manufacturer": self.vehicle.manufacturer, "serialNumber": self.vehicle.serial_number}  # fmt: skip

    def connection(self, state: str) -> bytes:
        return json.dumps({**self.header(), "connectionState": state}).encode()

    def state(self) -> dict[str, Any]:
        x, y, theta = self.at
        actions = [{"actionId": key, "actionStatus": value} for key, value in self.actions.items()]
        instant = [{"actionId": key, "actionStatus": value} for key, value in self.instant.items()]
        known, charge = ("localized", "stateOfCharge") if self.new else ("positionInitialized", "batteryCharge")
        state = {
            **self.header(),
            "orderId": self.order["orderId"],
            "orderUpdateId": self.order["orderUpdateId"],
            "lastNodeId": "",
            "lastNodeSequenceId": 0,
            "nodeStates": [{k: node[k] for k in ("nodeId", "sequenceId", "released")} for node in self.left],
            "edgeStates": [],
            "driving": self.driving,
            "paused": self.paused,
            "actionStates": actions if self.new else actions + instant,
            "operatingMode": "AUTOMATIC",
            "errors": self.errors,
            "powerSupply" if self.new else "batteryState": {
                charge: self.charge, "charging": self.charging,
            },
            "safetyState": {"activeEmergencyStop" if self.new else "eStop": "NONE", "fieldViolation": False},
            "mobileRobotPosition" if self.new else "agvPosition": {
                "x": x, "y": y, "theta": theta, "mapId": "", known: True,
            },
        }  # fmt: skip
        return {**state, "instantActionStates": instant} if self.new else state

    async def say(self) -> None:
        state = self.state()
        text = json.dumps(state) if self.new else encode(PeerState.model_validate(state))
        await self.client.publish(self.vehicle.topic("state"), text)

    async def beat(self) -> None:
        while True:
            await self.say()
            await asyncio.sleep(BEAT_S)
            if self.charging:
                self.charge = min(self.charge + self.charger_gives, 100.0)
                self.charging = self.charger_gives > 0.0

    async def listen(self) -> None:
        async for message in self.client.messages:
            assert isinstance(message.payload, bytes)
            if str(message.topic).endswith("/order"):
                self.take(message.payload)
            else:
                for action in json.loads(message.payload)["actions"]:
                    self.obey(action)
            await self.say()

    def take(self, payload: bytes) -> None:
        order = json.loads(payload) if self.new else decode(payload, PeerOrder).to_wire()
        if self.refuses:
            about = [{"referenceKey": "orderId", "referenceValue": order["orderId"]}]
            self.errors = [{"errorType": "orderError", "errorLevel": "WARNING", "errorReferences": about}]
            return
        self.orders.append(order)
        if order["orderId"] == self.order["orderId"]:
            return
        self.order, self.left = order, list(order["nodes"])
        self.actions = {action["actionId"]: "WAITING" for node in order["nodes"] for action in node["actions"]}

    def obey(self, action: dict[str, Any]) -> None:
        kind = action["actionType"]
        if kind in ("startPause", "stopPause"):
            self.paused = kind == "startPause"
        elif kind == "stopCharging":
            self.charging = False
        elif kind == "cancelOrder":
            self.left = []
            self.actions = {key: "FINISHED" if value == "FINISHED" else "FAILED" for key, value in self.actions.items()}
        self.instant[action["actionId"]] = "FINISHED"

    async def drive(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            if self.left and not self.paused:
                await self.visit(self.left[0])

    async def visit(self, node: dict[str, Any]) -> None:
        place = node["nodePosition"]
        self.driving = True
        await self.say()
        await asyncio.sleep(TICK_S)
        self.at, self.driving = [place["x"], place["y"], place["theta"]], False
        for action in node["actions"]:
            if not await self.work(action):
                return
        if self.left and self.left[0] is node:
            self.left = self.left[1:]
        await self.say()

    async def work(self, action: dict[str, Any]) -> bool:
        self.actions[action["actionId"]] = "RUNNING"
        await self.say()
        if action["actionType"] == "startCharging":
            self.charging, self.actions[action["actionId"]] = True, "FINISHED"
            return True
        left_s = self._work_s if action["actionType"] != "slow" else 1e9
        while left_s > 0:
            await asyncio.sleep(TICK_S)
            if self.actions.get(action["actionId"]) == "FAILED":
                return False
            left_s -= 0.0 if self.paused else TICK_S
        self.actions[action["actionId"]] = "FINISHED"
        wanted = {pair["key"]: pair["value"] for pair in action["actionParameters"]}
        self.effects.append((wanted["taskId"], wanted["target"]))
        return True
