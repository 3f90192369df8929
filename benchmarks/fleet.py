"""Figures of the fleet: robot processes over real ROS 2 on this machine, and the orchestrator in this process.

throughput  10 robots, tasks without targets: from the first submitted to the last known done on disk
load        40 robots, tasks of one second
stop        40 robots under that load: from the request to each robot standing, by the robot's word; and back here
link        1,000 links cut at random moments, in simulated time
processes   100 times no leave comes to a robot process any more, over ROS 2 and by its own clock
shift       200 robots of the simulation, in simulated time, whose links drop while they work
"""

import asyncio
import datetime as dt
import os
import random
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from bim.verdict import Reason
from robots.journal import read
from robots.onboard import effects
from robots.orchestrator import Orchestrator
from robots.robot import LEASE_S, Grant, LinkLost, Mode, Order, Profile, Refused
from robots.roster import Sighting
from robots.simulated.processes import own_domain, ros_environment, start_robot
from robots.simulated.robot import SimulatedRobot
from robots.simulated.site_time import run_simulated
from robots.stop import Scope
from robots.tasks import Kind, Target, Task, TaskSpec, TaskState
from robots.zones import Zone

NEEDS_SHARED = False
WHY = Reason("Measured", "测量")
ZERO_TASKS, LOAD_S, STOPS, CUTS = 2000, 15, 20, 1000
CUT_ROBOTS, CUT_ROUNDS = 10, 10
SHIFT_ROBOTS, SHIFT_HOURS, SHIFT_TASK_S, DROPS_AN_HOUR, ZONES = 200, 1.0, 600.0, 4.0, 40


def measure(shared: Path) -> dict[str, Any]:
    """The figures; the shared data is not needed."""
    os.environ |= ros_environment(own_domain())
    with tempfile.TemporaryDirectory() as folder:
        zero = asyncio.run(_zero_length(Path(folder) / "zero"))
        busy = asyncio.run(_under_load(Path(folder) / "busy"))
        cuts = asyncio.run(_processes_cut(Path(folder) / "cut"))
        shift = shift_of(Path(folder) / "shift", SHIFT_ROBOTS, SHIFT_HOURS)
    late = [run_simulated(_cut(seed)) for seed in range(CUTS)]
    return {
        "tasks_per_s": zero["tasks_per_s"],
        "stop_p50_ms": busy.pop("stop_p50_ms"),
        "stop_p99_ms": busy.pop("stop_p99_ms"),
        "lost": zero["lost"] + busy.pop("lost"),
        "repeated": zero["repeated"] + busy.pop("repeated"),
        "robots": 10,
        "load": os.getloadavg()[0],
        "zero_length": zero,
        "forty_robots": busy,
        "link_cuts": {"cuts": CUTS, "stopped": len(late), "worst_after_lease_ms": 1000 * max(late)},
        "process_cuts": cuts,
        "shift": shift,
    }


