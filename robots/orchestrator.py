"""The orchestrator: hears the robots, renews their leave to move, gives them tasks, and survives kill -9.

    hear a state -> believe it or not -> confirm stops, let go of zones, put right what disagrees
    something changed -> assign -> on disk -> execute -> result -> on disk

It decides nothing itself: tasks and robots meet in dispatch.py, stops in stopping.py, trust in roster.py.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bim.errors import BadInput
from bim.verdict import Reason
from robots.dispatch import Dispatcher
from robots.gates import decides
from robots.journal import Journal
from robots.now import utc
from robots.robot import Grant, LinkLost, Mode, Order, Profile, Refused, Robot, RobotState
from robots.roster import Sighting, hear
from robots.stop import Scope, Stop
from robots.stop_channel import Message
from robots.stopping import Stopping
from robots.tasks import HELD, Task, TaskSpec, TaskState
from robots.zones import SAFETY_S, Zone

GRANT_EVERY_S = 0.15
"""Three grants a lease."""
WATCH_EVERY_S = 0.1
RETRY_S = 0.25
LOST_S = 600.0
"""Silence after which a person is asked what became of a robot's task."""
PEOPLE_S = 2.0
"""Silence of a watcher after which every zone that it watches counts as occupied."""

Report = Callable[[str, Any], None]
"""Told `task`, `state`, `stop` or `unsent`, and what changed. It must return at once."""


@dataclass(frozen=True, slots=True)
class Unsent:
    """A robot that should charge or make way and cannot be sent."""

    robot_id: str
    reason: Reason


