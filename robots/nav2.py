"""Robot over Nav2: a base that drives to poses and does nothing else. The ROS side is robots/ros2_nav2.py.

Nav2 has no pause and keeps no tasks. So a pause ends its goal and going on sends the goal again, and the targets that
are done are remembered here: driving to a place is the same however often it is done. At each target the robot stands
for its share of the task's duration, as a scan or a look takes it.
"""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from bim.verdict import Reason
from robots.attended import Job, Report
from robots.gates import CHARGED
from robots.robot import LinkLost, Outcome
from robots.tasks import Kind, Target

STEP_S = 0.05
NEAR_M = 0.5
"""A robot that says that it arrived and is farther away than this, or the task's tolerance, lies or is lost."""
STILL_M_S = 0.02
PATIENCE = 2.0
"""How many times as long as expected a base may stand at its charger until that counts as broken."""


class Goal(StrEnum):
    """Where the newest goal stands."""

    NONE = "none"
    ACTIVE = "active"
    REACHED = "reached"
    FAILED = "failed"
    ENDED = "ended"
    """Cancelled, by us or by somebody else."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is seen of a base: its pose in the site frame, its speed, and its newest goal."""

    reachable: bool
    goal: Goal
    x_m: float = 0.0
    y_m: float = 0.0
    yaw_rad: float = 0.0
    speed_m_s: float = 0.0
    battery: float = 1.0
    """0..1; full where the base does not tell it."""
    charging: bool = False


class Navigator(Protocol):
    """The ROS side. Calls end within CALL_S, or are LinkLost."""

    @property
    def seen(self) -> Seen:
        """The newest."""

    async def go(self, target: Target) -> None:
        """Begin to drive there; returns when the goal is known to Nav2."""

    async def halt(self) -> None:
        """End the goal in hand."""


class Nav2Machine:
    """One base: robots.attended.Machine."""

    def __init__(self, navigator: Navigator, storey: str = "") -> None:
        self._navigator, self._storey = navigator, storey
        self._report = Report()
        self._job: Job | None = None
        self._next = 0
        self._held = True
        self._dwells_until_s: float | None = None
        self._lock = asyncio.Lock()

    @property
    def report(self) -> Report:
        """The newest."""
        return self._report

    async def run(self, changed: Callable[[], None]) -> None:
        """Look and act at a steady pace."""
        while True:
            before = self._report
            async with self._lock:
                await self._step()
            if self._report != before:
                changed()
            await asyncio.sleep(STEP_S)

    async def begin(self, job: Job) -> None:
        """Drive to the first target that is not done."""
        async with self._lock:
            self._take(job, held=False)
            await self._drive()

    def adopt(self, job: Job) -> None:
        """Take the job in hand again, standing: what is done of it is known, and driving does no harm twice."""
        self._take(job, held=True)

    async def hold(self) -> None:
        """End the goal; the target stays the next."""
        async with self._lock:
            self._held, self._dwells_until_s = True, None
            if self._navigator.seen.goal is Goal.ACTIVE:
                await self._navigator.halt()

    async def go_on(self) -> None:
        """Drive to the next target again."""
        async with self._lock:
            self._held = False
            await self._drive()

    async def abort(self, job_id: str) -> None:
        """Stand, and be done with it."""
        await self.hold()
        if self._report.job_id == job_id:
            self._report = replace(self._report, outcome=Outcome.CANCELLED)

    # --- One step -----------------------------------------------------------------------------------------------------

    def _take(self, job: Job, *, held: bool) -> None:
        self._job, self._next, self._held, self._dwells_until_s = job, job.first_target, held, None
        self._report = replace(
            self._report, job_id=job.job_id, outcome=None, reason=None, targets_done=self._next, stands=False
        )

    async def _drive(self) -> None:
        if self._job and self._next < len(self._job.spec.targets):
            await self._navigator.go(self._job.spec.targets[self._next])

    async def _step(self) -> None:
        seen = self._navigator.seen
        still = seen.goal is not Goal.ACTIVE and abs(seen.speed_m_s) < STILL_M_S
        working = self._job is not None and self._report.outcome is None and not self._held
        self._report = replace(
            self._report,
            reachable=seen.reachable,
            stands=still and not working,
            position_m=(seen.x_m, seen.y_m, 0.0),
            heading_rad=seen.yaw_rad,
            speed_m_s=seen.speed_m_s,
            storey=self._storey,
            battery=seen.battery,
            charging=seen.charging,
        )
        if working and seen.reachable and self._job:
            await self._work(self._job, seen)

    async def _work(self, job: Job, seen: Seen) -> None:
        if self._next >= len(job.spec.targets):
            self._report = replace(self._report, outcome=Outcome.DONE, targets_done=self._next)
        elif seen.goal is Goal.REACHED:
            await self._arrived(job, seen)
        elif seen.goal is Goal.FAILED:
            self._fail(Reason("Nav2 finds no way to the target.", "Nav2 找不到到达目标的路径。"))
        elif seen.goal is Goal.ENDED:
            self._held = True
            self._report = replace(self._report, waits=True)

    async def _arrived(self, job: Job, seen: Seen) -> None:
        target, now_s = job.spec.targets[self._next], asyncio.get_running_loop().time()
        off_m = math.hypot(seen.x_m - target.x_m, seen.y_m - target.y_m)
        if off_m > max(NEAR_M, job.spec.tolerance_m):
            said = f"Nav2 says that it arrived, but it is {off_m:.1f} m away."
            self._fail(Reason(said, f"Nav2 报告已到达，但实际相距 {off_m:.1f} m。"))
        elif self._dwells_until_s is None:
            times = PATIENCE if job.spec.kind is Kind.CHARGE else 1.0
            self._dwells_until_s = now_s + times * job.spec.duration_s / len(job.spec.targets)
        elif job.spec.kind is Kind.CHARGE and seen.battery < CHARGED:
            if now_s >= self._dwells_until_s:
                self._fail(Reason("It stands at its charger and does not charge.", "它已在充电位，但没有在充电。"))
        elif now_s >= self._dwells_until_s or job.spec.kind is Kind.CHARGE:
            self._next, self._dwells_until_s = self._next + 1, None
            self._report = replace(self._report, targets_done=self._next)
            if self._next < len(job.spec.targets):
                try:
                    await self._drive()
                except LinkLost:
                    self._fail(Reason("Nav2 did not take the next goal.", "Nav2 未接受下一个目标。"))
            else:
                self._report = replace(self._report, outcome=Outcome.DONE)

    def _fail(self, reason: Reason) -> None:
        self._report = replace(self._report, outcome=Outcome.FAILED, reason=reason)