class Fleet:
    """Robots as processes, and what they say."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder = folder
        self.names = [f"r{n}" for n in range(count)]
        self.confirmed: dict[str, dict[str, tuple[dt.datetime, float]]] = {}
        self.done: set[str] = set()
        self.finished = asyncio.Event()
        self.wanted = 0

    def report(self, what: str, value: Any) -> None:
        """Counts what is done, and when stops were confirmed."""
        if what == "task" and isinstance(value, Task) and value.state is TaskState.DONE:
            self.done.add(value.spec.task_id)  # what is done may be told again
            if len(self.done) >= self.wanted:
                self.finished.set()
        if what == "state" and isinstance(value, Sighting):
            for stop_id in value.state.stops:
                heard = self.confirmed.setdefault(stop_id, {})
                heard.setdefault(value.state.robot_id, (value.state.at, time.time()))

    async def complete(self, wanted: int) -> None:
        """Return when so many tasks are done."""
        self.wanted = wanted
        self.finished.clear()
        if len(self.done) < wanted:
            async with asyncio.timeout(300):
                await self.finished.wait()

    def effects(self) -> Counter[tuple[str, int]]:
        """What the robots really did, by their own memories."""
        return Counter(effect for name in self.names for effect in effects(read(self.folder / "memories" / name)[0]))


@asynccontextmanager
async def _fleet(folder: Path, count: int) -> AsyncIterator[tuple[Fleet, Orchestrator]]:
    from robots.ros2 import Ros2Robot, RosLink

    fleet, domain = Fleet(folder, count), int(os.environ["ROS_DOMAIN_ID"])
    processes = [start_robot(domain, name, folder / "memories" / name) for name in fleet.names]
    link = RosLink("bench")
    profiles = [
        Profile(n, n, "rover", "ros2", frozenset({"marker"}), frozenset(Kind), certified_stop=True) for n in fleet.names
    ]
    orchestrator = Orchestrator(folder, profiles, {n: Ros2Robot(link, n) for n in fleet.names}, report=fleet.report)
    running = asyncio.create_task(orchestrator.run())
    try:
        async with asyncio.timeout(120):
            while len(orchestrator.sightings) < count:
                await asyncio.sleep(0.2)
        await asyncio.sleep(2.0)
        yield fleet, orchestrator
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        link.close()
        _end(processes)


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.kill()
        process.wait()


def _task(name: str, seconds: float) -> TaskSpec:
    return TaskSpec(name, Kind.LAYOUT, WHY, (), "marker", 0.005, seconds)


async def _zero_length(folder: Path) -> dict[str, Any]:
    async with _fleet(folder, 10) as (fleet, orchestrator):
        names = [f"t{n}" for n in range(ZERO_TASKS)]
        start_s, start_cpu_s = time.perf_counter(), time.process_time()
        for first in range(0, ZERO_TASKS, 500):
            burst = names[first : first + 500]
            await asyncio.gather(*(orchestrator.submit(_task(name, 0.0), WHY, "bench") for name in burst))
        await fleet.complete(ZERO_TASKS)
        elapsed_s, cpu_s = time.perf_counter() - start_s, time.process_time() - start_cpu_s
        return {
            "tasks": ZERO_TASKS,
            "tasks_per_s": ZERO_TASKS / elapsed_s,
            "orchestrator_core_share": cpu_s / elapsed_s,
            **_kept(names, fleet),
        }


async def _under_load(folder: Path) -> dict[str, Any]:
    async with _fleet(folder, 40) as (fleet, orchestrator):
        names = [f"t{n}" for n in range(40 * (LOAD_S + STOPS))]
        await asyncio.gather(*(orchestrator.submit(_task(name, 1.0), WHY, "bench") for name in names))
        await asyncio.sleep(2.0)
        before, start_s, start_cpu_s = len(fleet.done), time.perf_counter(), time.process_time()
        await asyncio.sleep(LOAD_S)
        elapsed_s, cpu_s = time.perf_counter() - start_s, time.process_time() - start_cpu_s
        rate = (len(fleet.done) - before) / elapsed_s
        there, back = await _stops(fleet, orchestrator)
        await fleet.complete(len(names))
        return {
            "tasks_per_s": rate,
            "orchestrator_core_share": cpu_s / elapsed_s,
            "stop_p50_ms": 1000 * statistics.median(there),
            "stop_p99_ms": 1000 * statistics.quantiles(there, n=100)[-1],
            "stop_and_back_p99_ms": 1000 * statistics.quantiles(back, n=100)[-1],
            "stops": STOPS,
            **_kept(names, fleet),
        }


async def _stops(fleet: Fleet, orchestrator: Orchestrator) -> tuple[list[float], list[float]]:
    """Seconds from each request to each robot's standing, and to the orchestrator's knowing it."""
    there, back = [], []
    for number in range(STOPS):
        stop = orchestrator.stopping.request(f"s{number}", Scope.SITE, "", WHY, "bench")
        async with asyncio.timeout(30):
            while orchestrator.stopping.stops[stop.stop_id].silent or len(fleet.confirmed[stop.stop_id]) < 40:
                await asyncio.sleep(0.01)
        for at, heard_s in fleet.confirmed[stop.stop_id].values():
            there.append((at - stop.requested_at).total_seconds())
            back.append(heard_s - stop.requested_at.timestamp())
        orchestrator.stopping.release(stop.stop_id, "bench")
        await asyncio.sleep(1.0)
    return there, back


def _kept(names: list[str], fleet: Fleet) -> dict[str, int]:
    did = fleet.effects()
    return {"lost": sum((name, 0) not in did for name in names), "repeated": sum(n - 1 for n in did.values())}


async def _cut(seed: int) -> float:
    """Seconds between the end of the lease and the robot's standing, after its link is cut at a random moment."""
    rng = random.Random(seed)  # noqa: S311
    profile = Profile("r", "r", "rover", "simulated", frozenset({"marker"}), frozenset(Kind), certified_stop=True)
    robot = SimulatedRobot(profile)
    loop = asyncio.get_running_loop()
    await robot.grant(Grant(1, ()))
    work = asyncio.create_task(robot.execute(Order(_task("t", 600.0), 1), lambda done: None))
    cut_s, granted_s, number = rng.uniform(0.3, 5.0), 0.0, 1
    while loop.time() < cut_s:
        await asyncio.sleep(rng.uniform(0.05, 0.3))
        if loop.time() < cut_s:
            number, granted_s = number + 1, loop.time()
            await robot.grant(Grant(number, ()))
    robot.link_up = False
    while robot.state.mode is not Mode.PAUSED:
        await asyncio.sleep(0.001)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    await robot.close()
    return loop.time() - granted_s - LEASE_S


