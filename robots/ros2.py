"""Robot over ROS 2: the native adapter. Beside robots/simulated/ the only file that imports rclpy.

One node for all robots, its executor in one thread; what it hears is handed to the asyncio loop. Names, types and
qualities of service are those of robots/interfaces. DDS is not encrypted by the wheels of rclpy: keep it on a network
of its own.
"""

import asyncio
import logging
import os
import sys
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import rclpy
from action_msgs.msg import GoalStatus
from rclpy.duration import Duration
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, LivelinessPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from sitewright_interfaces.action import ExecuteTask
from sitewright_interfaces.msg import RobotState as StateMessage
from sitewright_interfaces.msg import StopRequest, ZoneGrant
from sitewright_interfaces.srv import CommandTask

from robots.robot import CALL_S, LEASE_S, Grant, LinkLost, OnProgress, Order, Refused, Result, RobotState
from robots.ros2_messages import order_goal, read_result, read_state
from robots.roster import SILENT_S

Record = Callable[[str, str, bytes], None]
"""Given topic, name of the type and CDR bytes of all that is sent and received; called from either thread."""

STATE_QOS = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
    liveliness=LivelinessPolicy.AUTOMATIC,
    liveliness_lease_duration=Duration(seconds=LEASE_S),
)
STOP_QOS = QoSProfile(depth=64, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
GRANT_QOS = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
CONNECTED_S = 0.02
"""How often it is looked whether a robot's service is connected."""
FEEDBACK_QOS = QoSProfile(depth=10)
SPIN_S = 0.5
"""The longest that the executor waits for an event before it looks whether it was closed."""


def prepare_environment() -> None:
    """What the wheels of ROS need to find each other; a sourced ROS installation has set it already."""
    os.environ.setdefault("AMENT_PREFIX_PATH", sys.prefix)


log = logging.getLogger(__name__)


class RosLink:
    """A node and the thread that it spins in. Made and closed in the asyncio loop that its robots are used in."""

    def __init__(self, name: str, record: Record | None = None) -> None:
        prepare_environment()
        self._record = record
        self._loop = asyncio.get_running_loop()
        self._context = rclpy.Context()
        rclpy.init(context=self._context)
        self.node = Node(name, context=self._context, start_parameter_services=False, enable_rosout=False)
        self.executor = _executor(self._context)
        self.executor.add_node(self.node)
        self._stop_publisher = self.node.create_publisher(StopRequest, "/site/stop", STOP_QOS)
        self._stops: dict[tuple[str, bool], set[str]] = {}
        self._thread = threading.Thread(target=self._spin, name=name, daemon=True)
        self._closed = False

    def start(self) -> None:
        """Begin to listen. rclpy must not see an entity that is half made: make all robots before."""
        if not self._thread.is_alive():
            self._thread.start()

    def call_soon(self, function: Callable[..., None], *args: Any) -> None:
        """Run in the asyncio loop; from any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *args)

    def awaitable(self, future: Any) -> "asyncio.Future[Any]":
        """A ROS future as one of asyncio."""
        ours: asyncio.Future[Any] = self._loop.create_future()

        def settle(done: Any) -> None:
            if not ours.done():
                error = done.exception()
                ours.set_exception(error) if error else ours.set_result(done.result())

        future.add_done_callback(lambda done: self.call_soon(settle, done))
        return ours

    def publish(self, publisher: Any, message: Any) -> None:
        """Send, and let the record have it."""
        publisher.publish(message)
        self.record(publisher.topic_name, message)

    def record(self, topic: str, message: Any) -> None:
        """Let the record have a message, where there is one."""
        if self._record:
            self._record(topic, type(message).__name__, serialize_message(message))

    def tell_stop(self, stop_id: str, robot_id: str, released: bool) -> None:
        """All robots that a stop names in one turn of the loop go into one message."""
        if not self._stops:
            self._loop.call_soon(self._publish_stops)
        self._stops.setdefault((stop_id, released), set()).add(robot_id)

    def close(self) -> None:
        """End the thread and leave the network."""
        self._closed = True
        self.executor.shutdown()
        rclpy.try_shutdown(context=self._context)
        if self._thread.is_alive():
            self._thread.join(CALL_S)
        self.node.destroy_node()

    def _spin(self) -> None:
        while not self._closed:
            try:
                self.executor.spin_once(timeout_sec=SPIN_S)
            except ExternalShutdownException:
                return
            except Exception:
                log.exception("a message of ROS 2 could not be handled")

    def _publish_stops(self) -> None:
        stops, self._stops = self._stops, {}
        for (stop_id, released), robots in stops.items():
            message = StopRequest(stop_id=stop_id, released=released, robot_ids=sorted(robots))
            message.stamp.sec = int(time.time())
            self.publish(self._stop_publisher, message)


def _executor(context: Any) -> Any:
    """rclpy's executor of events where it has one: the other looks at every entity again for each message."""
    try:
        from rclpy.experimental.events_executor import EventsExecutor
    except ImportError:
        return SingleThreadedExecutor(context=context)
    return EventsExecutor(context=context)


class Ros2Robot:
    """Obeys robots.robot.Robot for whoever serves the names of robots/interfaces under `/site/robots/<id>/`.

    The action is spoken by its services and its feedback: rclpy's ActionClient reads the status of all recent goals
    anew with each change of one, which at many short tasks a second costs more than all else.
    """

    def __init__(self, link: RosLink, robot_id: str) -> None:
        self._link, self._robot_id = link, robot_id
        self._base = f"/site/robots/{robot_id}"
        self._newest: RobotState | None = None
        self._heard_s = -SILENT_S
        self._news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._goal_id = b""
        self._on_progress: OnProgress = lambda done: None
        node, action, parts = link.node, f"{self._base}/execute_task/_action", ExecuteTask.Impl
        self._goals = node.create_client(parts.SendGoalService, f"{action}/send_goal")
        self._results = node.create_client(parts.GetResultService, f"{action}/get_result")
        node.create_subscription(parts.FeedbackMessage, f"{action}/feedback", self._on_feedback, FEEDBACK_QOS)
        self._command = node.create_client(CommandTask, f"{self._base}/command_task")
        self._grants = node.create_publisher(ZoneGrant, f"{self._base}/grant", GRANT_QOS)
        node.create_subscription(StateMessage, f"{self._base}/state", self._receive, STATE_QOS)

    @property
    def robot_id(self) -> str:
        """Its name in the fleet file."""
        return self._robot_id

    async def states(self) -> AsyncIterator[RobotState]:
        """Its states as they come; a slow reader skips to the newest."""
        self._link.start()
        told: RobotState | None = None
        while True:
            news = self._news
            if self._newest is not None and self._newest is not told:
                told = self._newest
                yield told
            else:
                await asyncio.shield(news)

    async def execute(self, order: Order, on_progress: OnProgress) -> Result:
        """Send the goal and wait, as long as the same start of the robot keeps talking."""
        self._must_be_there()
        instance = self._newest.instance if self._newest else ""
        self._goal_id, self._on_progress = uuid.uuid4().bytes, on_progress
        request = ExecuteTask.Impl.SendGoalService.Request(goal=order_goal(order))
        request.goal_id.uuid = list(self._goal_id)
        if not (await self._in_time(self._call(self._goals, request))).accepted:
            raise Refused(f"{self._robot_id} rejected the goal", "an accepted goal", "see the robot's own log")
        asked = ExecuteTask.Impl.GetResultService.Request(goal_id=request.goal_id)
        result = asyncio.ensure_future(self._call(self._results, asked))
        try:
            while not (await asyncio.wait([result], timeout=SILENT_S / 3))[0]:
                self._must_be_there(instance)
        finally:
            result.cancel()
        if result.result().status == GoalStatus.STATUS_UNKNOWN:  # it forgot: what the answer holds is nothing
            raise self._lost()
        return read_result(result.result().result, self._robot_id)

    async def pause(self, token: int) -> None:
        """Ask it to stand."""
        await self._ask(CommandTask.Request.PAUSE, token)

    async def resume(self, token: int) -> None:
        """Ask it to go on."""
        await self._ask(CommandTask.Request.RESUME, token)

    async def cancel(self, task_id: str, token: int) -> Result:
        """Ask it to end the order for good."""
        return read_result(await self._ask(CommandTask.Request.CANCEL, token, task_id), self._robot_id)

    async def grant(self, grant: Grant) -> None:
        """Publish; a grant that is lost is followed by the next."""
        message = ZoneGrant(robot_id=self._robot_id, sequence=grant.sequence, zones=list(grant.zones))
        message.lease_s = grant.lease_s
        self._link.publish(self._grants, message)

    async def stop(self, stop_id: str) -> None:
        """Publish, and wait until its state confirms."""
        self._link.tell_stop(stop_id, self._robot_id, released=False)
        await self._until(lambda state: stop_id in state.stops)

    async def release(self, stop_id: str) -> None:
        """Publish, and wait until its state no longer lists the stop."""
        self._link.tell_stop(stop_id, self._robot_id, released=True)
        await self._until(lambda state: stop_id not in state.stops)

    async def close(self) -> None:
        """Its grant ends by itself; its names leave the network with the link."""

    # --- Within ------------------------------------------------------------------------------------------------------

    def _receive(self, message: Any) -> None:
        self._link.record(f"{self._base}/state", message)
        if message.robot_id == self._robot_id:
            self._link.call_soon(self._take, read_state(message))

    def _on_feedback(self, message: Any) -> None:
        self._link.call_soon(self._progress, bytes(message.goal_id.uuid), message.feedback.targets_done)

    def _progress(self, goal_id: bytes, targets_done: int) -> None:
        if goal_id == self._goal_id:
            self._on_progress(targets_done)

    async def _call(self, client: Any, request: Any) -> Any:
        """The answer of a service; one that nobody waits for any more is forgotten.

        A request to a service that is not connected yet would be lost, without a word: states may be heard before.
        """
        while not client.service_is_ready():
            await asyncio.sleep(CONNECTED_S)
        future = client.call_async(request)
        try:
            return await self._link.awaitable(future)
        finally:
            client.remove_pending_request(future)

    def _take(self, state: RobotState) -> None:
        self._newest, self._heard_s = state, time.monotonic()
        waiting, self._news = self._news, asyncio.get_running_loop().create_future()
        waiting.set_result(None)

    def _must_be_there(self, instance: str | None = None) -> None:
        silent = time.monotonic() - self._heard_s > SILENT_S
        restarted = instance is not None and self._newest is not None and self._newest.instance != instance
        if silent or restarted:
            raise self._lost()

    async def _ask(self, command: int, token: int, task_id: str = "") -> Any:
        request = CommandTask.Request(command=command, token=token, task_id=task_id)
        answer = await self._in_time(self._call(self._command, request))
        if not answer.done:
            raise Refused(answer.reason.en or f"{self._robot_id} refused")
        return answer

    async def _until(self, fits: Callable[[RobotState], bool]) -> None:
        async def wait() -> None:
            while self._newest is None or not fits(self._newest):
                await asyncio.shield(self._news)

        await self._in_time(wait())

    async def _in_time(self, waiting: Any) -> Any:
        try:
            async with asyncio.timeout(CALL_S):
                return await waiting
        except TimeoutError:
            raise self._lost() from None

    def _lost(self) -> LinkLost:
        return LinkLost(f"{self._robot_id} does not answer", "an answer in time", "wait for its link")