class Orchestrator:
    """One site's robots and tasks. `robots` are the adapters by robot_id; each profile of the fleet has one."""

    def __init__(
        self,
        folder: Path,
        fleet: Iterable[Profile],
        robots: Mapping[str, Robot],
        zones: Iterable[Zone] = (),
        report: Report = lambda what, value: None,
        lost_s: float = LOST_S,
    ) -> None:
        self._journal = Journal(folder / "journal")
        self._epoch = 1 + sum("epoch" in record for record in self._journal.records)
        self._journal.write({"epoch": self._epoch, "at": utc().isoformat()})
        self._journal.sync()
        self.dispatcher = Dispatcher(self._journal, fleet, zones)
        self.stopping = Stopping(self._journal, robots, self._within, self._stop_changed)
        self.sightings: dict[str, Sighting] = {}
        self.zones_of: dict[str, frozenset[str]] = {}
        self._robots, self._report, self._lost_s = robots, report, lost_s
        self._change = asyncio.Event()
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._correcting: dict[str, asyncio.Task[None]] = {}
        self._watchers: dict[str, tuple[float, frozenset[str], frozenset[str]]] = {}
        self._started_s = 0.0

    async def run(self) -> None:
        """Work until cancelled. An error of the disk or of ours ends it: what cannot promise must not command."""
        self._started_s = self._now_s()
        self.stopping.resume_telling()
        try:
            async with asyncio.TaskGroup() as self._group:
                for task in self.dispatcher.tasks.values():
                    if task.state in HELD:
                        self._carry_out(str(task.robot_id), self.dispatcher.order_of(task))
                for robot in self._robots.values():
                    self._background(self._listen(robot))
                for loop in (self._grant, self._watch, self._assign):
                    self._background(loop())
        finally:
            await self._close()

    # --- What people and programs ask for -----------------------------------------------------------------------------

    async def submit(self, spec: TaskSpec, reason: Reason, approved_by: str | None = None) -> Task:
        """Take a task in; it is on disk when this returns. Raises BadInput."""
        task = self.dispatcher.submit(spec, utc(), reason, approved_by)
        self._change.set()
        await self._journal.synced()
        self._report("task", task)
        return task

    async def approve(self, task_id: str, person: str) -> None:
        """Let a proposed task go ahead."""
        self.dispatcher.approve(task_id, person, utc())
        await self._changed(task_id)

    async def cancel(self, task_id: str, person: str) -> None:
        """End a task; its robot is told, and answers how far it was."""
        if self.dispatcher.cancel(task_id, person, utc()):
            self._tell_cancel(self.dispatcher.tasks[task_id])
        await self._changed(task_id)

    async def pause(self, task_id: str, person: str) -> None:
        """Have a task stand still."""
        self.dispatcher.pause(task_id, person, utc())
        await self._changed(task_id)

    async def resume(self, task_id: str, person: str) -> None:
        """Have a paused task go on."""
        self.dispatcher.resume(task_id, person, utc())
        await self._changed(task_id)

    async def hand_over(self, task_id: str) -> None:
        """Have another robot go on with it, from where this one stops."""
        task = self.dispatcher.tasks.get(task_id)
        if task is None or task.state not in HELD:
            raise BadInput(f"task {task_id} is held by nobody", "a task that a robot holds", "wait until it is given")
        self._tell_cancel(task)

    async def requeue(self, task_id: str, person: str) -> None:
        """Have the rest of a failed or quarantined task done."""
        self.dispatcher.requeue(task_id, person, utc())
        await self._changed(task_id)

    async def know(
        self,
        *,
        permits: Iterable[str] | None = None,
        verified: Iterable[str] | None = None,
        elements: Iterable[str] | None = None,
        plan: Mapping[str, str] | None = None,
        charge_before: Iterable[str] | None = None,
        dropped: Iterable[str] | None = None,
    ) -> None:
        """What is new around the tasks, as `Dispatcher.know`; those whose element left the model wait for a person."""
        self.dispatcher.know(
            permits=permits,
            verified=verified,
            elements=elements,
            plan=plan,
            charge_before=charge_before,
            dropped=dropped,
        )
        for task_id in self.dispatcher.withdraw(utc()):
            await self._changed(task_id)
        self._change.set()

    def take(self, message: Message, by_person: bool) -> None:
        """A verified message of the stop channel. Raises BadInput to refuse it."""
        source = str(message["source"])
        match message["type"]:
            case "stop":
                reason = Reason(str(message["reason"]["en"]), str(message["reason"]["zh"]))
                self.stop(str(message["stop_id"]), Scope(message["scope"]), str(message["ref"]), reason, source)
            case "people":
                watched, occupied = frozenset(message["watched"]), frozenset(message["occupied"])
                self._watchers[source] = (self._now_s(), watched, occupied)
                self._see_people()
            case "release" if by_person:
                self.stopping.release(str(message["stop_id"]), str(message["person"]))
            case _:
                raise BadInput(f"a {message['type']} that this key cannot sign", "a stop", "release as a person")

    def stop(self, stop_id: str, scope: Scope, ref: str, reason: Reason, by: str) -> None:
        """Latch a stop. One for a zone or a robot that nobody here knows stops the whole site, never nobody."""
        known = {Scope.SITE: True, Scope.ZONE: ref in self.dispatcher.world.zones, Scope.ROBOT: ref in self._robots}
        self.stopping.request(stop_id, *((scope, ref) if known[scope] else (Scope.SITE, "")), reason, by)

    # --- The loops ----------------------------------------------------------------------------------------------------

    async def _listen(self, robot: Robot) -> None:
        async for state in robot.states():
            self._hear(robot.robot_id, state)

    def _hear(self, robot_id: str, state: RobotState) -> None:
        known = self.sightings.get(robot_id)
        sighting = hear(known, state, self.dispatcher.fleet[robot_id], self._now_s())
        self.sightings[robot_id] = sighting
        if sighting.state is not state:
            return
        self.stopping.heard(robot_id, state.stops)
        allocation = self.dispatcher.world.allocation
        self._place(robot_id, state)
        self._put_right(robot_id, state)
        stays = known is not None and known.present(self._now_s()) and not decides(known.state, state)
        if not stays or self.dispatcher.world.allocation is not allocation:
            self._change.set()
        self._report("state", sighting)

    async def _grant(self) -> None:
        """Leave to move for every robot that is heard and trusted, and that no stop names."""
        number = self._epoch << 32
        while True:
            number += 1
            for robot_id, robot in self._robots.items():
                sighting = self.sightings.get(robot_id)
                if sighting and sighting.present(self._now_s()) and not self.stopping.names(robot_id):
                    with suppress(LinkLost):
                        await robot.grant(Grant(number, self.dispatcher.world.allocation.of(robot_id)))
            await asyncio.sleep(GRANT_EVERY_S)

    async def _watch(self) -> None:
        """Silence: zones after the safety time-out, tasks when it has lasted too long, people when no watcher looks."""
        while True:
            now_s = self._now_s()
            for robot_id in self._robots:
                known = self.sightings.get(robot_id)
                silent_s = now_s - (known.heard_s if known else self._started_s)
                if silent_s > SAFETY_S and not self.dispatcher.held_by(robot_id):
                    self.dispatcher.free_zones(robot_id, self.zones_of.get(robot_id, ()))
                    if robot_id in self.dispatcher.world.plan.values():
                        self.dispatcher.unplan(robot_id)
                        self._change.set()
                if silent_s > self._lost_s and self.dispatcher.held_by(robot_id):
                    self.dispatcher.lost(robot_id, utc())
                    self._change.set()
            self._see_people()
            await asyncio.sleep(WATCH_EVERY_S)

    async def _assign(self) -> None:
        while True:
            await self._change.wait()
            self._change.clear()
            unsent = self.dispatcher.unsent
            for robot_id, order in self.dispatcher.assign(self.sightings, self._now_s(), utc()):
                self._carry_out(robot_id, order)
            for robot_id, reason in self.dispatcher.unsent.items() - unsent.items():
                self._report("unsent", Unsent(robot_id, reason))
                self._change.set()  # it may do what its battery allows
            await self._journal.synced()

    # --- One order ----------------------------------------------------------------------------------------------------

    def _carry_out(self, robot_id: str, order: Order) -> None:
        if before := self._busy.get(robot_id):
            before.cancel()
        self._busy[robot_id] = self._background(self._execute(self._robots[robot_id], order))

    async def _execute(self, robot: Robot, order: Order) -> None:
        """Until the robot tells how it ended, or the task is no longer its."""
        task_id = order.spec.task_id
        await self._journal.synced()
        self._report("task", self.dispatcher.tasks[task_id])
        while self._holds(task_id, order.token):
            try:
                result = await robot.execute(order, lambda done: self._progress(order, done))
            except LinkLost:
                await asyncio.sleep(RETRY_S)
            except Refused as refusal:
                if self._holds(task_id, order.token) and not self.stopping.names(robot.robot_id):
                    reason = Reason(f"Refused: {refusal}.", f"被拒绝：{refusal}。")
                    self.dispatcher.refused(task_id, order.token, reason, utc())
                await asyncio.sleep(RETRY_S)
            else:
                self.dispatcher.ended(task_id, order.token, result, utc())
        self.dispatcher.free_zones(robot.robot_id, self.zones_of.get(robot.robot_id, ()))
        # On its own: the robot's next order may end this one's waiting.
        self._background(self._changed(task_id))

    def _holds(self, task_id: str, token: int) -> bool:
        task = self.dispatcher.tasks[task_id]
        return task.token == token and task.state in HELD

    def _progress(self, order: Order, targets_done: int) -> None:
        self.dispatcher.worked(order.spec.task_id, order.token, targets_done, utc())
        self._report("task", self.dispatcher.tasks[order.spec.task_id])

    def _put_right(self, robot_id: str, state: RobotState) -> None:
        """What the robot does and what it should do disagree: say again what it should."""
        task = self.dispatcher.held_by(robot_id)
        before = self._correcting.get(robot_id)
        if state.task_id is None or (before and not before.done()) or self._told(state):
            return
        correction: Coroutine[Any, Any, Any] | None = None
        robot, token = self._robots[robot_id], state.token
        if task is None or task.token != token:
            correction = self._end_stray(robot, state)
        else:
            self.dispatcher.worked(task.spec.task_id, token, state.targets_done, utc())
            now = self.dispatcher.tasks[task.spec.task_id].state
            if now is not task.state:
                self._background(self._changed(task.spec.task_id))
            paused = now is TaskState.PAUSED
            if task.cancelling:
                correction = self._cancel(robot, task)
            elif state.mode is Mode.PAUSED and not paused and not self.stopping.names(robot_id):
                correction = robot.resume(token)
            elif state.mode in (Mode.BUSY, Mode.CHARGING) and paused:
                correction = robot.pause(token)
        if correction is not None:
            self._correcting[robot_id] = self._background(_quietly(correction))

    def _told(self, state: RobotState) -> bool:
        """Whether it has already told that this order is done, and the state is older than that."""
        task = self.dispatcher.tasks.get(str(state.task_id))
        return task is not None and task.state is TaskState.DONE and task.token == state.token

    async def _end_stray(self, robot: Robot, state: RobotState) -> None:
        """It works at what it was not given, or no longer; what it says of it still counts for a task in doubt."""
        task_id = str(state.task_id)
        result = await robot.cancel(task_id, state.token)
        if task_id in self.dispatcher.tasks:
            self.dispatcher.ended(task_id, state.token, result, utc())

    def _tell_cancel(self, task: Task) -> None:
        self._background(_quietly(self._cancel(self._robots[str(task.robot_id)], task)))

    async def _cancel(self, robot: Robot, task: Task) -> None:
        result = await robot.cancel(task.spec.task_id, task.token)
        self.dispatcher.ended(task.spec.task_id, task.token, result, utc())
        await self._changed(task.spec.task_id)

    # --- Places -------------------------------------------------------------------------------------------------------

    def _place(self, robot_id: str, state: RobotState) -> None:
        """Which zones its body reaches into; one that it does not hold and may not be in stops it."""
        world, radius_m = self.dispatcher.world, self.dispatcher.fleet[robot_id].radius_m
        inside = {z for z, zone in world.zones.items() if zone.touches(state.position_m, radius_m, state.storey)}
        entered = inside - self.zones_of.get(robot_id, frozenset())
        self.zones_of[robot_id] = frozenset(inside)
        self.stopping.entered(robot_id, inside)
        if reason := world.allocation.obstacle(world.zones, robot_id, sorted(entered)):
            stop_id = f"{robot_id}-{state.instance[:8]}-{state.sequence}"
            self.stopping.request(stop_id, Scope.ROBOT, robot_id, reason, "zones")
        self.dispatcher.free_zones(robot_id, inside)
        self.dispatcher.fill_zones(robot_id, inside)

    def _within(self, zone_id: str) -> Iterable[str]:
        holder = self.dispatcher.world.allocation.holders.get(zone_id)
        inside = {robot_id for robot_id, zones in self.zones_of.items() if zone_id in zones}
        return inside | ({holder} if holder else set())

    def _see_people(self) -> None:
        occupied: set[str] = set()
        for heard_s, watched, seen in self._watchers.values():
            occupied |= seen if self._now_s() - heard_s <= PEOPLE_S else watched
        if occupied != self.dispatcher.world.allocation.people:
            self.dispatcher.know(people=occupied)
            self._change.set()

    # --- Housekeeping -------------------------------------------------------------------------------------------------

    async def _changed(self, task_id: str) -> None:
        self._change.set()
        await self._journal.synced()
        self._report("task", self.dispatcher.tasks[task_id])

    def _background(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        return self._group.create_task(work)

    def _stop_changed(self, stop: Stop) -> None:
        self._change.set()
        self._report("stop", stop)

    async def _close(self) -> None:
        await self.stopping.close()
        for robot in self._robots.values():
            await robot.close()
        self._journal.close()

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()


async def _quietly(correction: Coroutine[Any, Any, Any]) -> None:
    """The next state tells whether it worked."""
    with suppress(LinkLost, Refused):
        await correction