# --- Links of processes -----------------------------------------------------------------------------------------------


async def _processes_cut(folder: Path) -> dict[str, Any]:
    """How long after the last leave was sent each robot process stands, by the time in its own state."""
    from robots.ros2 import Ros2Robot, RosLink

    names, domain, rng = [f"c{n}" for n in range(CUT_ROBOTS)], int(os.environ["ROS_DOMAIN_ID"]), random.Random(1)  # noqa: S311
    processes = [start_robot(domain, name, folder / "memories" / name) for name in names]
    link = RosLink("bench")
    cuts = [_CutRobot(Ros2Robot(link, name), random.Random(rng.random())) for name in names]  # noqa: S311
    try:
        async with asyncio.timeout(300):
            late = [each for found in await asyncio.gather(*(cut.rounds(CUT_ROUNDS) for cut in cuts)) for each in found]
    finally:
        link.close()
        _end(processes)
    return {
        "cuts": len(late),
        "stopped": len(late),
        "after_lease_p50_ms": 1000 * statistics.median(late),
        "after_lease_p99_ms": 1000 * statistics.quantiles(late, n=100)[-1],
        "after_lease_worst_ms": 1000 * max(late),
    }


class _CutRobot:
    """A robot at work whose leave stops coming at a random moment, again and again."""

    def __init__(self, robot: Any, rng: random.Random) -> None:
        self._robot, self._rng = robot, rng
        self._state: Any = None
        self._grants = 0

    async def rounds(self, count: int) -> list[float]:
        """Seconds from the end of each lease to the robot's standing."""
        hearing = asyncio.create_task(self._hear())
        while self._state is None:
            await asyncio.sleep(0.1)
        work = asyncio.create_task(self._robot.execute(Order(_task("t" + self._robot.robot_id, 3600.0), 1), print))
        late = [await self._round() for _ in range(count)]
        for task in (work, hearing):
            task.cancel()
        await asyncio.gather(work, hearing, return_exceptions=True)
        return late

    async def _hear(self) -> None:
        async for state in self._robot.states():
            self._state = state

    async def _round(self) -> float:
        """A round in which a grant came too late by itself is done again."""
        while True:
            while self._state.mode is not Mode.BUSY:
                await self._grant()
                if self._state.mode is Mode.PAUSED:
                    with suppress(Refused, LinkLost):
                        await self._robot.resume(1)
            until_s = time.monotonic() + self._rng.uniform(0.3, 2.0)
            while time.monotonic() < until_s:
                await self._grant()
            while self._state.mode is not Mode.PAUSED:
                await asyncio.sleep(0.005)
            if (late_s := self._state.at.timestamp() - self._granted_s - LEASE_S) > -0.1:
                return float(late_s)

    async def _grant(self) -> None:
        self._grants += 1
        self._granted_s = time.time()
        await self._robot.grant(Grant(self._grants, ()))
        await asyncio.sleep(0.15)


