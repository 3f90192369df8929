"""Robot over VDA 5050: a vehicle on an MQTT broker, told by orders and instant actions, believed by its states.

    broker = Broker("broker.site", 8883, "fleet", password, tls=True)
    async with vehicle_robot(profile, Vehicle("ACME", "7", "3.0"), broker, Path("data/robots/acme-7")) as robot: ...

Its last will tells of a vehicle that lost its link. A vehicle that is silent is asked for its state, and counts as
unreachable when it does not answer.
"""

import asyncio
import contextlib
import logging
import ssl
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiomqtt

from bim.verdict import Reason
from robots.attended import AttendedRobot, Job, Report
from robots.now import utc
from robots.robot import CALL_S, LinkLost, Profile, Refused
from robots.vda5050_messages import (
    BadMessage,
    Inbox,
    Message,
    Vehicle,
    encoded,
    instant,
    order_of,
    rejection,
    report_of,
)
from robots.vda5050_schemas import Topic

ASK_S, LOST_S = 10.0, 15.0
"""Silence after which a state is asked for, and after which a vehicle counts as unreachable."""
RETRY_S = 1.0
HEARD: tuple[Topic, ...] = ("connection", "state", "visualization")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the MQTT broker is. The password appears in no text of this object."""

    host: str
    port: int = 8883
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = True

    def client(self) -> aiomqtt.Client:
        """A client, not yet connected."""
        context = ssl.create_default_context() if self.tls else None
        return aiomqtt.Client(self.host, self.port, username=self.user, password=self.password, tls_context=context,
                              keepalive=15, timeout=CALL_S)  # fmt: skip


def vehicle_robot(profile: Profile, vehicle: Vehicle, broker: Broker, folder: Path) -> AttendedRobot:
    """A vehicle as a Robot; `folder` keeps its orders. Use as `async with`."""
    return AttendedRobot(profile, VehicleMachine(vehicle, broker), folder)


class VehicleMachine:
    """One vehicle behind its broker: robots.attended.Machine."""

    def __init__(self, vehicle: Vehicle, broker: Broker) -> None:
        self.vehicle = vehicle
        self.refused = 0
        """Messages that were not believed."""
        self._broker = broker
        self._inbox = Inbox(vehicle)
        self._client: aiomqtt.Client | None = None
        self._report = Report()
        self._state: Message | None = None
        self._heard_s = 0.0
        self._job: Job | None = None
        self._cancelled = ""
        self._headers: dict[Topic, int] = {"order": 0, "instantActions": 0}
        self._news = asyncio.Event()

    @property
    def report(self) -> Report:
        """The newest; unreachable without a broker, and while the vehicle is offline or silent."""
        return self._report

    async def run(self, changed: Callable[[], None]) -> None:
        """Stay with the broker, whatever happens to it."""
        while True:
            try:
                async with self._broker.client() as client:
                    for topic in HEARD:
                        await client.subscribe(self.vehicle.topic(topic), qos=1 if topic == "connection" else 0)
                    self._client = client
                    await self._ask()
                    async with asyncio.TaskGroup() as group:
                        group.create_task(self._watch(changed))
                        async for message in client.messages:
                            self._take(str(message.topic), bytes(message.payload))
                            changed()
            except* (aiomqtt.MqttError, OSError) as lost:
                log.warning("%s: broker lost: %s", self.vehicle.serial_number, lost.exceptions[0])
            self._client = None
            self._unreachable()
            changed()
            await asyncio.sleep(RETRY_S)

    async def begin(self, job: Job) -> None:
        """Off the charger, and send the order; sent again it is the same, which a vehicle ignores (chapter 6.6.4.3)."""
        self._job, self._cancelled = job, ""
        if self._report.charging:
            await self._instant("stopCharging")
        await self._send("order", order_of(job, self.vehicle, self._report))
        try:
            async with asyncio.timeout(CALL_S):
                while self._report.job_id != job.job_id:
                    if self._state and (said := rejection(self._state, job.job_id)):
                        raise Refused(said, "an order that it takes", "look at the vehicle")
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise LinkLost(f"{self.vehicle.serial_number} did not take the order", "its state", "wait") from None

    def adopt(self, job: Job) -> None:
        """Read the newest state again, as one of this job."""
        self._job = job
        if self._state and self._report.reachable:
            self._report = report_of(self._state, self.vehicle, job, cancelled=False)

    async def hold(self) -> None:
        """Pause."""
        await self._instant("startPause")

    async def go_on(self) -> None:
        """Leave the pause."""
        await self._instant("stopPause")

    async def abort(self, job_id: str) -> None:
        """Cancel the order, once; leaving a pause lets a vehicle that waits in it do so."""
        if self._cancelled != job_id:
            self._cancelled = job_id
            await self._instant("cancelOrder")
        elif self._state and self._state.get("paused"):
            await self._instant("stopPause")

    # --- The wire ---------------------------------------------------------------------------------------------------

    def _take(self, topic: str, payload: bytes) -> None:
        name: Topic = topic.rsplit("/", 1)[-1]  # type: ignore[assignment]
        try:
            message = self._inbox.accept(name, payload)
        except BadMessage as bad:
            self.refused += 1
            log.warning("%s: %s", self.vehicle.serial_number, bad)
            said = Reason(f"A message was not believed: {bad.found}.", f"有一条消息不可信：{bad.found}。")
            self._report = replace(self._report, errors=(said,))
            return
        self._heard_s = asyncio.get_running_loop().time()
        if name == "state":
            self._state = message
            job = self._job
            self._report = report_of(message, self.vehicle, job, cancelled=self._cancelled == message["orderId"] != "")
        elif name == "connection" and message["connectionState"] != "ONLINE":
            self._unreachable()
        elif name == "visualization":
            self._moved(message)
        self._news.set()

    def _moved(self, message: Message) -> None:
        """A visualization shows where it is between states; it decides nothing."""
        place = message.get("mobileRobotPosition" if self.vehicle.version == "3.0" else "agvPosition")
        if place and self._report.reachable:
            self._report = replace(
                self._report, position_m=(float(place["x"]), float(place["y"]), 0.0), heading_rad=float(place["theta"])
            )

    def _unreachable(self) -> None:
        self._report = replace(self._report, reachable=False, stands=False)

    async def _watch(self, changed: Callable[[], None]) -> None:
        """Ask a silent vehicle, and give it up when it does not answer."""
        while True:
            await asyncio.sleep(RETRY_S)
            silent_s = asyncio.get_running_loop().time() - self._heard_s
            if silent_s > LOST_S and self._report.reachable:
                self._unreachable()
                changed()
            elif silent_s > ASK_S:
                with contextlib.suppress(LinkLost):
                    await self._ask()

    async def _ask(self) -> None:
        await self._instant("stateRequest")

    async def _instant(self, kind: str) -> None:
        await self._send("instantActions", instant(kind, f"{kind}-{uuid.uuid4().hex[:12]}", self.vehicle.version))

    async def _send(self, topic: Topic, body: Message) -> None:
        if self._client is None:
            raise LinkLost("no broker", "a connection", "wait for it")
        payload = encoded(topic, body, self.vehicle, self._headers[topic], utc())
        self._headers[topic] += 1
        try:
            async with asyncio.timeout(CALL_S):
                await self._client.publish(self.vehicle.topic(topic), payload, qos=0)
        except (aiomqtt.MqttError, TimeoutError) as error:
            raise LinkLost("the broker does not answer", "a connection", "wait for it") from error
