"""What every robot must do, whatever it speaks. Subclass RobotContract, say how a rig is opened, and that is the test.

class TestMyRobot(RobotContract):
    def open(self, folder: Path) -> AbstractAsyncContextManager[Rig]: ...
"""

import asyncio
import math
from abc import abstractmethod
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest

from bim.verdict import Reason
from robots.robot import Grant, Mode, Order, Outcome, Refused, Robot, RobotState, StaleToken
from robots.tasks import Kind, Target, TaskSpec

T = TypeVar("T")
WAIT_S = 60.0
GRANT_S, GRANT_LASTS_S = 0.1, 3.0
"""Leave is renewed so often that a busy machine, which is late, does not end it."""


class Rig(Protocol):
    """A robot and its world."""

    robot: Robot

    def short(self, task_id: str) -> TaskSpec:
        """Work of two targets that is over within seconds."""

    def long(self, task_id: str) -> TaskSpec:
        """Work that is not over while a test runs."""

    def effects(self) -> list[tuple[str, int]]:
        """What was really done, in order: task and target. A machine that works in one piece counts as target 0."""


def spec(task_id: str, tool: str, duration_s: float, targets: int = 2) -> TaskSpec:
    """A task for a rig's robot."""
    places = tuple(Target(0.1 * n, 0.0, 0.0, 0.0) for n in range(targets))
    return TaskSpec(task_id, Kind.LAYOUT, Reason("Marks", "放样"), places, tool, 0.005, duration_s)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """In real time, never longer than WAIT_S."""
    return asyncio.run(asyncio.wait_for(coroutine, WAIT_S))


@dataclass
class Session:
    """A rig with its grants renewed and its newest state read."""

    rig: Rig
    newest: RobotState | None = None

    async def grants(self) -> None:
        sequence = 0
        while True:
            sequence += 1
            await self.rig.robot.grant(Grant(sequence, (), GRANT_LASTS_S))
            await asyncio.sleep(GRANT_S)

    async def listen(self, changed: asyncio.Condition) -> None:
        async for state in self.rig.robot.states():
            async with changed:
                self.newest = state
                changed.notify_all()

    async def __aenter__(self) -> "Session":
        self.changed = asyncio.Condition()
        self.jobs = [asyncio.create_task(self.grants()), asyncio.create_task(self.listen(self.changed))]
        await self.until(Mode.IDLE)
        return self

    async def __aexit__(self, *_: object) -> None:
        for job in self.jobs:
            job.cancel()
        await asyncio.gather(*self.jobs, return_exceptions=True)

    async def until(self, *modes: Mode, stops: tuple[str, ...] | None = None) -> RobotState:
        """The first state in one of these modes that confirms these stops."""
        async with self.changed:
            await self.changed.wait_for(lambda: self._fits(modes, stops))
        assert self.newest
        return self.newest

    def _fits(self, modes: tuple[Mode, ...], stops: tuple[str, ...] | None) -> bool:
        state = self.newest
        return state is not None and state.mode in modes and (stops is None or set(state.stops) == set(stops))

    async def begin(self, order: Order) -> "asyncio.Task[Any]":
        running = asyncio.create_task(self.rig.robot.execute(order, lambda done: None))
        await self.until(Mode.BUSY)
        return running


