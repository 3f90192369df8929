"""A site with simulated robots, in simulated time: intake, gates, zones, links that break, stops, restarts."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bim.errors import BadInput
from bim.verdict import Reason
from robots.dispatch import history
from robots.journal import Journal
from robots.orchestrator import Orchestrator
from robots.robot import Mode, OnProgress, Order, Profile, Result
from robots.simulated.robot import SimulatedRobot
from robots.simulated.site_time import run_simulated
from robots.stop import Scope
from robots.tasks import HELD, Kind, Target, TaskSpec, TaskState
from robots.zones import Zone

WHY = Reason("It is due.", "已到期。")
DANGER = Reason("A person is near.", "附近有人。")
LOBBY = Zone("lobby", "Lobby", "robot", "", ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)))


def profile(robot_id: str, x_m: float = 10.0) -> Profile:
    home = Target(x_m, 0.0, 0.0, 0.0)
    return Profile(
        robot_id,
        robot_id,
        "rover",
        "simulated",
        frozenset({"marker", "lidar"}),
        frozenset(Kind),
        home=home,
        certified_stop=True,
    )


def task(task_id: str, kind: Kind = Kind.LAYOUT, seconds: float = 2.0, x_m: float = 10.0, **more: object) -> TaskSpec:
    targets = (Target(x_m, 0.0, 0.0, 0.0), Target(x_m, 0.5, 0.0, 0.0))
    spec = TaskSpec(task_id, kind, Reason(task_id, task_id), targets, "marker", 0.005, seconds)
    return replace(spec, **more)  # type: ignore[arg-type]


class Site:
    """An orchestrator, its robots, and what they really did."""

    def __init__(self, folder: Path, fleet: Iterable[Profile], zones: Iterable[Zone] = (), **more: float) -> None:
        self.did: Counter[tuple[str, int]] = Counter()
        self.fleet = list(fleet)
        self.robots = {
            p.robot_id: SimulatedRobot(p, folder / p.robot_id, lambda t, n: self.did.update([(t, n)]))
            for p in self.fleet
        }
        self.orchestrator = Orchestrator(folder, self.fleet, self.robots, zones, **more)
        self.tasks = self.orchestrator.dispatcher.tasks

    async def until(self, condition: Callable[[], bool], limit_s: float = 3600.0) -> None:
        async with asyncio.timeout(limit_s):
            while not condition():
                await asyncio.sleep(0.05)

    async def over(self, *task_ids: str) -> None:
        await self.until(lambda: all(self.tasks[t].state is TaskState.DONE for t in task_ids))

    def why(self, task_id: str) -> str:
        now_s = asyncio.get_running_loop().time()
        reason = self.orchestrator.dispatcher.why(self.tasks[task_id], self.orchestrator.sightings, now_s)
        assert reason
        return reason.en


@asynccontextmanager
async def site(folder: Path, *robots: str, zones: Iterable[Zone] = (), **more: float) -> AsyncIterator[Site]:
    made = Site(folder, [profile(robot_id, 10.0 + n) for n, robot_id in enumerate(robots)], zones, **more)
    running = asyncio.create_task(made.orchestrator.run())
    try:
        yield made
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def test_a_burst_of_tasks_is_done_each_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, "r1", "r2", "r3") as s:
            names = [f"t{n}" for n in range(60)]
            await asyncio.gather(*(s.orchestrator.submit(task(name), WHY, "Li") for name in names))
            await s.over(*names)
            assert s.did == {(name, target): 1 for name in names for target in range(2)}

    run_simulated(scenario())


def test_a_task_waits_and_says_why(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, "r1") as s:
            submit, know = s.orchestrator.submit, s.orchestrator.dispatcher.know
            gated = task("b", after_tasks=("a",), after_elements=("WALL",), permits=("hot work",))
            await submit(gated, WHY, "Li")
            assert "waits for task a" in s.why("b")
            await submit(task("a"), WHY, "Li")
            await s.over("a")
            assert "No scan has verified WALL" in s.why("b")
            know(verified={"WALL"})
            assert "permit hot work" in s.why("b")
            know(permits={"hot work"})
            await submit(task("c"), WHY, "Li")
            await s.over("b", "c")

    run_simulated(scenario())


def test_what_nobody_approved_is_not_begun(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, "r1") as s:
            await s.orchestrator.submit(task("a"), WHY)
            await asyncio.sleep(60.0)
            assert s.tasks["a"].state is TaskState.PROPOSED
            await s.orchestrator.approve("a", "Li")
            await s.over("a")

    run_simulated(scenario())


def test_what_no_robot_can_do_is_quarantined_with_the_reason(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, "r1") as s:
            await s.orchestrator.submit(task("a", tool="laser"), WHY, "Li")
            assert s.tasks["a"].state is TaskState.QUARANTINED
            assert "does not carry laser" in s.tasks["a"].history[-1].reason.en

    run_simulated(scenario())


def test_a_robot_without_a_certified_stop_gets_no_task() -> None:
    from robots.gates import ability
    from robots.now import utc
    from robots.tasks import propose

    proposed = propose(task("a"), utc(), WHY)
    reason = ability(proposed, replace(profile("r1"), certified_stop=False))
    assert reason is not None
    assert "certified stop" in reason.en


def test_another_task_under_the_name_of_one_that_had_begun_is_refused(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, "r1") as s:
            await s.orchestrator.submit(task("a"), WHY, "Li")
            assert await s.orchestrator.submit(task("a"), WHY) is s.tasks["a"]
            await s.until(lambda: s.tasks["a"].state is TaskState.RUNNING)
            with pytest.raises(BadInput, match="another task named a"):
                await s.orchestrator.submit(task("a", seconds=9.0), WHY)

    run_simulated(scenario())


def test_a_task_that_no_robot_had_is_described_anew_and_must_be_approved_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, "r1") as s:
            await s.orchestrator.submit(task("a", permits=("drilling",)), WHY, "Li")
            await s.orchestrator.submit(task("a", x_m=12.0), WHY)
            await asyncio.sleep(60.0)
            assert s.tasks["a"].state is TaskState.PROPOSED
        async with site(tmp_path, "r1") as s:
            await s.orchestrator.approve("a", "Li")
            await s.over("a")
            assert s.robots["r1"].state.position_m[0] == 12.0
            states = [change.state.value for change in s.tasks["a"].history]
            assert states[:5] == ["proposed", "approved", "queued", "proposed", "approved"]

    run_simulated(scenario())


@pytest.mark.parametrize(("says", "counts"), [(7, "7 of 2"), (1, "1 of 2")])
def test_a_robot_that_counts_what_cannot_be_leaves_its_task_to_a_person(tmp_path: Path, says: int, counts: str) -> None:
    class Liar(SimulatedRobot):
        async def execute(self, order: Order, on_progress: OnProgress) -> Result:
            result = await super().execute(order, on_progress)
            return replace(result, targets_done=says) if order.spec.task_id == "a" else result

    async def scenario() -> None:
        made = Site(tmp_path, [profile("r1")])
        made.robots["r1"] = made.orchestrator._robots["r1"] = Liar(made.fleet[0])  # type: ignore[index]
        running = asyncio.create_task(made.orchestrator.run())
        for name in ("a", "b"):
            await made.orchestrator.submit(task(name), WHY, "Li")
        await made.over("b")
        assert made.tasks["a"].state is TaskState.QUARANTINED
        assert counts in made.tasks["a"].history[-1].reason.en
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    run_simulated(scenario())


def test_a_state_that_counts_too_many_targets_ends_the_task_not_the_orchestrator(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, "r1") as s:
            await s.orchestrator.submit(task("a", seconds=60.0), WHY, "Li")
            await s.until(lambda: s.tasks["a"].state is TaskState.RUNNING)
            state = s.robots["r1"].state
            s.orchestrator._hear("r1", replace(state, sequence=state.sequence + 1, targets_done=9))
            assert s.tasks["a"].state is TaskState.QUARANTINED
            await s.until(lambda: s.robots["r1"].state.mode is Mode.IDLE)
            await s.orchestrator.submit(task("b"), WHY, "Li")
            await s.over("b")

    run_simulated(scenario())


def test_two_robots_with_one_name_get_nothing_and_the_waiting_task_says_so(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, "r1") as s:
            await s.until(lambda: "r1" in s.orchestrator.sightings)
            mine = s.robots["r1"].state
            s.orchestrator._hear("r1", replace(mine, instance="twin", sequence=1))
            await s.until(lambda: s.orchestrator.sightings["r1"].distrust is not None)
            await s.orchestrator.submit(task("a"), WHY, "Li")
            await asyncio.sleep(60.0)
            assert "Two robots speak under this name" in s.why("a")

    run_simulated(scenario())


def test_a_task_is_paused_resumed_cancelled_and_handed_over(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, "r1", "r2") as s:
            o = s.orchestrator
            await o.submit(task("a", seconds=20.0), WHY, "Li")
            await s.until(lambda: s.tasks["a"].state is TaskState.RUNNING)
            await o.pause("a", "Li")
            await s.until(lambda: s.robots["r1"].state.mode is Mode.PAUSED)
            await asyncio.sleep(60.0)
            assert s.tasks["a"].state is TaskState.PAUSED
            await o.resume("a", "Li")
            await s.until(lambda: s.robots["r1"].state.mode is Mode.BUSY)
            await o.hand_over("a")
            await s.until(lambda: s.tasks["a"].robot_id == "r2")
            await s.over("a")
            await o.submit(task("b", seconds=600.0), WHY, "Li")
            await s.until(lambda: s.tasks["b"].state is TaskState.RUNNING)
            await o.cancel("b", "Li")
            await s.until(lambda: s.tasks["b"].state is TaskState.CANCELLED)
            assert set(s.did.values()) == {1}

    run_simulated(scenario())


def test_a_zone_has_one_robot_at_a_time_and_none_while_people_are_in_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, "r1", "r2", zones=[LOBBY]) as s:
            o = s.orchestrator
            o.take({"type": "people", "source": "c1", "watched": ["lobby"], "occupied": ["lobby"]}, False)
            for name in ("a", "b"):
                await o.submit(task(name, x_m=0.0, zones=("lobby",)), WHY, "Li")
            await asyncio.sleep(1.0)
            assert "people in Lobby" in s.why("a")
            overlaps = 0
            while not all(s.tasks[t].state is TaskState.DONE for t in "ab"):
                o.take({"type": "people", "source": "c1", "watched": ["lobby"], "occupied": []}, False)
                overlaps += sum("lobby" in zones for zones in o.zones_of.values()) > 1
                await asyncio.sleep(0.1)
                if s.tasks["a"].state is TaskState.DONE:
                    await o.submit(task("out", x_m=12.0), WHY, "Li")
            assert overlaps == 0

    run_simulated(scenario())


def test_a_watcher_that_falls_silent_leaves_its_zones_occupied(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, "r1", zones=[LOBBY]) as s:
            clear = {"type": "people", "source": "c1", "watched": ["lobby"], "occupied": []}
            s.orchestrator.take(clear, False)
            await asyncio.sleep(3.0)
            assert s.orchestrator.dispatcher.world.allocation.people == {"lobby"}

    run_simulated(scenario())


def test_a_body_fills_its_zone_though_no_task_of_its_needs_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, "r1", "r2", zones=[LOBBY]) as s:
            o = s.orchestrator
            await s.until(lambda: len(o.sightings) == 2)
            await o.submit(task("pass", seconds=1.0, x_m=0.0), WHY, "Li")
            await s.over("pass")
            inside = next(robot for robot, zones in o.zones_of.items() if "lobby" in zones)
            s.robots[inside].link_up = False
            await asyncio.sleep(10.0)
            await o.submit(task("in the lobby", x_m=0.0, zones=("lobby",)), WHY, "Li")
            await asyncio.sleep(60.0)
            assert f"held by {inside}" in s.why("in the lobby")
            s.robots[inside].link_up = True
            await s.over("in the lobby")

    run_simulated(scenario())


def test_a_robot_that_enters_a_zone_that_it_does_not_hold_is_stopped(tmp_path: Path) -> None:
    async def scenario() -> None:
        closed = replace(LOBBY, kind="keep_out")
        async with site(tmp_path, "r1", zones=[closed]) as s:
            await s.orchestrator.submit(task("a", x_m=0.0), WHY, "Li")
            await s.until(lambda: s.robots["r1"].state.mode is Mode.STOPPED)
            (stop,) = s.orchestrator.stopping.stops.values()
            assert "closed to robots" in stop.reason.en

    run_simulated(scenario())


def test_a_stop_stands_until_a_person_releases_it_and_work_goes_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, "r1", "r2") as s:
            o = s.orchestrator
            for name in ("a", "b", "c"):
                await o.submit(task(name, seconds=20.0), WHY, "Li")
            await s.until(lambda: s.tasks["b"].state is TaskState.RUNNING)
            o.stopping.request("s1", Scope.SITE, "", DANGER, "camera")
            await s.until(lambda: not o.stopping.stops["s1"].silent)
            done = Counter(s.did)
            await asyncio.sleep(600.0)
            assert s.did == done
            with pytest.raises(BadInput):
                o.take({"type": "release", "source": "c1", "stop_id": "s1", "person": "Li"}, False)
            o.take({"type": "release", "source": "Li", "stop_id": "s1", "person": "Li"}, True)
            await s.over("a", "b", "c")
            assert set(s.did.values()) == {1}

    run_simulated(scenario())


@pytest.mark.parametrize(("scope", "ref"), [("zone", "loby"), ("robot", "r9"), ("zone", "")])
def test_a_stop_for_what_nobody_knows_is_a_stop_for_the_site(tmp_path: Path, scope: str, ref: str) -> None:
    async def scenario() -> None:
        async with site(tmp_path, "r1", "r2", zones=[LOBBY]) as s:
            o = s.orchestrator
            await s.until(lambda: len(o.sightings) == 2)
            said = {"en": DANGER.en, "zh": DANGER.zh}
            o.take({"type": "stop", "source": "c1", "stop_id": "s1", "scope": scope, "ref": ref, "reason": said}, False)
            stop = o.stopping.stops["s1"]
            assert (stop.scope, stop.ref, set(stop.confirmations)) == (Scope.SITE, "", {"r1", "r2"})
            await s.until(lambda: not o.stopping.stops["s1"].silent)

    run_simulated(scenario())


def test_a_stop_that_only_the_robot_remembers_is_taken_over_and_released_by_a_person(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, "r1") as s:
            o = s.orchestrator
            await s.robots["r1"].stop("told before the crash")
            await s.until(lambda: "told before the crash" in o.stopping.stops)
            assert o.stopping.stops["told before the crash"].latched
            await o.submit(task("a"), WHY, "Li")
            o.stopping.release("told before the crash", "Li")
            await s.over("a")

    run_simulated(scenario())


def test_a_robot_that_does_not_confirm_a_stop_stops_the_whole_site(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, "r1", "r2") as s:
            await s.until(lambda: len(s.orchestrator.sightings) == 2)
            s.robots["r1"].link_up = False
            s.orchestrator.stopping.request("s1", Scope.ROBOT, "r1", DANGER, "camera")
            await s.until(lambda: s.robots["r2"].state.mode is Mode.STOPPED)
            stop = s.orchestrator.stopping.stops["s1"]
            assert (stop.escalated, stop.scope, stop.silent) == (True, Scope.SITE, ("r1",))
            s.robots["r1"].link_up = True
            await s.until(lambda: s.robots["r1"].state.mode is Mode.STOPPED)
            await s.until(lambda: not s.orchestrator.stopping.stops["s1"].silent)

    run_simulated(scenario())


def test_a_lost_link_loses_and_repeats_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, "r1", "r2") as s:
            names = [f"t{n}" for n in range(8)]
            for name in names:
                await s.orchestrator.submit(task(name, seconds=4.0), WHY, "Li")
            for round_ in range(10):
                robot = s.robots["r1" if round_ % 2 else "r2"]
                robot.link_up = False
                await asyncio.sleep(0.3 + 0.7 * round_)
                robot.link_up = True
                await asyncio.sleep(1.0)
            await s.over(*names)
            assert s.did == {(name, target): 1 for name in names for target in range(2)}

    run_simulated(scenario())


def test_a_robot_that_stays_silent_leaves_scans_to_others_and_the_rest_to_a_person(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, "r1", lost_s=30.0) as s:
            for kind, after in ((Kind.LAYOUT, TaskState.QUARANTINED), (Kind.SCAN, TaskState.QUEUED)):
                await s.orchestrator.submit(task(kind, kind, seconds=60.0), WHY, "Li")
                await s.until(lambda kind=kind: s.tasks[kind].state is TaskState.RUNNING)  # type: ignore[misc]
                s.robots["r1"].link_up = False
                await s.until(lambda kind=kind: s.tasks[kind].state not in HELD)  # type: ignore[misc]
                assert s.tasks[kind].state is after
                s.robots["r1"].link_up = True
                await s.until(lambda: s.robots["r1"].state.mode is Mode.IDLE)

    run_simulated(scenario())


def test_after_a_restart_everything_goes_on_from_the_journal(tmp_path: Path) -> None:
    async def first() -> None:
        async with site(tmp_path, "r1") as s:
            for name in ("a", "b"):
                await s.orchestrator.submit(task(name, seconds=20.0), WHY, "Li")
            s.orchestrator.stopping.request("s1", Scope.SITE, "", DANGER, "camera")
            await s.until(lambda: not s.orchestrator.stopping.stops["s1"].silent)

    async def second() -> None:
        async with site(tmp_path, "r1") as s:
            await s.until(lambda: s.robots["r1"].state.mode is Mode.STOPPED)
            s.orchestrator.stopping.release("s1", "Li")
            await s.over("a", "b")
            assert set(s.did.values()) == {1}

    run_simulated(first())
    run_simulated(second())
    records = Journal(tmp_path / "journal").records
    states = [t.state for t in history(records, "a")]
    assert (states[0], states[-1]) == (TaskState.PROPOSED, TaskState.DONE)


def test_what_is_planned_for_a_robot_that_is_lost_goes_to_another(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, "r1", "r2") as s:
            await s.until(lambda: len(s.orchestrator.sightings) == 2)
            s.robots["r1"].link_up = False
            await s.until(lambda: not s.orchestrator.sightings["r1"].present(asyncio.get_running_loop().time()))
            await s.orchestrator.know(plan={"a": "r1"})
            await s.orchestrator.submit(task("a"), WHY, "Li")
            assert "planned for r1" in s.why("a")
            await s.over("a")
            assert s.tasks["a"].robot_id == "r2"

    run_simulated(scenario())