# --- A shift ----------------------------------------------------------------------------------------------------------


def shift_of(folder: Path, robots: int, hours: float) -> dict[str, Any]:
    """What so many robots did in so many hours of simulated time, and how long that took."""
    begin_s = time.perf_counter()
    found: dict[str, Any] = run_simulated(_shift(folder, robots, hours))
    return {"robots": robots, "hours": hours, **found, "wall_s": time.perf_counter() - begin_s}


async def _shift(folder: Path, count: int, hours: float) -> dict[str, Any]:
    """Tasks for the whole shift; one in five needs a zone; every link drops some times an hour, for up to 20 s."""
    rng, did = random.Random(1), Counter[tuple[str, int]]()  # noqa: S311
    names = [f"r{n}" for n in range(count)]
    profiles = [
        Profile(
            name,
            name,
            "rover",
            "simulated",
            frozenset({"marker"}),
            frozenset(Kind),
            home=_place(rng),
            certified_stop=True,
        )
        for name in names
    ]
    robots = {p.robot_id: SimulatedRobot(p, None, lambda task, target: did.update([(task, target)])) for p in profiles}
    zones = [Zone(f"z{n}", f"z{n}", "robot", "", _far_square(n)) for n in range(ZONES)]
    orchestrator = Orchestrator(folder, profiles, robots, zones)
    specs = [_shift_task(f"t{n}", rng) for n in range(round(count * hours * 3600 / SHIFT_TASK_S * 0.7))]
    jobs = [asyncio.create_task(orchestrator.run())]
    await asyncio.sleep(1.0)
    for spec in specs:
        await orchestrator.submit(spec, WHY, "bench")
    jobs += [asyncio.create_task(_dropping(robot, random.Random(rng.random()))) for robot in robots.values()]  # noqa: S311
    tasks = orchestrator.dispatcher.tasks
    # What is in hand when the shift ends is finished.
    loop, end_s = asyncio.get_running_loop(), 1.5 * 3600.0 * hours
    while loop.time() < end_s and any(task.state is not TaskState.DONE for task in tasks.values()):
        await asyncio.sleep(10.0)
    finished_s = loop.time()
    drops = 0
    for job in jobs[::-1]:
        job.cancel()
    for found in await asyncio.gather(*jobs, return_exceptions=True):
        drops += found if isinstance(found, int) else 0
    done = [spec for spec in specs if tasks[spec.task_id].state is TaskState.DONE]
    targets = [(spec.task_id, target) for spec in done for target in range(len(spec.targets))]
    return {
        "tasks": len(specs),
        "done": len(done),
        "finished_h": finished_s / 3600,
        "link_drops": drops,
        "lost": sum(target not in did for target in targets),
        "repeated": sum(number - 1 for number in did.values()),
    }


def _place(rng: random.Random) -> Target:
    return Target(rng.uniform(0.0, 120.0), rng.uniform(0.0, 60.0), 0.0, 0.0)


def _far_square(number: int) -> tuple[tuple[float, float], ...]:
    """Beside the floor: robots wait for each other's zones, and enter none on their way."""
    x = 10.0 * number
    return ((x, 900.0), (x + 1.0, 900.0), (x + 1.0, 901.0), (x, 901.0))


def _shift_task(name: str, rng: random.Random) -> TaskSpec:
    first = _place(rng)
    zones = (f"z{rng.randrange(ZONES)}",) if rng.random() < 0.2 else ()
    targets = (first, Target(first.x_m, first.y_m + 1.0, 0.0, 0.0))
    return TaskSpec(name, Kind.LAYOUT, WHY, targets, "marker", 0.005, rng.uniform(0.3, 1.0) * SHIFT_TASK_S, zones=zones)


async def _dropping(robot: SimulatedRobot, rng: random.Random) -> int:
    """Lose the link again and again; how often, when it is cancelled."""
    drops = 0
    try:
        while True:
            await asyncio.sleep(rng.expovariate(DROPS_AN_HOUR / 3600.0))
            robot.link_up, drops = False, drops + 1
            await asyncio.sleep(rng.uniform(1.0, 20.0))
            robot.link_up = True
    except asyncio.CancelledError:
        return drops
