"""Robot: the small protocol that every robot obeys. The contract: tests/contracts/robot_contract.py.

A robot may be slow, restart, lose its link or lie. So every call is bounded in time and raises LinkLost rather than
wait; an order may be sent again at any time, and its work is done once; and a robot moves only while its grant lasts,
by its own clock.
"""

import datetime as dt
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from bim.errors import SitewrightError
from bim.verdict import Reason, Vector
from robots.tasks import Kind, Target, TaskSpec

LEASE_S = 0.5
"""How long a grant lets a robot move, on the robot's own monotonic clock."""
CALL_S = 2.0
"""How long a call may wait for a robot before it is LinkLost. `execute` waits as long as states keep coming."""


class LinkLost(SitewrightError):
    """The robot did not answer in time. It may still be at work: nothing is known of it."""


class Refused(SitewrightError):
    """The robot answered that it will not do it, and has done nothing of it."""


class StaleToken(Refused):
    """The order's token is older than one that the robot has seen for the task: another order replaced it."""


class Mode(StrEnum):
    """What a robot is doing."""

    IDLE = "idle"
    BUSY = "busy"
    PAUSED = "paused"
    """It stands, with a task in hand, until it is resumed: asked to, or because its grant ended."""
    STOPPED = "stopped"
    """A stop is latched; it stands until every stop is released."""
    CHARGING = "charging"
    OFFLINE = "offline"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of a robot before it speaks: a line of the fleet file."""

    robot_id: str
    name: str
    kind: str
    """Such as `rover`, `arm`, `printer`."""
    adapter: str
    """`simulated`, `ros2`, `nav2`, `vda5050` or `octoprint`."""
    tools: frozenset[str]
    kinds: frozenset[Kind]
    storeys: frozenset[str] = frozenset()
    """Where it can go; empty means everywhere."""
    radius_m: float = 0.4
    speed_m_s: float = 0.8
    """The fastest that it can go: a pose that would need more is a lie."""
    battery_s: float = 14_400.0
    """Time that a full battery lasts at work."""
    charge_s: float = 3_600.0
    home: Target | None = None
    """Where it charges."""
    certified_stop: bool = False
    """It has a certified stop of its own. Without one nothing is dispatched to it automatically."""


@dataclass(frozen=True, slots=True)
class RobotState:
    """What a robot says of itself. Poses are in the site frame."""

    robot_id: str
    instance: str
    """Drawn anew at each start of the robot; two at a time are two robots with one name."""
    sequence: int
    """Grows by at least one with each state of an instance; an older one is stale."""
    mode: Mode
    position_m: Vector
    heading_rad: float
    storey: str
    battery: float
    """0..1"""
    speed_m_s: float
    at: dt.datetime
    """The robot's own clock: shown, never decided upon."""
    task_id: str | None = None
    token: int = 0
    targets_done: int = 0
    stops: tuple[str, ...] = ()
    """The stops that it confirms: latched, and it stands."""
    errors: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """A task for one robot. A robot that saw a higher token for the task refuses this one."""

    spec: TaskSpec
    token: int
    first_target: int = 0
    """Targets before this one are done already."""


class Outcome(StrEnum):
    """How an order ended."""

    DONE = "done"
    FAILED = "failed"
    """It was tried and did not work; the robot knows exactly which targets are done."""
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"
    """The robot was interrupted within a target and cannot say whether that one is done."""


@dataclass(frozen=True, slots=True)
class Result:
    """How an order ended, and how many targets are done, counted from the task's first."""

    outcome: Outcome
    targets_done: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Grant:
    """Leave to move within zones, for `lease_s` from its arrival by the robot's own clock. Sent again and again."""

    sequence: int
    """A grant with a lower number than the last is ignored: it was delayed or replayed."""
    zones: tuple[str, ...]
    lease_s: float = LEASE_S


OnProgress = Callable[[int], None]
"""Told how many targets are done, counted from the task's first."""


class Robot(Protocol):
    """A robot as the orchestrator sees it. One `execute` at a time."""

    @property
    def robot_id(self) -> str:
        """Its name in the fleet file."""

    def states(self) -> AsyncIterator[RobotState]:
        """Its states as they come, the newest first of all; ends when the robot is closed. For one reader."""

    async def execute(self, order: Order, on_progress: OnProgress) -> Result:
        """Have the order done, and wait for its result.

        The robot remembers tokens over restarts. The same token again joins the running order, or returns the result
        that it had; a task that is done is not done again, whatever the token. A cancelled caller leaves the robot at
        work: ending it takes `cancel`. Raises Refused (StaleToken for an older token), LinkLost.
        """

    async def pause(self, token: int) -> None:
        """Have the order stand still; returns when it does. Raises Refused when it is not in hand, LinkLost."""

    async def resume(self, token: int) -> None:
        """Go on with a paused order; so too after a stop was released or a grant had ended. Raises as `pause`."""

    async def cancel(self, task_id: str, token: int) -> Result:
        """End the order, and never begin one of this task with this token or an older one. Raises LinkLost.

        Returns the result that the order has now: cancelled, or what it was when it was over before.
        """

    async def grant(self, grant: Grant) -> None:
        """Renew its leave to move; returns at once. A robot whose grant ends stands and waits to be resumed."""

    async def stop(self, stop_id: str) -> None:
        """Stand still and latch; returns when the robot confirms that it stands. Raises LinkLost.

        Its order stays in hand. While any stop is latched every order is refused.
        """

    async def release(self, stop_id: str) -> None:
        """Let go of one stop, upon a person's word; other stops stay latched. Raises LinkLost."""

    async def close(self) -> None:
        """Let go of the link; the robot's grant ends by itself."""
