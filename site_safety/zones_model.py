"""Zones from the model: its spaces, and where it and the last comparison say that somebody may fall.

A floor's edge is unprotected where the ground beyond it is deep and no wall, railing or window stands along it: in the
model where there is no comparison, as built where there is one. What the comparison could not see protects nobody.
JGJ 80-2016 (4.1) and OSHA 29 CFR 1926.501: guard from 2 m (1.8 m) of fall; a rail of 1.2 m (1.07 m).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np
import shapely

from bim.frames import FloatArray
from bim.model import Building
from bim.verdict import Reason, State, Vector
from site_safety.hazards import Level, Source, Subject
from site_safety.zones import Flags, Point, Zone, ZoneKind

if TYPE_CHECKING:
    from bim.ifc_spaces import Space

FLOORS = frozenset({"IfcSlab", "IfcSlabStandardCase", "IfcSlabElementedCase", "IfcRoof"})
GUARDS = frozenset({
    "IfcWall", "IfcWallStandardCase", "IfcRailing", "IfcCurtainWall", "IfcWindow", "IfcDoor", "IfcPlate", "IfcMember",
    "IfcBuildingElementProxy",
})  # fmt: skip
STANDS = frozenset({State.BUILT, State.DISPLACED, State.PARTIAL})


@dataclass(frozen=True, slots=True)
class EdgeRules:
    """When an edge is one to guard; lengths in metres."""

    fall_m: float = 2.0
    guard_height_m: float = 1.0
    """A guard's top above the floor, a little less than the least that codes allow: models round."""
    guard_low_m: float = 0.6
    """A guard that begins higher is none."""
    near_m: float = 0.4
    """How far from the edge a guard may stand."""
    step_m: float = 0.25
    shortest_m: float = 0.75
    """Shorter openings are a column's corner, not a place to fall from."""
    width_m: float = 1.5
    """How deep the zone along an edge is."""
    flat: float = 0.9
    """A floor's faces point up by this much at least (cosine)."""


@dataclass(frozen=True, slots=True)
class OpenEdge:
    """A stretch of a floor's edge that nothing protects."""

    global_id: str
    storey: str
    line_m: tuple[Point, ...]
    level_m: float
    length_m: float
    fall_m: float | None
    """None: nothing below that the model knows."""
    missing: tuple[str, ...]
    """GlobalIds of guards that the model has there and the comparison does not see standing."""


def open_edges(
    building: Building, states: Mapping[str, State] | None = None, rules: EdgeRules | None = None
) -> tuple[OpenEdge, ...]:
    """The unprotected edges of the floors that stand. `states` by GlobalId; None: as designed, everything stands."""
    shape = _Shape(building, states, rules or EdgeRules())
    return tuple(edge for floor in shape.floors for edge in shape.edges_of(floor))


def edge_zones(edges: Sequence[OpenEdge], rules: EdgeRules | None = None) -> tuple[Zone, ...]:
    """A zone along each edge, inside the floor and as far beyond."""
    width_m = (rules or EdgeRules()).width_m
    return tuple(_zone(edge, number, width_m) for number, edge in enumerate(edges))


def space_zones(spaces: "Sequence[Space]", pattern: str, kind: ZoneKind) -> tuple[Zone, ...]:
    """A zone a space whose name fits a pattern with * and ?, such as "*shaft*"; case does not count."""
    fits = [space for space in spaces if fnmatchcase(space.name.lower(), pattern.lower())]
    return tuple(
        Zone(
            f"space-{space.global_id}",
            space.name,
            kind,
            space.storey or None,
            space.outline_m,
            space.low_m,
            space.high_m,
        )
        for space in fits
    )


def edge_hazards(edges: Sequence[OpenEdge]) -> tuple[Subject, ...]:
    """What a comparison registers: each open edge, and each guard that the model has there and is not there."""
    return tuple(_subject(edge) for edge in edges)


# --- Geometry ---------------------------------------------------------------------------------------------------------


