"""Simulated robots as real processes on a DDS domain of their own, kept on the loopback."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LOOPBACK = Path(__file__).with_name("fastdds_loopback.xml")


def ros_environment(domain: int) -> dict[str, str]:
    """What every process of one test needs; no other test hears it."""
    return {
        "ROS_DOMAIN_ID": str(domain),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET",
        "FASTDDS_DEFAULT_PROFILES_FILE": str(LOOPBACK),
        "AMENT_PREFIX_PATH": sys.prefix,
    }


def own_domain() -> int:
    """A DDS domain for the processes that this one starts."""
    return 1 + os.getpid() % 100


def start_robot(domain: int, robot_id: str, memory: Path | None, tools: Sequence[str] = ("marker",)) -> Any:
    """A robot process; kill it when it is no longer needed."""
    values = {"robot_id": robot_id, "tools": list(tools), "memory": str(memory) if memory else None}
    command = [sys.executable, "-m", "robots.simulated.ros_robot", json.dumps(values)]
    return subprocess.Popen(command, env={**os.environ, **ros_environment(domain)})  # noqa: S603


@contextmanager
def robot_process(domain: int, robot_id: str, memory: Path | None) -> Iterator[Any]:
    """One robot, killed at the end."""
    process = start_robot(domain, robot_id, memory)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
