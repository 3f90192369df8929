"""The fleet file: the robots and zones of a site as YAML, the same for `sitewright robots` and for `ros2 launch`.

robots:
- {robot_id: r1, name: Rover 1, kind: rover, adapter: ros2, tools: [marker], certified_stop: true}
zones:
- {zone_id: lobby, kind: robot, storey: 00 Ground floor, polygon_m: [[0, 0], [6, 0], [6, 4], [0, 4]]}
stop_port: 47901
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from bim.errors import BadInput
from robots.robot import Profile
from robots.tasks import Kind, Target
from robots.zones import Zone, read_zone

ADAPTERS = ("simulated", "ros2", "nav2", "vda5050", "octoprint")
STOP_PORT = 47_901
MOST_BYTES = 1_000_000
KEYS = frozenset({"robots", "zones", "stop_port", "telemetry"})
_NUMBERS = ("radius_m", "speed_m_s", "battery_s", "charge_s")


@dataclass(frozen=True, slots=True)
class Fleet:
    """What a fleet file holds."""

    robots: tuple[Profile, ...]
    zones: tuple[Zone, ...] = ()
    stop_port: int = STOP_PORT
    connections: Mapping[str, Mapping[str, Any]] | None = None
    """By robot_id: `connection` of its line, what its adapter needs to reach it."""
    telemetry: Mapping[str, Any] | None = None
    """The MQTT broker at which watchers hear where the robots are."""


def read_fleet(path: Path) -> Fleet:
    """The fleet of a file. Raises BadInput that names what is wrong."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadInput(f"{path} is large", f"at most {MOST_BYTES} bytes", "give the fleet file")
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise BadInput(f"cannot read {path} ({error})", "YAML with robots and zones", "correct the file") from None
    if not isinstance(values, dict) or (unknown := set(values) - KEYS):
        found = ", ".join(sorted(map(str, unknown))) if isinstance(values, dict) else type(values).__name__
        raise BadInput(f"{path} holds {found}", ", ".join(sorted(KEYS)), "correct the file")
    lines = values.get("robots") or []
    robots = tuple(map(_profile, lines))
    names = [robot.robot_id for robot in robots]
    if twins := {name for name in names if names.count(name) > 1}:
        raise BadInput(f"two robots named {', '.join(sorted(twins))}", "one robot a name", "give each its own name")
    zones = tuple(map(read_zone, values.get("zones") or []))
    connections = {line["robot_id"]: line.get("connection") or {} for line in lines}
    return Fleet(robots, zones, int(values.get("stop_port", STOP_PORT)), connections, values.get("telemetry"))


def simulated_fleet(count: int) -> Fleet:
    """So many rovers in this process, for trying out."""
    robots = (
        Profile(
            robot_id=f"sim{n}",
            name=f"Simulated rover {n}",
            kind="rover",
            adapter="simulated",
            tools=frozenset({"marker", "lidar", "drill"}),
            kinds=frozenset(Kind),
            home=Target(2.0 * n, 0.0, 0.0, 0.0),
            certified_stop=True,
        )
        for n in range(1, count + 1)
    )
    return Fleet(tuple(robots))


def _profile(line: Any) -> Profile:
    known = {field.name for field in fields(Profile)} | {"connection"}
    try:
        if unknown := set(line) - known:
            raise ValueError(f"no {', '.join(sorted(unknown))}; known are {', '.join(sorted(known))}")
        if line["adapter"] not in ADAPTERS:
            raise ValueError(f"adapter one of {', '.join(ADAPTERS)}")
        return Profile(
            robot_id=_name(line["robot_id"]),
            name=str(line.get("name") or line["robot_id"]),
            kind=str(line["kind"]),
            adapter=line["adapter"],
            tools=frozenset(map(str, line["tools"])),
            kinds=frozenset(map(Kind, line.get("kinds") or Kind)),
            storeys=frozenset(map(str, line.get("storeys") or ())),
            home=Target(*map(float, line["home"])) if line.get("home") else None,
            certified_stop=line.get("certified_stop") is True,
            **{name: _positive(line[name]) for name in _NUMBERS if name in line},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"robot {str(line)[:80]}", str(error), "correct its line in the fleet file") from None


def _name(value: Any) -> str:
    if not isinstance(value, str) or not value.isidentifier():
        raise ValueError("a robot_id of letters, digits and _, because it is part of ROS names")
    return value


def _positive(value: Any) -> float:
    number = float(value)
    if not 0.0 < number < math.inf:
        raise ValueError("numbers above 0")
    return number
