"""Figures of the fleet: robot processes over real ROS 2 on this machine, and the orchestrator in this process.

throughput  10 robots, tasks without targets: from the first submitted to the last known done on disk
load        40 robots, tasks of one second
stop        40 robots under that load: from the request to each robot standing, by the robot's word; and back here
link        1,000 links cut at random moments, in simulated time
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
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bim.verdict import Reason
from robots.journal import read
from robots.onboard import effects
from robots.orchestrator import Orchestrator
from robots.robot import LEASE_S, Grant, Mode, Order, Profile
from robots.roster import Sighting
from robots.simulated.processes import own_domain, ros_environment, start_robot
from robots.simulated.robot import SimulatedRobot
from robots.simulated.site_time import run_simulated
from robots.stop import Scope
from robots.tasks import Kind, Task, TaskSpec, TaskState

NEEDS_SHARED = False
WHY = Reason("Measured", "测量")
ZERO_TASKS, LOAD_S, STOPS, CUTS = 2000, 15, 20, 1000


def measure(shared: Path) -> dict[str, Any]:
    """The figures; the shared data is not needed."""
    os.environ |= ros_environment(own_domain())
    with tempfile.TemporaryDirectory() as folder:
        zero = asyncio.run(_zero_length(Path(folder) / "zero"))
        busy = asyncio.run(_under_load(Path(folder) / "busy"))
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
    }


class Fleet:
    """Robots as processes, and what they say."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder = folder
        self.names = [f"r{n}" for n in range(count)]
        self.confirmed: dict[str, dict[str, tuple[dt.datetime, float]]] = {}
        self.done = 0
        self.finished = asyncio.Event()
        self.wanted = 0

    def report(self, what: str, value: Any) -> None:
        """Counts what is done, and when stops were confirmed."""
        if what == "task" and isinstance(value, Task) and value.state is TaskState.DONE:
            self.done += 1
            if self.done >= self.wanted:
                self.finished.set()
        if what == "state" and isinstance(value, Sighting):
            for stop_id in value.state.stops:
                heard = self.confirmed.setdefault(stop_id, {})
                heard.setdefault(value.state.robot_id, (value.state.at, time.time()))

    async def complete(self, wanted: int) -> None:
        """Return when so many tasks are done."""
        self.wanted = wanted
        self.finished.clear()
        if self.done < wanted:
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
        before, start_s, start_cpu_s = fleet.done, time.perf_counter(), time.process_time()
        await asyncio.sleep(LOAD_S)
        elapsed_s, cpu_s = time.perf_counter() - start_s, time.process_time() - start_cpu_s
        rate = (fleet.done - before) / elapsed_s
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
