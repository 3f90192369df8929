"""Zones: places in the site frame where something is not allowed, and how far something is from them.

Distances are over the ground, in metres; negative inside. A body that crosses the edge is in the zone: what stands at
0.2 m from it and is 0.3 m wide is inside, and so is what stands at 0.2 m and is known to 0.3 m.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from bim.arrays import Payload
from bim.errors import BadInput
from bim.frames import FloatArray
from bim.isolation import GIB, Limits, isolated
from bim.verdict import Vector
from site_safety.records import from_json

Point = tuple[float, float]
Polygon = tuple[Point, ...]
"""Corners in order, either way round; the last is joined to the first."""
Flags = npt.NDArray[np.bool_]

LIMITS = Limits(memory_bytes=GIB, cpu_s=10.0, wall_s=20.0)
MAX_BYTES = 8 * 1024**2
CIRCLE_CORNERS = 48


class ZoneKind(StrEnum):
    """What a zone is for; rules name the kinds that they watch."""

    ROBOT = "robot"
    KEEP_OUT = "keep_out"
    CRANE = "crane"
    EDGE = "edge"
    EXCAVATION = "excavation"
    CLOSED = "closed"
    FIRE_LANE = "fire_lane"
    ESCAPE = "escape"


@dataclass(frozen=True, slots=True)
class Valid:
    """When a zone counts; open ends where left out."""

    start: datetime | None = field(default=None, metadata={"key": "from"})
    end: datetime | None = field(default=None, metadata={"key": "to"})


@dataclass(frozen=True, slots=True)
class Zone:
    """A prism: a polygon in site x and y, between two heights (None: unbounded), on a storey (None: on every)."""

    zone_id: str
    name: str
    kind: ZoneKind
    storey: str | None
    polygon_m: Polygon
    low_m: float | None = None
    high_m: float | None = None
    robots: tuple[str, ...] = ()
    valid: Valid | None = None

    def __post_init__(self) -> None:
        """Refuse what encloses nothing or crosses itself."""
        corners = len(self.polygon_m)
        shape = shapely.Polygon(self.polygon_m) if corners > 2 else None
        if shape is None or not shape.is_valid or shape.area < 1e-6:
            found = f"zone {self.zone_id} with {corners} corners that enclose no area or cross themselves"
            raise BadInput(found, "a polygon of 3 or more corners in order", "draw it again")
        if self.low_m is not None and self.high_m is not None and self.low_m >= self.high_m:
            raise BadInput(
                f"zone {self.zone_id} from {self.low_m} to {self.high_m} m", "low_m below high_m", "swap them"
            )

    def counts(self, at: datetime) -> bool:
        """Whether the zone is in force at this time."""
        start, end = (self.valid.start, self.valid.end) if self.valid else (None, None)
        return (start is None or start <= at) and (end is None or at < end)


def distance_m(polygon: Polygon, places_m: FloatArray) -> FloatArray:
    """(N,) signed distances of places (N, 2) to a polygon's edge, negative inside.

    Inside by the even-odd rule (Hormann and Agathos 2001); distance to the nearest edge segment.
    """
    a = np.asarray(polygon, dtype=np.float64)
    along = np.roll(a, -1, axis=0) - a
    offset = places_m[:, None, :] - a
    share = np.clip((offset * along).sum(2) / np.maximum((along * along).sum(1), 1e-18), 0.0, 1.0)
    nearest = np.hypot(*(offset - share[..., None] * along).transpose(2, 0, 1)).min(axis=1)
    signed: FloatArray = np.where(_even_odd(a, places_m), -nearest, nearest)
    return signed


def _even_odd(a: FloatArray, places_m: FloatArray) -> Flags:
    """(N,) whether a ray towards +x crosses the edges an odd number of times. Corners are compared as they are, not
    as differences: rounding would count a crossing twice or never."""
    b, x, y = np.roll(a, -1, axis=0), places_m[:, :1], places_m[:, 1:]
    spans = (y >= a[:, 1]) != (y >= b[:, 1])
    run, rise = (b - a).T
    left = ((x - a[:, 0]) * rise < (y - a[:, 1]) * run) == (rise > 0.0)
    odd: Flags = (spans & left).sum(axis=1) % 2 == 1
    return odd


def gap_m(first: Polygon, second: Polygon) -> float:
    """Distance between two simple polygons; 0 where they touch, overlap, or one holds the other."""
    ab, ba = distance_m(first, np.asarray(second, float)), distance_m(second, np.asarray(first, float))
    nearest = float(min(ab.min(), ba.min()))
    return 0.0 if nearest <= 0.0 or _cross(first, second) else nearest


def _cross(first: Polygon, second: Polygon) -> bool:
    a, c = np.asarray(first, float)[:, None], np.asarray(second, float)[None]
    b, d = np.roll(a, -1, axis=0), np.roll(c, -1, axis=1)
    return bool(((_side(a, b, c) != _side(a, b, d)) & (_side(c, d, a) != _side(c, d, b))).any())


def _side(a: FloatArray, b: FloatArray, p: FloatArray) -> FloatArray:
    u, v = b - a, p - a
    side: FloatArray = np.sign(u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0])
    return side


def at_height(zone: Zone, place_m: Vector, storey: str | None, slack_m: float) -> bool:
    """Whether a place is on the zone's storey and between its heights, give or take `slack_m`."""
    if zone.storey is not None and storey is not None and zone.storey != storey:
        return False
    low, high = zone.low_m, zone.high_m
    return (low is None or place_m[2] >= low - slack_m) and (high is None or place_m[2] <= high + slack_m)