class _Shape:
    """The building's floors and guards that stand, as shapely geometry in plan."""

    def __init__(self, building: Building, states: Mapping[str, State] | None, rules: EdgeRules) -> None:
        self.building, self.states, self.rules = building, states, rules
        mesh = building.mesh
        up = (mesh.normals[:, 2] > rules.flat) & (mesh.areas > 1e-6)
        standing = np.array([self._stands(element.global_id) for element in building.elements], bool)
        self.ground = np.flatnonzero(up & standing[mesh.element]) if len(mesh.element) else np.zeros(0, np.int64)
        self.tree = shapely.STRtree(shapely.polygons(mesh.corners[self.ground][:, :, :2]))
        self.floors = [
            i for i, element in enumerate(building.elements) if element.ifc_class in FLOORS and standing[i]
        ]  # fmt: skip
        self.guards = [i for i, element in enumerate(building.elements) if element.ifc_class in GUARDS]
        self.standing = standing
        self.lowest_m = min((storey.elevation_m for storey in building.storeys), default=-np.inf)

    def _stands(self, global_id: str) -> bool:
        return self.states is None or self.states.get(global_id) in STANDS

    def edges_of(self, floor: int) -> Iterator[OpenEdge]:
        corners = self.building.mesh.corners[self.building.mesh.of(floor)]
        up = corners[_normals(corners)[:, 2] > self.rules.flat]
        if not len(up):
            return
        level_m = float(up[:, :, 2].max())
        top = up[up[:, :, 2].max(axis=1) > level_m - 0.3]
        outline = shapely.union_all(shapely.polygons(top[:, :, :2]), grid_size=1e-3)
        around = [(guard, self._footprint(guard)) for guard in self.guards if self._is_guard(guard, level_m)]
        for polygon in shapely.get_parts(shapely.orient_polygons(outline)):
            for ring in (polygon.exterior, *polygon.interiors) if polygon.geom_type == "Polygon" else ():
                yield from self._open(floor, ring, level_m, around)

    def _is_guard(self, guard: int, level_m: float) -> bool:
        z = self.building.mesh.corners[self.building.mesh.of(guard)][:, :, 2]
        return bool(
            z.size and z.max() >= level_m + self.rules.guard_height_m and z.min() <= level_m + self.rules.guard_low_m
        )

    def _footprint(self, guard: int) -> shapely.Geometry:
        corners = self.building.mesh.corners[self.building.mesh.of(guard)][:, :, :2]
        return shapely.union_all(shapely.convex_hull(shapely.linestrings(corners)))

    def _open(
        self, floor: int, ring: shapely.Geometry, level_m: float, around: Sequence[tuple[int, shapely.Geometry]]
    ) -> Iterator[OpenEdge]:
        count = max(8, int(np.ceil(ring.length / self.rules.step_m)))
        # Between the steps, so that no place is a corner, where an edge has no side.
        shares = (np.arange(count) + 0.5) / count
        places = shapely.line_interpolate_point(ring, shares, normalized=True)
        xy = shapely.get_coordinates(places)
        ahead = shapely.get_coordinates(shapely.line_interpolate_point(ring, shares + 0.01 / count, normalized=True))
        falls = level_m - self._ground_below(_beyond(xy, ahead, 0.3), level_m)
        is_open = (falls >= self.rules.fall_m) & ~self._guarded(places, around)
        element = self.building.elements[floor]
        for run in _runs(is_open):
            length_m, deepest = len(run) * ring.length / count, float(falls[run].min())
            if length_m >= self.rules.shortest_m:
                line = shapely.simplify(shapely.linestrings(xy[_with_next(run, count)]), 0.02)
                yield OpenEdge(
                    element.global_id,
                    element.storey,
                    tuple((float(x), float(y)) for x, y in shapely.get_coordinates(line)),
                    level_m,
                    length_m,
                    deepest if np.isfinite(deepest) else None,
                    self._missing(places[run], around),
                )

    def _ground_below(self, xy: FloatArray, level_m: float) -> FloatArray:
        """(N,) the highest thing that stands at or below the floor's level, -inf where there is none.

        Around the lowest storey, where models seldom have the ground, it is taken to lie at that storey's level.
        """
        is_lowest = level_m - self.lowest_m < self.rules.fall_m
        below = np.full(len(xy), level_m if is_lowest else -np.inf)
        place, row = self.tree.query(shapely.points(xy), predicate="intersects")
        if len(place):
            a, b, c = self.building.mesh.corners[self.ground[row]].transpose(1, 0, 2)
            normal = np.cross(b - a, c - a)
            z = a[:, 2] - ((xy[place] - a[:, :2]) * normal[:, :2]).sum(axis=1) / normal[:, 2]
            under = z <= level_m + 0.3
            if is_lowest:
                below[place[under]] = -np.inf
            np.maximum.at(below, place[under], z[under])
        return below

    def _guarded(self, places: FloatArray, around: Sequence[tuple[int, shapely.Geometry]]) -> Flags:
        near = [shapely.dwithin(footprint, places, self.rules.near_m) for i, footprint in around if self.standing[i]]
        guarded: Flags = np.any(near, axis=0) if near else np.zeros(len(places), bool)
        return guarded

    def _missing(self, places: FloatArray, around: Sequence[tuple[int, shapely.Geometry]]) -> tuple[str, ...]:
        return tuple(
            self.building.elements[guard].global_id
            for guard, footprint in around
            if not self.standing[guard] and shapely.dwithin(footprint, places, self.rules.near_m).any()
        )


