"""A robot that is a bought machine: it keeps no orders, knows no leases and latches no stops, so its adapter does.

The adapter remembers on disk which jobs it has begun before it begins them. After a restart, or a lost link, a job that
the machine still knows by its identity is joined; one that it does not know is never begun again: its outcome is
unknown, and a person looks. What the adapter cannot do is stop the machine when the adapter itself is gone: that is
what the machine's own certified stop is for.
"""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bim.verdict import Reason, Vector
from robots.journal import Journal
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
from robots.tasks import TaskSpec

BEAT_S = 0.2
"""A state at least this often, and a machine that shall stand is told so again after as long."""
UNKNOWN = Reason(
    "The machine does not know this job any more; look at what is done.", "设备已无此任务的记录，请现场查看。"
)
JOB_DONE = Reason("The machine says that it is done.", "设备报告已完成。")


@dataclass(frozen=True, slots=True)
class Job:
    """An order as the machine gets it. The identity is the same however often it is sent."""

    job_id: str
    spec: TaskSpec
    first_target: int


@dataclass(frozen=True, slots=True)
class Report:
    """The newest that is known of a machine. Poses are in the site frame."""

    reachable: bool = False
    stands: bool = False
    """It neither moves nor works."""
    waits: bool = False
    """It stands by itself until a person lets it go on, as a printer does while a lintel is laid."""
    job_id: str = ""
    """The job in hand, or the one that ended last."""
    outcome: Outcome | None = None
    """How that job ended; None while it is in hand."""
    targets_done: int = 0
    """Of all targets of its task."""
    reason: Reason | None = None
    position_m: Vector = (0.0, 0.0, 0.0)
    heading_rad: float = 0.0
    speed_m_s: float = 0.0
    storey: str = ""
    battery: float = 1.0
    charging: bool = False
    fault: bool = False
    errors: tuple[Reason, ...] = ()


class Machine(Protocol):
    """The narrow side: how one kind of machine is told what to do. Every call ends within CALL_S, or is LinkLost."""

    @property
    def report(self) -> Report:
        """The newest."""

    async def run(self, changed: Callable[[], None]) -> None:
        """Keep the link, and call `changed` after every new report, until cancelled."""

    async def begin(self, job: Job) -> None:
        """Begin it; returns when the machine knows it. Raises Refused when it surely does not."""

    def adopt(self, job: Job) -> None:
        """Report of this job: it was begun in an earlier life of the adapter."""

    async def hold(self) -> None:
        """Tell it to stand still."""

    async def go_on(self) -> None:
        """Tell it to go on."""

    async def abort(self, job_id: str) -> None:
        """Tell it to give the job up."""


@dataclass(slots=True, eq=False)
class _Work:
    order: Order
    job: Job
    on_progress: OnProgress
    result: asyncio.Future[Result]
    held: bool
    begun: bool = False