def reach_m(zone: Zone, place_m: Vector, storey: str | None, body_m: float, error_m: float) -> float:
    """How far a body of radius `body_m`, known to `error_m`, is from being in the zone; negative or 0: it is."""
    if not at_height(zone, place_m, storey, 0.5 + error_m):
        return math.inf
    return float(distance_m(zone.polygon_m, np.array([place_m[:2]]))[0]) - body_m - error_m


def circle(centre_m: Sequence[float], radius_m: float) -> Polygon:
    """A polygon around a circle, nowhere inside it: of a crane's radius, or of a load that may fall."""
    outer = radius_m / math.cos(math.pi / CIRCLE_CORNERS)
    turns = (2.0 * math.pi * i / CIRCLE_CORNERS for i in range(CIRCLE_CORNERS))
    return tuple((centre_m[0] + outer * math.cos(turn), centre_m[1] + outer * math.sin(turn)) for turn in turns)


def read_zones(path: Path) -> tuple[Zone, ...]:
    """The zones of a JSON file, a list of tables. Raises BadInput that names the zone and the key."""
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        raise BadInput(f"{path} is no file of zones", f"JSON of at most {MAX_BYTES} bytes", "check the path")
    found = isolated(_parse, str(path), limits=LIMITS, failure=BadInput, what=f"zones {path.name}")["zones"]
    zones = tuple(_zone(each, f"{path.name}[{i}]") for i, each in enumerate(found))
    if len({zone.zone_id for zone in zones}) < len(zones):
        raise BadInput(f"{path.name} names a zone_id twice", "an id for each zone", "rename one")
    return zones


@dataclass(frozen=True, slots=True)
class _Circle:
    circle_m: Vector
    """Site x and y, radius."""


def _zone(table: Any, where: str) -> Zone:
    """`circle_m` (x, y, radius), as of a crane's reach, may stand in place of the polygon."""
    if isinstance(table, dict) and "circle_m" in table and "polygon_m" not in table:
        given = from_json(_Circle, {"circle_m": table["circle_m"]}, where).circle_m
        if given[2] <= 0.0:
            raise BadInput(f"{where}.circle_m with a radius of {given[2]:g} m", "more than 0", "correct it")
        table = {key: value for key, value in table.items() if key != "circle_m"}
        table["polygon_m"] = circle(given[:2], given[2])
    return from_json(Zone, table, where)


def _parse(path: str) -> Payload:
    import json

    zones = json.loads(Path(path).read_text(encoding="utf-8"))
    if not isinstance(zones, list):
        raise BadInput(f"{Path(path).name} holds no list", "[{zone_id, name, kind, …}, …]", "put the zones in brackets")
    return {"zones": zones}
