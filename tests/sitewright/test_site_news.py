"""Files that other commands write change what robots may do, while they work."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from bim.errors import BadInput
from robots.orchestrator import Orchestrator
from robots.robot import Profile
from robots.simulated.robot import SimulatedRobot
from robots.simulated.site_time import run_simulated
from robots.tasks import Kind, TaskState
from sitewright.cli import run
from sitewright.site_news import SiteNews, read_tasks

WALL, SLAB = "0wallwallwallwallwallw", "0slabslabslabslabslabs"


def line(task_id: str, **more: Any) -> dict[str, Any]:
    return {
        "task_id": task_id,
        "kind": "layout",
        "title": {"en": task_id, "zh": task_id},
        "targets_m": [[3, 0, 0, 0]],
        "tool": "marker",
        "tolerance_m": 0.005,
        "duration_s": 5,
        **more,
    }


def write_tasks(path: Path, *tasks: dict[str, Any], plan: tuple[tuple[str, str], ...] = ()) -> None:
    visits = [{"task_id": task_id, "robot_id": robot_id} for task_id, robot_id in plan]
    path.write_text(json.dumps({"tasks": tasks, "plan": {"visits": visits}}))


def write_verdicts(path: Path, **states: str) -> None:
    elements = [
        {"global_id": name, "ifc_class": "IfcWall", "name": name, "storey": "", "state": state, "completion": 1.0}
        for name, state in states.items()
    ]
    path.write_text(json.dumps({"elements": elements}))


class Desk:
    """Two simulated robots that do what the files say."""

    def __init__(self, folder: Path, approved_by: str | None = "Li Wei") -> None:
        self.tasks_file, self.verdicts_file = folder / "tasks.json", folder / "verdicts.json"
        self.permits_file = folder / "permits.txt"
        self.said: list[str] = []
        self._folder, self._approved_by = folder, approved_by

    async def __aenter__(self) -> "Desk":
        fleet = [
            Profile(n, n, "rover", "simulated", frozenset({"marker"}), frozenset(Kind), certified_stop=True)
            for n in ("r1", "r2")
        ]
        robots = {profile.robot_id: SimulatedRobot(profile) for profile in fleet}
        self.orchestrator = Orchestrator(self._folder / "data", fleet, robots)
        self.tasks = self.orchestrator.dispatcher.tasks
        verdicts = self.verdicts_file if self.verdicts_file.exists() else None
        permits = self.permits_file if self.permits_file.exists() else None
        news = SiteNews(self.orchestrator, self.tasks_file, verdicts, self._approved_by, self.said.append, permits)
        self._running = [asyncio.create_task(self.orchestrator.run())]
        await news.first()
        self._running.append(asyncio.create_task(news.follow()))
        return self

    async def __aexit__(self, *_: object) -> None:
        for running in self._running[::-1]:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(600.0):
            while not condition():
                await asyncio.sleep(0.1)

    def why(self, task_id: str) -> str:
        reason = self.orchestrator.dispatcher.why(self.tasks[task_id], self.orchestrator.sightings, 0.0)
        return reason.en if reason else ""


def test_a_task_waits_until_a_newer_comparison_finds_its_floor_built(tmp_path: Path) -> None:
    async def scenario() -> None:
        desk = Desk(tmp_path)
        write_tasks(desk.tasks_file, line("mark", element_ids=[WALL], after_elements=[SLAB]))
        write_verdicts(desk.verdicts_file, **{WALL: "absent", SLAB: "partial"})
        async with desk:
            await desk.until(lambda: len(desk.orchestrator.sightings) == 2)
            assert desk.tasks["mark"].state is TaskState.QUEUED
            assert "No scan has verified" in desk.why("mark")
            write_verdicts(desk.verdicts_file, **{WALL: "absent", SLAB: "built"})
            await desk.until(lambda: desk.tasks["mark"].state is TaskState.DONE)

    run_simulated(scenario())


def test_a_task_whose_element_left_the_model_waits_for_a_person(tmp_path: Path) -> None:
    async def scenario() -> None:
        desk = Desk(tmp_path, approved_by=None)
        write_tasks(desk.tasks_file, line("mark", element_ids=[WALL]), line("other", element_ids=[SLAB]))
        write_verdicts(desk.verdicts_file, **{WALL: "absent", SLAB: "built"})
        async with desk:
            write_verdicts(desk.verdicts_file, **{SLAB: "built"})
            await desk.until(lambda: desk.tasks["mark"].state is TaskState.QUARANTINED)
            assert "left the model" in desk.tasks["mark"].history[-1].reason.en
            assert desk.tasks["other"].state is TaskState.PROPOSED
            write_tasks(desk.tasks_file, line("late", element_ids=[WALL]))
            await desk.until(lambda: "late" in desk.tasks)
            assert desk.tasks["late"].state is TaskState.QUARANTINED

    run_simulated(scenario())


def test_robots_follow_the_plan_in_its_order_and_a_new_plan_as_soon_as_it_is_written(tmp_path: Path) -> None:
    async def scenario() -> None:
        desk = Desk(tmp_path)
        names = ("a", "b", "c")
        write_tasks(desk.tasks_file, *map(line, names), plan=(("c", "r1"), ("b", "r1"), ("a", "r1")))
        async with desk:
            await desk.until(lambda: all(desk.tasks[name].state is TaskState.DONE for name in names))
            assert [desk.tasks[name].robot_id for name in names] == ["r1"] * 3
            ends = [desk.tasks[name].history[-1].at for name in names]
            assert ends == sorted(ends, reverse=True)
            write_tasks(desk.tasks_file, line("d"), plan=(("d", "r2"),))
            await desk.until(lambda: "d" in desk.tasks and desk.tasks["d"].state is TaskState.DONE)
            assert desk.tasks["d"].robot_id == "r2"

    run_simulated(scenario())


def test_what_a_rule_of_the_site_approves_needs_no_person_and_the_rest_does(tmp_path: Path) -> None:
    async def scenario() -> None:
        desk = Desk(tmp_path, approved_by=None)
        write_tasks(desk.tasks_file, line("by_rule", state="approved"), line("by_person", state="proposed"))
        async with desk:
            await desk.until(lambda: desk.tasks["by_rule"].state is TaskState.DONE)
            assert "rules" in desk.tasks["by_rule"].history[1].reason.en
            assert desk.tasks["by_person"].state is TaskState.PROPOSED

    run_simulated(scenario())


def test_a_file_that_breaks_is_told_and_what_was_known_holds(tmp_path: Path) -> None:
    async def scenario() -> None:
        desk = Desk(tmp_path)
        write_tasks(desk.tasks_file, line("a"))
        async with desk:
            desk.tasks_file.write_text("{")
            await desk.until(lambda: bool(desk.said))
            assert "was not taken" in desk.said[0]
            await desk.until(lambda: desk.tasks["a"].state is TaskState.DONE)

    run_simulated(scenario())


def test_what_a_newer_planning_no_longer_proposes_waits_and_goes_on_when_it_does_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        desk = Desk(tmp_path)
        desk.permits_file.write_text("")
        write_tasks(desk.tasks_file, line("a", permits=["drilling"]))
        async with desk:
            write_tasks(desk.tasks_file, line("b"))
            await desk.until(lambda: "b" in desk.tasks and desk.tasks["b"].state is TaskState.DONE)
            desk.permits_file.write_text("drilling")
            await desk.until(lambda: desk.orchestrator.dispatcher.world.permits == {"drilling"})
            assert "no longer proposes" in desk.why("a")
            write_tasks(desk.tasks_file, line("a", permits=["drilling"]), line("b"))
            await desk.until(lambda: desk.tasks["a"].state is TaskState.DONE)

    run_simulated(scenario())


def test_a_task_that_is_refused_is_told_and_keeps_no_other_out(tmp_path: Path) -> None:
    async def scenario() -> None:
        desk = Desk(tmp_path)
        write_tasks(desk.tasks_file, line("a"))
        async with desk:
            await desk.until(lambda: desk.tasks["a"].state is TaskState.DONE)
            write_tasks(desk.tasks_file, line("a", duration_s=9), line("b"), plan=(("b", "r2"),))
            await desk.until(lambda: "b" in desk.tasks and desk.tasks["b"].state is TaskState.DONE)
            assert desk.tasks["b"].robot_id == "r2"
            assert any("a was not taken: another task named a" in said for said in desk.said)

    run_simulated(scenario())


@pytest.mark.parametrize("text", ["", "3", '{"tasks": 3}', "[3]", '{"tasks": [], "plan": {"visits": [{}]}}'])
def test_a_file_that_holds_no_tasks_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "tasks.json").write_text(text)
    with pytest.raises(BadInput):
        read_tasks(tmp_path / "tasks.json")


def test_a_permit_is_in_force_while_the_file_names_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        desk = Desk(tmp_path)
        desk.permits_file.write_text("hot work  # until noon\n")
        write_tasks(desk.tasks_file, line("a", permits=["drilling"]))
        async with desk:
            assert "permit drilling" in desk.why("a")
            desk.permits_file.write_text("hot work\ndrilling\n")
            await desk.until(lambda: desk.tasks["a"].state is TaskState.DONE)
            desk.permits_file.write_text("")
            await desk.until(lambda: desk.said.count("Read permits.txt again") == 2)
            write_tasks(desk.tasks_file, line("b", permits=["drilling"]))
            await desk.until(lambda: "b" in desk.tasks)
            assert "permit drilling" in desk.why("b")

    run_simulated(scenario())


def test_a_file_of_permits_that_is_gone_permits_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        desk = Desk(tmp_path)
        desk.permits_file.write_text("drilling\n")
        write_tasks(desk.tasks_file)
        async with desk:
            desk.permits_file.unlink()
            await desk.until(lambda: any("permits.txt was not taken" in said for said in desk.said))
            assert desk.orchestrator.dispatcher.world.permits == frozenset()
            desk.permits_file.write_text("drilling\n")
            await desk.until(lambda: desk.orchestrator.dispatcher.world.permits == {"drilling"})

    run_simulated(scenario())


def test_the_plan_says_before_which_task_a_robot_charges(tmp_path: Path) -> None:
    visits = [{"task_id": "a", "robot_id": "r1", "charge_s": 0}, {"task_id": "b", "robot_id": "r1", "charge_s": 900}]
    (tmp_path / "tasks.json").write_text(json.dumps({"tasks": [], "plan": {"visits": visits}}))
    assert read_tasks(tmp_path / "tasks.json").charge_before == {"b"}


def test_the_history_of_a_task_is_replayed_from_the_journal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def scenario() -> None:
        desk = Desk(tmp_path)
        write_tasks(desk.tasks_file, line("a"), line("b"))
        async with desk:
            await desk.until(lambda: desk.tasks["a"].state is TaskState.DONE)

    run_simulated(scenario())
    assert run(["robots", "--data", str(tmp_path / "data"), "--history", "a"]) == 0
    states = [told.split()[1] for told in capsys.readouterr().out.splitlines()]
    assert states == ["proposed", "approved", "queued", "assigned", "running", "done"]
    assert run(["robots", "--data", str(tmp_path / "data"), "--history", "nobody"]) == 2
    assert "no task nobody" in capsys.readouterr().err