class AttendedRobot:
    """Obeys robots.robot.Robot for a machine. `folder` keeps what must outlive the process. Use as `async with`."""

    def __init__(self, profile: Profile, machine: Machine, folder: Path) -> None:
        self.profile = profile
        self._machine = machine
        self._memory = OrderMemory(folder / "orders")
        self._begun = Journal(folder / "begun")
        self._begun_ids = {str(record["job_id"]) for record in self._begun.records}
        self._leave = Leave()
        self._work: _Work | None = None
        self._aborting = ""
        self._waited = False
        self._instance, self._sequence = uuid.uuid4().hex, 0
        self._changed = asyncio.Condition()
        self._deadman: asyncio.TimerHandle | None = None
        self._jobs: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "AttendedRobot":
        self._spawn(self._machine.run(self._look))
        self._spawn(self._attend())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def robot_id(self) -> str:
        """Its name in the fleet file."""
        return self.profile.robot_id

    async def states(self) -> AsyncIterator[RobotState]:
        """Its states while it can be reached; a heartbeat when nothing changes."""
        while True:
            if self._machine.report.reachable:
                yield self._state()
            try:
                async with asyncio.timeout(BEAT_S), self._changed:
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def execute(self, order: Order, on_progress: OnProgress) -> Result:
        """Have it done by the machine."""
        if known := self._known(order):
            return known
        if self._work is None:
            await self._reachable()
            self._work = self._taken(order, on_progress)
            if not self._work.held:
                await self._go(self._work)
        work = self._work
        if work is None:  # it was over at once
            return self._memory.take(order) or Result(Outcome.UNKNOWN, order.first_target, UNKNOWN)
        work.on_progress = on_progress
        while not work.result.done():
            await asyncio.wait({work.result}, timeout=CALL_S)
            if not work.result.done() and not self._machine.report.reachable:
                raise self._lost()
        return work.result.result()

    async def pause(self, token: int) -> None:
        """Stand still with the order in hand."""
        self._in_hand(token).held = True
        await self._standing()

    async def resume(self, token: int) -> None:
        """Go on, or begin when it was held before it began."""
        work = self._in_hand(token)
        if not self._leave.holds(self._now_s()):
            raise Refused(f"{self.robot_id} may not move", "a grant and no latched stop", "grant, then resume")
        await self._reachable()
        work.held = False
        await self._go(work)

    async def cancel(self, task_id: str, token: int) -> Result:
        """End the order, whether or not it ever came."""
        result = self._memory.cancel(task_id, token)
        work = self._work
        if work and work.order.spec.task_id == task_id and work.order.token <= token:
            if work.begun:
                self._aborting = work.job.job_id
            self._over(result)
            await self._aborted()
        return result

    async def grant(self, grant: Grant) -> None:
        """Renew its leave to move, which the adapter keeps."""
        if self._leave.take(grant, self._now_s()):
            if self._deadman:
                self._deadman.cancel()
            self._deadman = asyncio.get_running_loop().call_at(self._leave.ends_s, self._hold)

    async def stop(self, stop_id: str) -> None:
        """Latch, and wait until the machine stands."""
        self._leave.stop(stop_id)
        self._hold()
        await self._standing()

    async def release(self, stop_id: str) -> None:
        """Let go of one stop; a task in hand waits to be resumed."""
        await self._reachable()
        self._leave.release(stop_id)
        self._look()

    async def close(self) -> None:
        """Let go of the link; the machine is told to stand first."""
        if self._work and self._work.begun and self._machine.report.reachable:
            self._hold()
            with contextlib.suppress(LinkLost):
                await self._standing()
        if self._deadman:
            self._deadman.cancel()
        for job in self._jobs:
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)
        if self._work and not self._work.result.done():
            self._work.result.cancel()
        self._memory.close()
        self._begun.close()

    # --- Orders -----------------------------------------------------------------------------------------------------

    def _known(self, order: Order) -> Result | None:
        """The result of an order that is over. Raises Refused for one that cannot begin."""
        work = self._work
        joining = work is not None and work.order.token == order.token and work.order.spec == order.spec
        if not joining:
            if order.spec.tool and order.spec.tool not in self.profile.tools:
                raise Refused(f"{self.robot_id} has no {order.spec.tool}", ", ".join(self.profile.tools), "ask another")
            if work is not None or self._aborting:
                raise Refused(f"{self.robot_id} is busy", "one order at a time", "cancel the other, or wait for it")
            if self._leave.stops:
                raise Refused(f"{self.robot_id} is stopped", "no latched stop", "have a person release the stop")
        return self._memory.take(order)

    def _taken(self, order: Order, on_progress: OnProgress) -> _Work:
        spec = order.spec
        job = Job(f"{spec.task_id}.{order.token}", spec, self._memory.targets_done(spec.task_id))
        result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        work = _Work(order, job, on_progress, result, held=not self._leave.holds(self._now_s()))
        work.begun = job.job_id in self._begun_ids
        if work.begun:
            self._machine.adopt(job)
        return work

    async def _go(self, work: _Work) -> None:
        """Begin the job, or go on with it when it was begun, in this life or an earlier one."""
        if work.begun:
            self._look()
            if self._work is work:
                await self._machine.go_on()
            return
        self._begun.write({"job_id": work.job.job_id})
        self._begun.sync()
        self._begun_ids.add(work.job.job_id)
        try:
            await self._machine.begin(work.job)
        except Refused as refusal:
            self._over(Result(Outcome.FAILED, work.job.first_target, Reason(refusal.found, refusal.found)))
            raise
        finally:
            work.begun = True
        self._look()

    def _in_hand(self, token: int) -> _Work:
        if self._work is None or self._work.order.token != token:
            raise Refused(f"{self.robot_id} has no order {token} in hand", "the order in hand", "read its newest state")
        return self._work

    def _end(self, work: _Work, outcome: Outcome, reason: Reason) -> None:
        spec = work.order.spec
        done = len(spec.targets) if outcome is Outcome.DONE else self._memory.targets_done(spec.task_id)
        result = Result(outcome, done, reason)
        self._memory.end(spec.task_id, result)
        self._over(result)

    def _over(self, result: Result) -> None:
        work, self._work = self._work, None
        if work and not work.result.done():
            work.result.set_result(result)
        self._say()

    # --- What the machine says --------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Take in the newest report."""
        report, work = self._machine.report, self._work
        if self._aborting and report.reachable and (report.job_id != self._aborting or report.outcome is not None):
            self._aborting = ""
        if work and work.begun and report.reachable and report.job_id != work.job.job_id:
            self._end(work, Outcome.UNKNOWN, UNKNOWN)
        elif work and work.begun and report.reachable:
            done, spec = report.targets_done, work.order.spec
            if self._memory.targets_done(spec.task_id) < done <= len(spec.targets):
                self._memory.did(spec.task_id, done)
                work.on_progress(done)
            work.held = work.held or (report.waits and not self._waited)
            if report.outcome is not None:
                self._end(
                    work, report.outcome, report.reason or (JOB_DONE if report.outcome is Outcome.DONE else CANCELLED)
                )
        self._waited = report.waits
        self._say()

    async def _attend(self) -> None:
        """What shall stand is told to stand, and what is given up to give up, until it does."""
        while True:
            try:
                async with asyncio.timeout(BEAT_S), self._changed:
                    await self._changed.wait()
            except TimeoutError:
                pass
            report = self._machine.report
            try:
                if self._aborting and report.reachable:
                    await self._machine.abort(self._aborting)
                elif self._shall_stand() and report.reachable and not report.stands:
                    await self._machine.hold()
            except (LinkLost, Refused):
                continue

    def _shall_stand(self) -> bool:
        return bool(self._leave.stops) or (self._work is not None and self._work.held)

    def _hold(self) -> None:
        """Stand until resumed."""
        if self._work:
            self._work.held = True
        self._say()

    def _say(self) -> None:
        self._sequence += 1
        self._spawn(self._notify())

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _spawn(self, coroutine: "asyncio._CoroutineLike[None]") -> None:
        job = asyncio.get_running_loop().create_task(coroutine)
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    def _state(self) -> RobotState:
        report, work = self._machine.report, self._work
        self._sequence += 1
        return RobotState(
            robot_id=self.robot_id,
            instance=self._instance,
            sequence=self._sequence,
            mode=self._mode(report, work),
            position_m=report.position_m,
            heading_rad=report.heading_rad,
            storey=report.storey,
            battery=report.battery,
            speed_m_s=report.speed_m_s,
            at=utc(),
            task_id=work.order.spec.task_id if work else None,
            token=work.order.token if work else 0,
            targets_done=self._memory.targets_done(work.order.spec.task_id) if work else 0,
            stops=tuple(sorted(self._leave.stops)) if report.stands else (),
            errors=report.errors,
        )

    def _mode(self, report: Report, work: _Work | None) -> Mode:
        if report.fault:
            return Mode.FAULT
        if self._leave.stops:
            return Mode.STOPPED if report.stands else Mode.BUSY
        if work is not None and work.held and report.stands:
            return Mode.PAUSED
        if report.charging:
            return Mode.CHARGING
        return Mode.BUSY if work is not None else Mode.IDLE

    # --- Waiting, never without a bound -----------------------------------------------------------------------------

    async def _until(self, holds: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(CALL_S), self._changed:
                await self._changed.wait_for(holds)
        except TimeoutError:
            raise self._lost() from None

    async def _reachable(self) -> None:
        await self._until(lambda: self._machine.report.reachable)

    async def _standing(self) -> None:
        self._say()
        await self._until(lambda: self._machine.report.reachable and self._machine.report.stands)

    async def _aborted(self) -> None:
        self._say()
        await self._until(lambda: not self._aborting)

    def _lost(self) -> LinkLost:
        return LinkLost(f"{self.robot_id} does not answer", f"an answer within {CALL_S:g} s", "wait for its link")

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()
