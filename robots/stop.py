"""Stop: latched, confirmed robot by robot, escalated on silence, released by a person alone. Pure.

This is an extra layer and not a certified safety function: each robot's own certified stop comes before it.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from bim.errors import BadInput
from bim.verdict import Reason

CONFIRM_S = 1.0
"""How long a robot may take to confirm; a robot that hears nothing stands after its grant has ended, 0.5 s."""


class Scope(StrEnum):
    """Who must stand."""

    SITE = "site"
    ZONE = "zone"
    ROBOT = "robot"


@dataclass(frozen=True, slots=True)
class Stop:
    """One stop. It is over only when `released_by` names a person."""

    stop_id: str
    scope: Scope
    ref: str
    """The zone or the robot; empty for the site."""
    reason: Reason
    requested_by: str
    requested_at: dt.datetime
    confirmations: Mapping[str, dt.datetime | None]
    """Every robot that must stand, and since when it is known to."""
    escalated: bool = False
    released_by: str | None = None
    released_at: dt.datetime | None = None

    @property
    def latched(self) -> bool:
        """Whether it still holds."""
        return self.released_by is None

    @property
    def silent(self) -> tuple[str, ...]:
        """The robots that have not confirmed."""
        return tuple(robot for robot, at in self.confirmations.items() if at is None)


def request(
    stop_id: str, scope: Scope, ref: str, reason: Reason, by: str, at: dt.datetime, robots: Iterable[str]
) -> Stop:
    """A new stop for these robots."""
    return Stop(stop_id, scope, ref, reason, by, at, dict.fromkeys(robots))


def confirm(stop: Stop, robot_id: str, at: dt.datetime) -> Stop:
    """The robot stands. A second word of it changes nothing."""
    if stop.confirmations.get(robot_id, at) is not None:
        return stop
    return replace(stop, confirmations={**stop.confirmations, robot_id: at})


def widen(stop: Stop, robots: Iterable[str]) -> Stop:
    """More robots must stand: a robot came into the zone, or joined the site."""
    return replace(stop, confirmations={**dict.fromkeys(robots), **stop.confirmations})


def escalate(stop: Stop, robots: Iterable[str]) -> Stop:
    """Somebody was silent: now the whole site must stand, and the alarm sounds."""
    return replace(widen(stop, robots), scope=Scope.SITE, ref="", escalated=True)


def release(stop: Stop, person: str, at: dt.datetime) -> Stop:
    """A person ends it. Raises BadInput without a name, and where it was released before."""
    if not person.strip():
        raise BadInput("a release by nobody", "the name of the person who looked", "have a person release it")
    if not stop.latched:
        raise BadInput(f"stop {stop.stop_id} was released by {stop.released_by}", "a latched stop", "nothing to do")
    return replace(stop, released_by=person, released_at=at)
