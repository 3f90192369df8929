"""Who may be where: a robot holds all zones that its task needs, or none of them and waits. Pure.

Taking all or nothing means that no task holds a zone while waiting for another. A body holds what it reaches into,
task or not. A zone is let go only by a robot that is seen outside it, or that has been silent for so long that it must
stand by its own clock; then its place stays blocked as long as its last known body reaches into the zone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import shapely

from bim.errors import BadInput
from bim.verdict import Reason, Vector

SAFETY_S = 5.0
"""Silence after which a robot's zones are let go: ten leases."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A prism in the site frame. Zones of kind `keep_out` and those with people in them admit nobody."""

    zone_id: str
    name: str
    kind: str
    storey: str
    """Empty: on every storey."""
    polygon_m: tuple[tuple[float, float], ...]
    low_m: float = float("-inf")
    high_m: float = float("inf")
    robots: frozenset[str] = frozenset()
    """The only robots that it is for; empty: any."""

    def touches(self, position_m: Vector, radius_m: float, storey: str) -> bool:
        """Whether a body of this radius around its position reaches into the zone."""
        if self.storey and storey and self.storey != storey:
            return False
        if not self.low_m <= position_m[2] <= self.high_m:
            return False
        x_m, y_m = position_m[:2]
        shape, (left_m, low_m, right_m, high_m) = _shape(self.polygon_m)
        near = left_m - radius_m <= x_m <= right_m + radius_m and low_m - radius_m <= y_m <= high_m + radius_m
        return near and bool(shapely.dwithin(shape, shapely.Point(x_m, y_m), radius_m))


@lru_cache(maxsize=10_000)
def _shape(polygon_m: tuple[tuple[float, float], ...]) -> tuple[shapely.Polygon, tuple[float, float, float, float]]:
    """The polygon, ready to be asked often, and its bounds."""
    shape = shapely.Polygon(polygon_m)
    shapely.prepare(shape)
    return shape, shape.bounds


def read_zone(value: Mapping[str, Any]) -> Zone:
    """A zone of the fleet file or of the API. Raises BadInput for one that encloses nothing or crosses itself."""
    try:
        polygon = tuple((float(x), float(y)) for x, y in value["polygon_m"])
        shape = shapely.Polygon(polygon)
        if not shape.is_valid or shape.area <= 0.0:
            raise ValueError("a polygon that encloses an area without crossing itself")
        return Zone(
            zone_id=str(value["zone_id"]),
            name=str(value.get("name") or value["zone_id"]),
            kind=str(value["kind"]),
            storey=str(value.get("storey") or ""),
            polygon_m=polygon,
            low_m=float("-inf") if value.get("low_m") is None else float(value["low_m"]),
            high_m=float("inf") if value.get("high_m") is None else float(value["high_m"]),
            robots=frozenset(map(str, value.get("robots") or ())),
        )
    except (KeyError, TypeError, ValueError, shapely.errors.ShapelyError) as error:
        raise BadInput(f"zone {str(value)[:80]}", str(error) or "a zone", "correct the zone") from None


@dataclass(frozen=True, slots=True)
class Allocation:
    """Which robot holds which zone, and where people are."""

    holders: Mapping[str, str] = field(default_factory=dict)
    people: frozenset[str] = frozenset()

    def of(self, robot_id: str) -> tuple[str, ...]:
        """The zones that the robot holds."""
        return tuple(sorted(zone for zone, holder in self.holders.items() if holder == robot_id))

    def obstacle(self, zones: Mapping[str, Zone], robot_id: str, wanted: Iterable[str]) -> Reason | None:
        """Why the robot cannot have all of these zones now; None when it can."""
        for zone_id in wanted:
            zone = zones.get(zone_id)
            if reason := _unknown(zone_id) if zone is None else self._obstacle(zone, robot_id):
                return reason
        return None

    def take(self, robot_id: str, wanted: Iterable[str]) -> "Allocation":
        """All of them; ask `obstacle` first."""
        return Allocation({**self.holders, **dict.fromkeys(wanted, robot_id)}, self.people)

    def let_go(self, robot_id: str, keep: Iterable[str] = ()) -> "Allocation":
        """The robot lets go of all but those that its body is still in."""
        kept = set(keep)
        left = {zone: holder for zone, holder in self.holders.items() if holder != robot_id or zone in kept}
        return Allocation(left, self.people)

    def with_people(self, zones: Iterable[str]) -> "Allocation":
        """People are in these zones now, and in no others."""
        return Allocation(self.holders, frozenset(zones))

    def _obstacle(self, zone: Zone, robot_id: str) -> Reason | None:
        holder = self.holders.get(zone.zone_id)
        if zone.kind == "keep_out":
            return Reason(f"{zone.name} is closed to robots.", f"{zone.name}禁止机器人进入。")
        if zone.robots and robot_id not in zone.robots:
            return Reason(f"{zone.name} is not for this robot.", f"{zone.name}不允许该机器人进入。")
        if zone.zone_id in self.people:
            return Reason(f"There are people in {zone.name}.", f"{zone.name}内有人。")
        if holder not in (None, robot_id):
            return Reason(f"{zone.name} is held by {holder}.", f"{zone.name}由{holder}占用。")
        return None


def _unknown(zone_id: str) -> Reason:
    return Reason(f"There is no zone {zone_id}.", f"没有区域{zone_id}。")
