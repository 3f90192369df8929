"""500 times kill -9 of the orchestrator or of a robot, or a link that is cut, at random moments of a site at work.

`sitewright robots` and three robot processes work through tasks while they are killed and started again. At the end the
robots' own memories say what was really done.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from robots.journal import read
from robots.onboard import effects
from robots.simulated.processes import own_domain, ros_environment, start_robot

NEEDS_SHARED = False
ROBOTS = ("r1", "r2", "r3")
TARGETS, TASK_S = 3, 0.6
PER_KILL = 2
"""Tasks for each kill, so that there is always work in hand."""
LIMIT_S = 3600.0


def measure(shared: Path) -> dict[str, Any]:
    """The figures; the shared data is not needed."""
    return killed(kills=500, seed=1)


def killed(kills: int, seed: int) -> dict[str, Any]:
    """What became of the tasks of a site on which so many processes and links were killed."""
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder), tasks=PER_KILL * kills + 6)
        try:
            victims = site.suffer(kills, random.Random(seed))  # noqa: S311
            site.finish()
        finally:
            site.end()
        return {"kills": kills, **victims, **site.outcome(), "load": os.getloadavg()[0]}


class Site:
    """An orchestrator and robots as processes."""

    def __init__(self, folder: Path, tasks: int) -> None:
        self._folder, self._domain = folder, own_domain()
        self._names = [f"t{number}" for number in range(tasks)]
        self._fleet, self._tasks = folder / "fleet.json", folder / "tasks.json"
        robots = [_robot(name) for name in ROBOTS]
        self._fleet.write_text(json.dumps({"robots": robots, "stop_port": 0}), encoding="utf-8")
        self._tasks.write_text(json.dumps([_task(name) for name in self._names]), encoding="utf-8")
        self._robots = {name: self._start_robot(name) for name in ROBOTS}
        self._orchestrator = self._start_orchestrator()

    def suffer(self, kills: int, rng: random.Random) -> dict[str, int]:
        """Kill one after the other at random moments; how many of each kind."""
        victims: Counter[str] = Counter()
        while not self._done():
            time.sleep(0.1)
        for _ in range(kills):
            time.sleep(rng.uniform(0.05, 1.5))
            victim = rng.choice(("orchestrator", "robot", "link"))
            victims[victim] += 1
            getattr(self, f"_kill_{victim}")(rng)
        return {f"{victim}_kills": number for victim, number in victims.items()}

    def finish(self) -> None:
        """Return when every task is done. Raises TimeoutError."""
        end_s = time.monotonic() + LIMIT_S
        while len(self._done()) < len(self._names):
            if time.monotonic() > end_s or self._orchestrator.poll() is not None:
                raise TimeoutError(f"{len(self._done())} of {len(self._names)} tasks are done")
            time.sleep(0.2)

    def outcome(self) -> dict[str, int]:
        """By the robots' own memories: targets that were never done, and those done more than once."""
        did = Counter(effect for name in ROBOTS for effect in effects(read(self._memory(name))[0]))
        wanted = {(name, target) for name in self._names for target in range(TARGETS)}
        return {
            "tasks": len(self._names),
            "lost": len(wanted - did.keys()),
            "repeated": sum(number - 1 for number in did.values()),
        }

    def end(self) -> None:
        """End all processes."""
        for process in (self._orchestrator, *self._robots.values()):
            process.kill()
            process.wait()

    def _kill_orchestrator(self, rng: random.Random) -> None:
        self._orchestrator.kill()
        self._orchestrator.wait()
        self._orchestrator = self._start_orchestrator()

    def _kill_robot(self, rng: random.Random) -> None:
        name = rng.choice(ROBOTS)
        self._robots[name].kill()
        self._robots[name].wait()
        self._robots[name] = self._start_robot(name)

    def _kill_link(self, rng: random.Random) -> None:
        """A robot that is stopped hears and says nothing for a while."""
        robot = self._robots[rng.choice(ROBOTS)]
        robot.send_signal(signal.SIGSTOP)
        time.sleep(rng.uniform(0.2, 2.5))
        robot.send_signal(signal.SIGCONT)

    def _done(self) -> set[str]:
        journal = self._folder / "data" / "journal"
        records = read(journal)[0] if journal.exists() else []
        return {record["task"] for record in records if record.get("step") == "finish"}

    def _memory(self, name: str) -> Path:
        return self._folder / "memories" / name

    def _start_robot(self, name: str) -> "subprocess.Popen[bytes]":
        process: subprocess.Popen[bytes] = start_robot(self._domain, name, self._memory(name))
        return process

    def _start_orchestrator(self) -> "subprocess.Popen[bytes]":
        options = ["--data", self._folder / "data", "--fleet", self._fleet, "--tasks", self._tasks]
        command = [sys.executable, "-m", "sitewright", "robots", *map(str, options), "--approved-by", "bench", "-q"]
        return subprocess.Popen(command, env={**os.environ, **ros_environment(self._domain)})  # noqa: S603


def _robot(name: str) -> dict[str, Any]:
    return {"robot_id": name, "kind": "rover", "adapter": "ros2", "tools": ["marker"], "certified_stop": True}


def _task(name: str) -> dict[str, Any]:
    places = [[0.05 * target, 0.0, 0.0, 0.0] for target in range(TARGETS)]
    title = {"en": name, "zh": name}
    return {"task_id": name, "kind": "layout", "title": title, "targets_m": places, "tool": "marker",
            "tolerance_m": 0.005, "duration_s": TASK_S}  # fmt: skip
