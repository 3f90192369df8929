"""A robot in this process: it drives, works at targets, draws battery and loses its link, by the clock of the loop."""

import asyncio
import math
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from bim.verdict import Reason, Vector
from robots.gates import CHARGED
from robots.now import utc
from robots.onboard import CANCELLED, Leave, OrderMemory
from robots.robot import (
    CALL_S,
    Grant,
    LinkLost,
    Mode,
    OnProgress,
    Order,
    Outcome,
    Profile,
    Refused,
    Result,
    RobotState,
)
from robots.tasks import Kind, Target

BEAT_S = 0.2
"""A state at least this often."""
DONE = Reason("All targets are done.", "全部目标点已完成。")
Effect = Callable[[str, int], None]
"""Told the task and the target (from 0) each time that work is really done."""


@dataclass(slots=True)
class _Work:
    """The order in hand."""

    order: Order
    on_progress: OnProgress
    result: asyncio.Future[Result]
    held: bool = False
    """It stands until it is resumed."""
    begun: bool = False
    """An order that came before any grant begins with the grant."""
    charging: bool = False


class SimulatedRobot:
    """Obeys robots.robot.Robot. `memory` is the file that it remembers orders in; `link_up` False cuts its link."""

    def __init__(self, profile: Profile, memory: Path | None = None, effect: Effect | None = None) -> None:
        self.profile = profile
        self.link_up = True
        self._memory = OrderMemory(memory)
        self._effect = effect
        self._leave = Leave()
        self._work: _Work | None = None
        self._working: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._deadman: asyncio.TimerHandle | None = None
        home = profile.home or Target(0.0, 0.0, 0.0, 0.0)
        self._state = RobotState(
            robot_id=profile.robot_id,
            instance=uuid.uuid4().hex,
            sequence=0,
            mode=Mode.IDLE,
            position_m=home[:3],
            heading_rad=home.yaw_rad,
            storey="",
            battery=1.0,
            speed_m_s=0.0,
            at=utc(),
        )

    @property
    def robot_id(self) -> str:
        """Its name in the fleet file."""
        return self.profile.robot_id

    @property
    def state(self) -> RobotState:
        """What it says of itself now, whether or not anybody hears it."""
        return self._state

    async def states(self) -> AsyncIterator[RobotState]:
        """Its states, as long as the link is up; a heartbeat when nothing changes."""
        heard = -1
        while True:
            self._news.clear()
            if self.link_up and self._state.sequence > heard:
                heard = self._state.sequence
                yield self._state
            try:
                async with asyncio.timeout(BEAT_S):
                    await self._news.wait()
            except TimeoutError:
                self._say()

    async def execute(self, order: Order, on_progress: OnProgress) -> Result:
        """Drive to each target and work there."""
        await self._reach()
        if known := self._known(order):
            return known
        if self._work is None:
            self._begin(order, on_progress)
        assert self._work is not None
        self._work.on_progress = on_progress
        result = await asyncio.shield(self._work.result)
        await self._reach()
        return result

    async def pause(self, token: int) -> None:
        """Stand still with the order in hand."""
        await self._reach()
        self._in_hand(token).held = True
        self._stand()

    async def resume(self, token: int) -> None:
        """Go on."""
        await self._reach()
        work = self._in_hand(token)
        if not self._leave.holds(self._now_s()):
            raise Refused(f"{self.robot_id} may not move", "a grant and no latched stop", "grant, then resume")
        work.held = False
        self._go()

    async def cancel(self, task_id: str, token: int) -> Result:
        """End the order, whether or not it ever came."""
        await self._reach()
        result = self._memory.cancel(task_id, token)
        work = self._work
        if work and work.order.spec.task_id == task_id and work.order.token <= token:
            self._over(result)
        return result

    async def grant(self, grant: Grant) -> None:
        """Renew its leave to move; lost without a link."""
        if self.link_up and self._leave.take(grant, self._now_s()):
            if self._deadman:
                self._deadman.cancel()
            self._deadman = asyncio.get_running_loop().call_at(self._leave.ends_s, self._hold)
            if self._work and not self._work.begun:
                self._go()

    async def stop(self, stop_id: str) -> None:
        """Stand and latch."""
        await self._reach()
        self._leave.stop(stop_id)
        self._hold()
        self._say()

    async def release(self, stop_id: str) -> None:
        """Let go of one stop; a task in hand waits to be resumed."""
        await self._reach()
        self._leave.release(stop_id)
        self._say()

    async def close(self) -> None:
        """End without finishing, as a robot that is switched off."""
        for pending in (self._working, self._deadman):
            if pending:
                pending.cancel()
        if self._working:
            with suppress(asyncio.CancelledError):
                await self._working
        if self._work and not self._work.result.done():
            self._work.result.cancel()
        self._memory.close()

    # --- Orders -----------------------------------------------------------------------------------------------------

    def _known(self, order: Order) -> Result | None:
        """The result of an order that is over. Raises Refused for one that cannot begin."""
        work = self._work
        joining = work is not None and work.order.token == order.token and work.order.spec == order.spec
        if not joining:
            if order.spec.tool and order.spec.tool not in self.profile.tools:
                raise Refused(f"{self.robot_id} has no {order.spec.tool}", ", ".join(self.profile.tools), "ask another")
            if work is not None and work.order.spec.task_id != order.spec.task_id:
                raise Refused(f"{self.robot_id} is busy", "one order at a time", "send it when the other is over")
            if self._leave.stops:
                raise Refused(f"{self.robot_id} is stopped", "no latched stop", "have a person release the stop")
        known = self._memory.take(order)
        if work is not None and not joining:
            self._over(Result(Outcome.CANCELLED, self._memory.targets_done(order.spec.task_id), CANCELLED))
        return known

    def _begin(self, order: Order, on_progress: OnProgress) -> None:
        self._work = _Work(order, on_progress, asyncio.get_running_loop().create_future())
        self._go()

    def _in_hand(self, token: int) -> _Work:
        if self._work is None or self._work.order.token != token:
            raise Refused(f"{self.robot_id} has no order {token} in hand", "the order in hand", "read its newest state")
        return self._work

    def _over(self, result: Result) -> None:
        work, self._work = self._work, None
        if self._working and self._working is not asyncio.current_task():
            self._working.cancel()
        if work and not work.result.done():
            work.result.set_result(result)
        self._say()

    # --- Moving -----------------------------------------------------------------------------------------------------

    def _go(self) -> None:
        work, idle = self._work, self._working is None or self._working.done()
        if work and idle and not work.held and self._leave.holds(self._now_s()):
            work.begun = True
            self._working = asyncio.create_task(self._do(work.order))
        self._say()

    async def _do(self, order: Order) -> None:
        spec = order.spec
        each_s = spec.duration_s / max(1, len(spec.targets))
        if not spec.targets:
            await asyncio.sleep(each_s)
        for index in range(self._memory.targets_done(spec.task_id), len(spec.targets)):
            await self._drive(spec.targets[index])
            if spec.kind is Kind.CHARGE:
                await self._charge()
            else:
                await asyncio.sleep(each_s)
                self._drain(each_s)
            self._memory.did(spec.task_id, index + 1)
            if self._effect:
                self._effect(spec.task_id, index)
            assert self._work is not None
            self._work.on_progress(index + 1)
        if not spec.targets and self._effect:
            self._effect(spec.task_id, 0)
        result = Result(Outcome.DONE, len(spec.targets), DONE)
        self._memory.end(spec.task_id, result)
        self._over(result)

    async def _drive(self, target: Target) -> None:
        """Straight at full speed, in steps of a heartbeat; stopping leaves it where it is."""
        while (left_m := math.dist(self._state.position_m, target[:3])) > 0.0:
            step_s = min(BEAT_S, left_m / self.profile.speed_m_s)
            await asyncio.sleep(step_s)
            share = 1.0 if step_s < BEAT_S else BEAT_S * self.profile.speed_m_s / left_m
            self._drain(step_s)
            heading = math.atan2(target.y_m - self._state.position_m[1], target.x_m - self._state.position_m[0])
            self._say(
                position_m=_between(self._state.position_m, target[:3], share) if share < 1.0 else target[:3],
                heading_rad=heading if share < 1.0 else target.yaw_rad,
            )

    async def _charge(self) -> None:
        """Until the battery is full; standing in between only makes it longer."""
        assert self._work is not None
        while self._state.battery < CHARGED:
            self._work.charging = True
            self._say()
            await asyncio.sleep(BEAT_S)
            self._drain(-BEAT_S * self.profile.battery_s / self.profile.charge_s)

    def _hold(self) -> None:
        """Stand until resumed."""
        if self._work:
            self._work.held = True
        self._stand()

    def _stand(self) -> None:
        if self._working and self._working is not asyncio.current_task():
            self._working.cancel()
            self._working = None
        self._say()

    # --- Its link and its state ---------------------------------------------------------------------------------------

    async def _reach(self) -> None:
        if not self.link_up:
            await asyncio.sleep(CALL_S)
            raise LinkLost(f"{self.robot_id} does not answer", "an answer in time", "wait for its link")

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()

    def _drain(self, seconds: float) -> None:
        left = self._state.battery - seconds / self.profile.battery_s
        self._state = replace(self._state, battery=min(max(0.0, left), 1.0))

    def _say(self, position_m: Vector | None = None, heading_rad: float | None = None) -> None:
        work = self._work
        self._state = replace(
            self._state,
            sequence=self._state.sequence + 1,
            mode=self._mode(),
            position_m=position_m or self._state.position_m,
            heading_rad=self._state.heading_rad if heading_rad is None else heading_rad,
            speed_m_s=self.profile.speed_m_s if position_m else 0.0,
            at=utc(),
            task_id=work.order.spec.task_id if work else None,
            token=work.order.token if work else 0,
            targets_done=self._memory.targets_done(work.order.spec.task_id) if work else 0,
            storey=work.order.spec.storey if work else self._state.storey,
            stops=tuple(sorted(self._leave.stops)),
        )
        self._news.set()

    def _mode(self) -> Mode:
        if self._leave.stops:
            return Mode.STOPPED
        if self._work is None:
            return Mode.IDLE
        if self._work.held or not self._work.begun:
            return Mode.PAUSED
        return Mode.CHARGING if self._work.charging else Mode.BUSY


def _between(start: Vector, end: Vector | tuple[float, ...], share: float) -> Vector:
    x, y, z = (a + share * (b - a) for a, b in zip(start, end, strict=True))
    return x, y, z
