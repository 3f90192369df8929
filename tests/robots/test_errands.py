"""What robots are sent to do without a person's asking: they charge, and make way; and what a person is told."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from robots.journal import Journal
from robots.robot import Mode, Profile
from robots.simulated.robot import SimulatedRobot
from robots.simulated.site_time import run_simulated
from robots.tasks import ERRANDS, Kind, Target, Task, TaskState
from tests.robots.test_orchestrator import LOBBY, WHY, Site, profile, task

THIRSTY: dict[str, Any] = {"battery_s": 60.0, "charge_s": 200.0}


class Sited:
    """A site of these robots while the block lasts."""

    def __init__(self, folder: Path, *fleet: Profile, zones: Any = ()) -> None:
        self.site = Site(folder, fleet, zones)

    async def __aenter__(self) -> Site:
        self._running = asyncio.create_task(self.site.orchestrator.run())
        await self.site.until(lambda: len(self.site.orchestrator.sightings) == len(self.site.fleet))
        return self.site

    async def __aexit__(self, *_: object) -> None:
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)


def errands(site: Site) -> list[Task]:
    return [each for each in site.tasks.values() if each.spec.kind in ERRANDS]


def test_a_robot_with_a_low_battery_is_sent_to_its_charger_and_works_on_when_it_is_charged(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Sited(tmp_path, replace(profile("r1"), **THIRSTY)) as s:
            names = [f"t{n}" for n in range(12)]
            for name in names:
                await s.orchestrator.submit(task(name, seconds=9.0, x_m=14.0), WHY, "Li")
            await s.until(lambda: any(each.state is TaskState.RUNNING for each in errands(s)))
            await s.until(lambda: s.robots["r1"].state.mode is Mode.CHARGING)
            assert s.robots["r1"].state.position_m == (10.0, 0.0, 0.0)
            await s.over(*names)
            assert {each.state for each in errands(s)} == {TaskState.DONE}
            assert "Its battery" in errands(s)[0].history[0].reason.en
            assert set(s.did.values()) == {1}
            assert s.robots["r1"].state.battery > 0.0

    run_simulated(scenario())


def test_a_robot_charges_before_the_task_that_the_plan_says_and_not_before_others(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Sited(tmp_path, replace(profile("r1"), battery_s=200.0, charge_s=100.0)) as s:
            await s.orchestrator.know(plan={"a": "r1", "b": "r1", "c": "r1"}, charge_before=["b"])
            for name in "abc":
                await s.orchestrator.submit(task(name, seconds=12.0), WHY, "Li")
            await s.over("a", "b", "c")
            (charge,) = errands(s)
            assert "plan has it charge before b" in charge.history[0].reason.en
            begun = sorted(s.tasks.values(), key=lambda each: each.token)
            assert [each.spec.task_id for each in begun] == ["a", charge.spec.task_id, "b", "c"]

    run_simulated(scenario())


def test_a_robot_whose_battery_does_not_last_for_a_long_task_does_short_ones_and_then_charges_for_it(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with Sited(tmp_path, replace(profile("r1"), battery_s=100.0, charge_s=100.0)) as s:
            await s.orchestrator.submit(task("first", seconds=50.0), WHY, "Li")
            await s.until(lambda: s.tasks["first"].state is TaskState.RUNNING)
            for name, seconds in (("long", 70.0), ("short", 2.0)):
                await s.orchestrator.submit(task(name, seconds=seconds), WHY, "Li")
            await s.over("first", "short", "long")
            (charge,) = errands(s)
            assert "too low for long" in charge.history[0].reason.en
            begun = sorted(s.tasks.values(), key=lambda each: each.token)
            assert [each.spec.task_id for each in begun] == ["first", "short", charge.spec.task_id, "long"]

    run_simulated(scenario())


@pytest.mark.parametrize(
    ("robot", "said"),
    [
        ({"home": None}, "no home in the fleet file"),
        ({"adapter": "octoprint"}, "does not drive"),
    ],
)
def test_a_robot_that_cannot_be_sent_to_a_charger_is_told_with_the_reason(
    robot: dict[str, Any], said: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with Sited(tmp_path, replace(profile("r1"), **THIRSTY, **robot)) as s:
            for name in ("a", "b"):
                await s.orchestrator.submit(task(name, seconds=55.0), WHY, "Li")
            await s.over("a")
            await s.until(lambda: "r1" in s.orchestrator.dispatcher.unsent)
            assert said in s.why("b")
            assert errands(s) == []

    run_simulated(scenario())


def test_a_robot_that_cannot_charge_for_a_long_task_does_what_its_battery_allows(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Sited(tmp_path, replace(profile("r1"), battery_s=100.0, home=None)) as s:
            await s.orchestrator.know(plan={"first": "r1", "long": "r1", "short": "r1"})
            for name, seconds in (("first", 50.0), ("long", 70.0), ("short", 2.0)):
                await s.orchestrator.submit(task(name, seconds=seconds), WHY, "Li")
            await s.over("first", "short")
            assert "no home in the fleet file" in s.why("long")

    run_simulated(scenario())


def test_a_charger_that_gives_nothing_is_tried_once_and_told(tmp_path: Path) -> None:
    class Flat(SimulatedRobot):
        async def _charge(self) -> None:
            await asyncio.sleep(1.0)

    async def scenario() -> None:
        sited = Sited(tmp_path, replace(profile("r1"), **THIRSTY))
        sited.site.robots["r1"] = sited.site.orchestrator._robots["r1"] = Flat(sited.site.fleet[0])  # type: ignore[index]
        async with sited as s:
            for name in ("a", "b"):
                await s.orchestrator.submit(task(name, seconds=55.0), WHY, "Li")
            await s.over("a")
            await asyncio.sleep(600.0)
            (charge,) = errands(s)
            assert charge.state is TaskState.DONE
            assert f"{charge.spec.task_id} is done" in s.why("b")

    run_simulated(scenario())


def test_an_errand_goes_on_after_a_restart_and_is_done_once(tmp_path: Path) -> None:
    thirsty = replace(profile("r1"), **THIRSTY)

    async def first() -> None:
        async with Sited(tmp_path, thirsty) as s:
            await s.orchestrator.submit(task("a", seconds=55.0), WHY, "Li")
            await s.until(lambda: s.robots["r1"].state.mode is Mode.CHARGING)

    async def second() -> None:
        async with Sited(tmp_path, thirsty) as s:
            await s.over(*(each.spec.task_id for each in errands(s)))

    run_simulated(first())
    run_simulated(second())
    proposed = [record for record in Journal(tmp_path / "journal").records if "propose" in record]
    assert [record["propose"]["kind"] for record in proposed] == [Kind.LAYOUT, Kind.CHARGE]
    assert "Its battery is at" in proposed[1]["en"]


def test_an_idle_robot_in_the_way_is_sent_home_and_the_task_that_waited_begins(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Sited(tmp_path, profile("r1"), profile("r2", 12.0), zones=[LOBBY]) as s:
            await s.orchestrator.know(plan={"pass": "r1", "in the lobby": "r2"})
            await s.orchestrator.submit(task("pass", seconds=1.0, x_m=0.0), WHY, "Li")
            await s.over("pass")
            await s.orchestrator.submit(task("in the lobby", x_m=0.0, zones=("lobby",)), WHY, "Li")
            await s.over("in the lobby")
            (move,) = errands(s)
            assert (move.robot_id, move.spec.kind, move.state) == ("r1", Kind.MOVE, TaskState.DONE)
            assert "r2 waits for its place, for in the lobby" in move.history[0].reason.en
            assert s.robots["r1"].state.position_m == (10.0, 0.0, 0.0)

    run_simulated(scenario())


def test_a_robot_whose_home_is_in_the_way_stays_and_the_waiting_task_names_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        at_home = replace(profile("r1"), home=Target(0.0, 0.0, 0.0, 0.0))
        async with Sited(tmp_path, at_home, profile("r2", 12.0), zones=[LOBBY]) as s:
            await s.orchestrator.know(plan={"in the lobby": "r2"})
            await s.orchestrator.submit(task("in the lobby", x_m=0.0, zones=("lobby",)), WHY, "Li")
            await asyncio.sleep(60.0)
            assert "Lobby is held by r1. r1 stands in the way" in s.why("in the lobby")
            assert "home lies in Lobby" in s.why("in the lobby")
            assert errands(s) == []

    run_simulated(scenario())


def test_a_robot_that_nobody_waits_for_is_left_where_it_stands(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Sited(tmp_path, profile("r1"), profile("r2", 12.0), zones=[LOBBY]) as s:
            await s.orchestrator.submit(task("pass", seconds=1.0, x_m=0.0), WHY, "Li")
            await s.over("pass")
            gated = task("later", x_m=0.0, zones=("lobby",), permits=("hot work",))
            await s.orchestrator.submit(gated, WHY, "Li")
            await asyncio.sleep(60.0)
            assert errands(s) == []

    run_simulated(scenario())