class RobotContract:
    """Each test is a sentence of the contract."""

    @abstractmethod
    def open(self, folder: Path) -> AbstractAsyncContextManager[Rig]:
        """A robot that stands idle, its memory in `folder`; the same folder again is the same robot, restarted."""

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """How the tests run; a simulated robot may run in simulated time."""
        return run(coroutine)

    def test_an_order_is_done_and_says_how_far_it_is(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with self.open(tmp_path) as rig, Session(rig):
                heard: list[int] = []
                order = Order(rig.short("a"), 1)
                result = await rig.robot.execute(order, heard.append)
                assert result.outcome is Outcome.DONE
                assert result.targets_done == len(order.spec.targets)
                assert heard == sorted(heard)
                assert [task for task, _ in rig.effects()] == ["a"] * len(rig.effects()) != []

        self.run(scenario())

    def test_the_same_order_again_is_not_done_again(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with self.open(tmp_path) as rig, Session(rig):
                order = Order(rig.short("a"), 1)
                first = await rig.robot.execute(order, lambda done: None)
                effects = rig.effects()
                assert await rig.robot.execute(order, lambda done: None) == first
                newer = await rig.robot.execute(replace(order, token=2), lambda done: None)
                assert (newer.outcome, rig.effects()) == (Outcome.DONE, effects)

        self.run(scenario())

    def test_what_was_done_is_remembered_over_a_restart(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with self.open(tmp_path) as rig, Session(rig):
                order = Order(rig.short("a"), 4)
                await rig.robot.execute(order, lambda done: None)
            async with self.open(tmp_path) as rig, Session(rig):
                result = await rig.robot.execute(order, lambda done: None)
                assert (result.outcome, rig.effects()) == (Outcome.DONE, [])
                with pytest.raises(StaleToken):
                    await rig.robot.execute(replace(order, token=3), lambda done: None)

        self.run(scenario())

    def test_a_caller_that_went_away_can_join_again(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with self.open(tmp_path) as rig, Session(rig) as session:
                order = Order(rig.short("a"), 1)
                running = await session.begin(order)
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
                result = await rig.robot.execute(order, lambda done: None)
                assert result.outcome is Outcome.DONE
                assert len(rig.effects()) == len(set(rig.effects()))

        self.run(scenario())

    def test_a_stale_order_is_refused(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with self.open(tmp_path) as rig, Session(rig):
                await rig.robot.execute(Order(rig.short("a"), 5), lambda done: None)
                with pytest.raises(StaleToken):
                    await rig.robot.execute(Order(rig.short("a"), 4), lambda done: None)

        self.run(scenario())

    def test_an_unknown_tool_is_refused_with_nothing_done(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with self.open(tmp_path) as rig, Session(rig):
                with pytest.raises(Refused, match="no-such-tool"):
                    await rig.robot.execute(Order(spec("a", "no-such-tool", 0.1), 1), lambda done: None)
                assert rig.effects() == []

        self.run(scenario())

    def test_it_goes_where_it_is_sent_without_a_tool_or_refuses(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with self.open(tmp_path) as rig, Session(rig) as session:
                place = Target(1.0, 0.5, 0.0, 0.0)
                errand = replace(spec("go", "", 0.0), kind=Kind.MOVE, targets=(place,), tolerance_m=0.3)
                try:
                    result = await rig.robot.execute(Order(errand, 1), lambda done: None)
                except Refused:
                    assert rig.effects() == []
                    return
                assert (result.outcome, result.targets_done) == (Outcome.DONE, 1)
                there = await session.until(Mode.IDLE)
                assert math.dist(there.position_m[:2], place[:2]) <= 0.5

        self.run(scenario())

    def test_a_paused_order_stands_and_goes_on_when_resumed(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with self.open(tmp_path) as rig, Session(rig) as session:
                running = await session.begin(Order(rig.short("a"), 1))
                await rig.robot.pause(1)
                assert (await session.until(Mode.PAUSED)).task_id == "a"
                await rig.robot.resume(1)
                assert (await running).outcome is Outcome.DONE

        self.run(scenario())

    def test_only_the_order_in_hand_is_paused(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with self.open(tmp_path) as rig, Session(rig):
                with pytest.raises(Refused):
                    await rig.robot.pause(7)

        self.run(scenario())

    def test_a_cancelled_order_ends_and_never_begins_again(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with self.open(tmp_path) as rig, Session(rig) as session:
                order = Order(rig.long("a"), 1)
                running = await session.begin(order)
                assert (await rig.robot.cancel("a", 1)).outcome is Outcome.CANCELLED
                assert (await running).outcome is Outcome.CANCELLED
                assert (await rig.robot.execute(order, lambda done: None)).outcome is Outcome.CANCELLED

        self.run(scenario())

    def test_an_order_that_is_cancelled_before_it_comes_is_not_done(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with self.open(tmp_path) as rig, Session(rig):
                assert (await rig.robot.cancel("late", 3)).outcome is Outcome.CANCELLED
                result = await rig.robot.execute(Order(rig.short("late"), 3), lambda done: None)
                assert (result.outcome, rig.effects()) == (Outcome.CANCELLED, [])

        self.run(scenario())

    def test_cancelling_what_is_done_says_that_it_is_done(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with self.open(tmp_path) as rig, Session(rig):
                await rig.robot.execute(Order(rig.short("a"), 1), lambda done: None)
                assert (await rig.robot.cancel("a", 1)).outcome is Outcome.DONE

        self.run(scenario())

    def test_a_stop_is_confirmed_and_holds_until_it_is_released(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with self.open(tmp_path) as rig, Session(rig) as session:
                running = await session.begin(Order(rig.short("a"), 1))
                await rig.robot.stop("s1")
                assert (await session.until(Mode.STOPPED)).stops == ("s1",)
                with pytest.raises(Refused):
                    await rig.robot.resume(1)
                await rig.robot.release("s1")
                await session.until(Mode.PAUSED)
                await rig.robot.resume(1)
                assert (await running).outcome is Outcome.DONE

        self.run(scenario())

    def test_releasing_one_stop_leaves_the_others(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with self.open(tmp_path) as rig, Session(rig) as session:
                await rig.robot.stop("s1")
                await rig.robot.stop("s2")
                await session.until(Mode.STOPPED, stops=("s1", "s2"))
                await rig.robot.release("s1")
                await session.until(Mode.STOPPED, stops=("s2",))
                with pytest.raises(Refused):
                    await rig.robot.execute(Order(rig.short("a"), 1), lambda done: None)
                await rig.robot.release("s2")
                await session.until(Mode.IDLE)

        self.run(scenario())

    def test_a_robot_whose_grants_end_stands_until_it_is_resumed(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with self.open(tmp_path) as rig, Session(rig) as session:
                running = await session.begin(Order(rig.long("a"), 1))
                grants = session.jobs[0]
                grants.cancel()
                await session.until(Mode.PAUSED)
                running.cancel()

        self.run(scenario())