def _normals(corners: FloatArray) -> FloatArray:
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals: FloatArray = cross / np.maximum(np.linalg.norm(cross, axis=1, keepdims=True), 1e-12)
    return normals


def _beyond(xy: FloatArray, ahead: FloatArray, distance_m: float) -> FloatArray:
    """Places beside an edge where the floor is not: to the right of a ring that has the floor to its left."""
    along = ahead - xy
    right = np.stack([along[:, 1], -along[:, 0]], axis=1) / np.maximum(np.linalg.norm(along, axis=1), 1e-12)[:, None]
    beside: FloatArray = xy + distance_m * right
    return beside


def _runs(is_open: Flags) -> list[list[int]]:
    """Indices of each stretch of a closed ring; one that goes over the ring's start is one."""
    indices = np.flatnonzero(is_open)
    if not len(indices):
        return []
    runs = [run.tolist() for run in np.split(indices, np.flatnonzero(np.diff(indices) > 1) + 1)]
    if len(runs) > 1 and runs[0][0] == 0 and runs[-1][-1] == len(is_open) - 1:
        runs[0] = runs.pop() + runs[0]
    return runs


def _with_next(run: list[int], count: int) -> list[int]:
    """A stretch reaches to the next place, so that its line is as long as it is."""
    return [*run, (run[-1] + 1) % count]


def _zone(edge: OpenEdge, number: int, width_m: float) -> Zone:
    strip = shapely.buffer(shapely.linestrings(edge.line_m), width_m, cap_style="flat", join_style="mitre")
    # The zone of an edge all around a hole has a hole itself; who stands in there has fallen already.
    polygon = max(getattr(strip, "geoms", [strip]), key=lambda part: part.area)
    corners = tuple(map(tuple, shapely.get_coordinates(polygon.exterior)[:-1].tolist()))
    name = f"{edge.storey} {edge.length_m:.1f} m".strip()
    return Zone(f"edge-{edge.global_id}-{number}", name, ZoneKind.EDGE, edge.storey or None, corners,
                edge.level_m - 0.5, edge.level_m + 2.5)  # fmt: skip


def _subject(edge: OpenEdge) -> Subject:
    x, y = edge.line_m[len(edge.line_m) // 2]
    place: Vector = (x, y, edge.level_m)
    fall = Reason("an unknown fall", "坠落高度未知") if edge.fall_m is None else Reason(
        f"a fall of {edge.fall_m:.1f} m", f"坠落高度 {edge.fall_m:.1f} 米")  # fmt: skip
    text = Reason(
        f"Open edge, {edge.length_m:.1f} m long, {fall.en}", f"临边无防护，长 {edge.length_m:.1f} 米，{fall.zh}"
    )
    if edge.missing:
        text = Reason(f"{text.en}; {len(edge.missing)} guards of the model are not there",
                      f"{text.zh}；模型中的 {len(edge.missing)} 处防护构件未见")  # fmt: skip
    rule = "missing_guard_rail" if edge.missing else "open_edge"
    key = f"open_edge|{edge.global_id}|{x:.0f},{y:.0f}"
    elements = (edge.global_id, *edge.missing)
    return Subject(rule, Source.SCAN, Level.DANGER, text, edge.storey or None, None, place, elements, key=key)
