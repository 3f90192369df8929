"""Stops in action: told to the robots at once and again until each confirms; the disk and the network come after."""

import asyncio
import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bim.errors import BadInput
from bim.verdict import Reason
from robots.journal import Journal, Record
from robots.now import utc
from robots.robot import LinkLost, Robot
from robots.stop import CONFIRM_S, Scope, Stop, confirm, escalate, release, request, widen
from robots.wire import reason_json

RETRY_S = 0.1
UNKNOWN = Reason(
    "The robot stands by a stop whose reason was lost in a restart.", "机器人处于停机状态，其原因在重启时丢失。"
)
Alarm = Callable[[Stop], None]
"""Told each time that a stop changes; an escalated one sounds the alarm."""
Within = Callable[[str], Iterable[str]]
"""The robots that hold a zone or are in it."""


class Stopping:
    """The stops of a site; latched ones outlive a restart."""

    def __init__(self, journal: Journal, robots: Mapping[str, Robot], within: Within, on_change: Alarm) -> None:
        self.stops: dict[str, Stop] = {}
        self._journal, self._robots, self._within, self._on_change = journal, robots, within, on_change
        self._telling: dict[tuple[str, str], asyncio.Task[None]] = {}
        for record in journal.records:
            self._replay(record)

    def resume_telling(self) -> None:
        """After a restart: what was latched is told again, and must be confirmed again."""
        for stop in self.stops.values():
            if stop.latched:
                self._tell(stop)

    def request(self, stop_id: str, scope: Scope, ref: str, reason: Reason, by: str) -> Stop:
        """Stop now. A stop_id that is known changes nothing, so that a replayed message cannot stop a site again."""
        if stop_id in self.stops:
            return self.stops[stop_id]
        stop = request(stop_id, scope, ref, reason, by, utc(), self._named(scope, ref))
        self._keep(stop)
        self._tell(stop)
        record = {"stop": stop_id, "scope": scope.value, "ref": ref, "by": by, "at": stop.requested_at.isoformat()}
        self._journal.write({**record, "robots": list(stop.confirmations), **reason_json(reason)})
        return stop

    def release(self, stop_id: str, person: str) -> None:
        """A person ends it. Raises BadInput."""
        if stop_id not in self.stops:
            raise BadInput(f"no stop {stop_id}", "a latched stop", "take the name that `sitewright robots` printed")
        stop = release(self.stops[stop_id], person, utc())
        self._journal.write({"released": stop_id, "by": person, "at": utc().isoformat()})
        self._keep(stop)
        for robot_id in stop.confirmations:
            self._start(stop_id, robot_id, self._let_go(stop_id, robot_id))

    def names(self, robot_id: str) -> bool:
        """Whether any latched stop names the robot."""
        return any(stop.latched and robot_id in stop.confirmations for stop in self.stops.values())

    def heard(self, robot_id: str, confirmed: Iterable[str]) -> None:
        """The robot's state lists the stops that it confirms.

        One that nobody here knows was told before a crash that came before the disk: it is taken over, so that a
        person can see and release it.
        """
        for stop_id in confirmed:
            if stop_id not in self.stops:
                self.request(stop_id, Scope.ROBOT, robot_id, UNKNOWN, robot_id)
            self._keep(confirm(self.stops[stop_id], robot_id, utc()))

    def entered(self, robot_id: str, zones: Iterable[str]) -> None:
        """A robot that comes into a stopped zone, or onto a stopped site, must stand too."""
        for stop in list(self.stops.values()):
            there = stop.scope is Scope.SITE or (stop.scope is Scope.ZONE and stop.ref in zones)
            if stop.latched and there and robot_id not in stop.confirmations:
                self._keep(widen(stop, [robot_id]))
                self._start(stop.stop_id, robot_id, self._stand(stop.stop_id, robot_id))

    async def close(self) -> None:
        """Tell no more; what is latched stays latched at the robots."""
        for task in self._telling.values():
            task.cancel()
        await asyncio.gather(*self._telling.values(), return_exceptions=True)

    def _named(self, scope: Scope, ref: str) -> Iterable[str]:
        match scope:
            case Scope.SITE:
                return list(self._robots)
            case Scope.ZONE:
                return list(self._within(ref))
            case Scope.ROBOT:
                return [ref]

    def _tell(self, stop: Stop) -> None:
        for robot_id in stop.silent:
            self._start(stop.stop_id, robot_id, self._stand(stop.stop_id, robot_id))
        self._start(stop.stop_id, "", self._escalate(stop.stop_id))

    def _start(self, stop_id: str, robot_id: str, work: Any) -> None:
        if (before := self._telling.get((stop_id, robot_id))) is not None:
            before.cancel()
        self._telling[stop_id, robot_id] = asyncio.create_task(work)

    async def _stand(self, stop_id: str, robot_id: str) -> None:
        robot = self._robots.get(robot_id)
        while robot and (stop := self.stops[stop_id]).latched and robot_id in stop.silent:
            try:
                await robot.stop(stop_id)
                self.heard(robot_id, [stop_id])
            except LinkLost:
                await asyncio.sleep(RETRY_S)

    async def _let_go(self, stop_id: str, robot_id: str) -> None:
        robot = self._robots.get(robot_id)
        while robot:
            try:
                await robot.release(stop_id)
                robot = None
            except LinkLost:
                await asyncio.sleep(RETRY_S)

    async def _escalate(self, stop_id: str) -> None:
        """Silence: every robot of the site must stand."""
        await asyncio.sleep(CONFIRM_S)
        stop = self.stops[stop_id]
        if stop.latched and stop.silent and not stop.escalated:
            self._journal.write({"escalated": stop_id, "silent": list(stop.silent), "at": utc().isoformat()})
            stop = escalate(stop, self._robots)
            self._keep(stop)
            for robot_id in stop.silent:
                self._start(stop_id, robot_id, self._stand(stop_id, robot_id))

    def _keep(self, stop: Stop) -> None:
        if self.stops.get(stop.stop_id) != stop:
            self.stops[stop.stop_id] = stop
            self._on_change(stop)

    def _replay(self, record: Record) -> None:
        if "stop" in record:
            reason = Reason(record["en"], record["zh"])
            at = dt.datetime.fromisoformat(record["at"])
            scope = Scope(record["scope"])
            stop = request(record["stop"], scope, record["ref"], reason, record["by"], at, record["robots"])
            self.stops[stop.stop_id] = stop
        elif "escalated" in record:
            self.stops[record["escalated"]] = escalate(self.stops[record["escalated"]], self._robots)
        elif "released" in record:
            at = dt.datetime.fromisoformat(record["at"])
            self.stops[record["released"]] = release(self.stops[record["released"]], record["by"], at)
