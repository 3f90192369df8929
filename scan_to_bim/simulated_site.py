"""A part-built site whose truth is known: what stands of a model, what else lies around, where a tripod may stand.

    truth = part_build(building, rng)                 what stands, what is displaced, half built or absent
    site  = stand(building, truth) + clutter(...)     triangles that know their element, -1 for what is in no model

All coordinates are metres in the site frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from bim.frames import FloatArray, IntArray
from bim.model import Building
from bim.rays import RayCaster
from bim.verdict import State, Vector

MISSING_SHARE = 0.06
"""Elements that stand before their turn or are missing after it."""
SHIFT_M = (0.02, 0.09)
PART = (0.4, 0.75)
"""Of its height, a wall that is under way."""
FLAT_CLASSES = ("IfcSlab", "IfcRoof", "IfcCovering", "IfcFooting")
"""Held by what they lie on: never displaced sideways."""
EYE_HEIGHT_M = 1.6
HEADROOM_M = 1.8
OUTSIDE_M = 8.0
TERRAIN_MARGIN_M = 30.0
TERRAIN_BELOW_M = 0.02
"""The ground lies just under the ground floor."""
BURIED_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class Truth:
    """What is so of one element. `fraction` of its extent along `axis` (0, 1, 2 for x, y, z) stands."""

    state: State
    shift_m: Vector = (0.0, 0.0, 0.0)
    fraction: float = 1.0
    axis: int = 2


@dataclass(frozen=True)
class Site:
    """What a scanner can meet. corners: (T, 3, 3) float64. element: (T,) int32 index into `Building.elements`, -1 for
    what is in no model."""

    corners: FloatArray
    element: IntArray

    def __add__(self, other: "Site") -> "Site":
        """Both together."""
        return Site(np.concatenate([self.corners, other.corners]), np.concatenate([self.element, other.element]))

    @property
    def centre(self) -> FloatArray:
        """(3,), the middle of the bounds: rays are cast relative to it, because Embree works in float32."""
        centre: FloatArray = 0.5 * (self.corners.min(axis=(0, 1)) + self.corners.max(axis=(0, 1)))
        return centre


# --- what stands -----------------------------------------------------------------------------------------------------


def part_build(
    building: Building,
    rng: np.random.Generator,
    built_share: float = 0.65,
    displaced_share: float = 0.06,
    partial_share: float = 0.04,
    by_storey: bool = True,
) -> tuple[Truth, ...]:
    """A plausible state under construction, one truth an element, from the ground up or in random order."""
    stands = _stands(building, rng, built_share, by_storey)
    is_wall = np.array([e.ifc_class.startswith("IfcWall") for e in building.elements])
    is_flat = np.array([e.ifc_class in FLAT_CLASSES for e in building.elements])
    partial = _pick(rng, stands & is_wall, int(partial_share * stands.sum()))
    moved = _pick(rng, stands & ~partial & ~is_flat, int(displaced_share * stands.sum()))
    truths = []
    for i in range(len(stands)):
        if partial[i]:
            truths.append(Truth(State.PARTIAL, fraction=float(rng.uniform(*PART))))
        elif moved[i]:
            truths.append(displaced(building, i, rng))
        else:
            truths.append(Truth(State.BUILT) if stands[i] else Truth(State.ABSENT, fraction=0.0))
    return tuple(truths)


def _stands(building: Building, rng: np.random.Generator, share: float, by_storey: bool) -> npt.NDArray[np.bool_]:
    count = len(building.elements)
    low = np.full(count, np.inf)
    np.minimum.at(low, building.mesh.element, building.mesh.corners[..., 2].min(axis=1))
    order = np.lexsort((rng.random(count), np.round(low) if by_storey else np.zeros(count)))
    stands = np.zeros(count, dtype=bool)
    stands[order[: round(share * count)]] = True
    return stands ^ (rng.random(count) < MISSING_SHARE)


def _pick(rng: np.random.Generator, among: npt.NDArray[np.bool_], count: int) -> npt.NDArray[np.bool_]:
    candidates = np.flatnonzero(among)
    picked = np.zeros(len(among), dtype=bool)
    picked[rng.choice(candidates, min(count, len(candidates)), replace=False)] = True
    return picked


def displaced(building: Building, element: int, rng: np.random.Generator) -> Truth:
    """Moved along the normal of one of its own upright faces, mostly the large ones."""
    rows = building.mesh.of(element)
    normal, area = building.mesh.normals[rows], building.mesh.areas[rows]
    weight = np.where(np.abs(normal[:, 2]) < 0.1, area, 0.0)
    if weight.sum() == 0.0:
        return Truth(State.BUILT)
    direction = normal[rng.choice(len(weight), p=weight / weight.sum())] * [1.0, 1.0, 0.0]
    shift = direction / np.linalg.norm(direction) * rng.uniform(*SHIFT_M) * rng.choice([-1.0, 1.0])
    return Truth(State.DISPLACED, (float(shift[0]), float(shift[1]), 0.0))


def stand(building: Building, truths: Sequence[Truth]) -> Site:
    """The surfaces of what stands, shifted and cut as the truth says."""
    parts = [_as_built(building.mesh.corners[building.mesh.of(i)], truth) for i, truth in enumerate(truths)]
    element = np.repeat(np.arange(len(parts), dtype=np.int32), [len(part) for part in parts])
    return Site(np.concatenate(parts), element)


def _as_built(corners: FloatArray, truth: Truth) -> FloatArray:
    if truth.state is State.ABSENT:
        return corners[:0]
    if truth.state is State.PARTIAL:
        low, high = corners[..., truth.axis].min(), corners[..., truth.axis].max()
        return cut(corners, truth.axis, float(low + truth.fraction * (high - low)))
    moved: FloatArray = corners + np.array(truth.shift_m)
    return moved


def cut(corners: FloatArray, axis: int, level_m: float) -> FloatArray:
    """What lies below a level along an axis, closed where the cut went through a closed body."""
    turned = np.roll(corners, 2 - axis, axis=2)
    under = turned[..., 2] <= level_m
    count = under.sum(axis=1)
    below = [turned[count == 3]]
    ends = []
    for side in (1, 2):
        crossing = turned[count == side]
        lone = np.argmax(under[count == side] == (side == 1), axis=1)
        a, b, c = (crossing[np.arange(len(crossing)), (lone + k) % 3] for k in range(3))
        p, q = _meet(a, b, level_m), _meet(a, c, level_m)
        ends.append(np.stack([p[:, :2], q[:, :2]], axis=1))
        below += (
            [np.stack([a, p, q], axis=1)] if side == 1 else [np.stack([p, b, c], axis=1), np.stack([p, c, q], axis=1)]
        )
    below.append(_cap(np.concatenate(ends), level_m))
    return np.roll(np.concatenate(below), axis - 2, axis=2)


def _meet(a: FloatArray, b: FloatArray, level_m: float) -> FloatArray:
    """Where the edges from a to b (N, 3) cross the level."""
    share = (level_m - a[:, 2]) / (b[:, 2] - a[:, 2])
    point: FloatArray = a + share[:, None] * (b - a)
    return point


def _cap(segments: FloatArray, level_m: float) -> FloatArray:
    """Triangles (T, 3, 3) that fill the outline of segments (N, 2, 2) at a level."""
    lines = shapely.linestrings(np.round(segments, 6))
    outline = shapely.build_area(shapely.unary_union(lines[shapely.length(lines) > 0.0]))
    faces = shapely.orient_polygons(shapely.get_parts(shapely.constrained_delaunay_triangles(outline)))
    flat = shapely.get_coordinates(shapely.get_exterior_ring(faces)).reshape(-1, 4, 2)[:, :3]
    return np.concatenate([flat, np.full((*flat.shape[:2], 1), level_m)], axis=2)


# --- what else is there ----------------------------------------------------------------------------------------------


def prism(footprint: FloatArray, low_m: float, high_m: float) -> FloatArray:
    """Triangles (T, 3, 3) of an upright body over a convex counter-clockwise footprint (K, 2)."""
    count = len(footprint)
    bottom = np.column_stack([footprint, np.full(count, low_m)])
    top = np.column_stack([footprint, np.full(count, high_m)])
    after = np.roll(np.arange(count), -1)
    sides = [np.stack([bottom, bottom[after], top[after]], axis=1), np.stack([bottom, top[after], top], axis=1)]
    fan = np.array([[0, k, k + 1] for k in range(1, count - 1)])
    return np.concatenate([*sides, top[fan], bottom[fan[:, ::-1]]])


def rectangle(centre: FloatArray, size_m: tuple[float, float], yaw_rad: float = 0.0) -> FloatArray:
    """Footprint (4, 2) of a rectangle turned about its centre."""
    half = 0.5 * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * size_m
    c, s = np.cos(yaw_rad), np.sin(yaw_rad)
    footprint: FloatArray = np.asarray(centre)[:2] + half @ np.array([[c, s], [-s, c]])
    return footprint


def disc(centre: FloatArray, radius_m: float, corners: int = 10) -> FloatArray:
    """Footprint (K, 2) of a round body."""
    angle = 2.0 * np.pi * np.arange(corners) / corners
    return np.asarray(centre)[:2] + radius_m * np.column_stack([np.cos(angle), np.sin(angle)])


def unmodelled(*parts: FloatArray) -> Site:
    """Bodies that are in no model."""
    corners = np.concatenate(parts) if parts else np.zeros((0, 3, 3))
    return Site(corners, np.full(len(corners), -1, dtype=np.int32))


def terrain(site: Site, ground_m: float, margin_m: float = TERRAIN_MARGIN_M) -> Site:
    """Level ground under and around the building."""
    low = site.corners[..., :2].min(axis=(0, 1)) - margin_m
    high = site.corners[..., :2].max(axis=(0, 1)) + margin_m
    z = ground_m - TERRAIN_BELOW_M
    a, b, c, d = ([x, y, z] for x, y in ((low[0], low[1]), (high[0], low[1]), (high[0], high[1]), (low[0], high[1])))
    return unmodelled(np.array([[a, b, c], [a, c, d]]))


def clutter(site: Site, ground_m: float, rng: np.random.Generator, count: int = 40) -> Site:
    """Pallets, people and scaffold tubes that stand on the floors."""
    places = floor_points(site, ground_m, rng, count)
    return unmodelled(*(_thing(rng, place) for place in places))


def _thing(rng: np.random.Generator, place: FloatArray) -> FloatArray:
    kind, low = rng.random(), float(place[2])
    if kind < 0.4:
        footprint, height_m = rectangle(place, (1.2, 0.8), float(rng.uniform(0, np.pi))), rng.uniform(0.15, 1.5)
    elif kind < 0.7:
        footprint, height_m = disc(place, float(rng.uniform(0.18, 0.28))), rng.uniform(1.6, 1.9)
    else:
        footprint, height_m = disc(place, 0.024, 8), rng.uniform(1.5, 4.0)
    return prism(footprint, low, low + float(height_m))


def floor_points(site: Site, ground_m: float, rng: np.random.Generator, count: int) -> FloatArray:
    """Places (count, 3) on what stands, and on the ground within its bounds, where a person can stand upright."""
    corners = (site + terrain(site, ground_m, margin_m=0.0)).corners
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = 0.5 * np.linalg.norm(cross, axis=1)
    is_floor = (cross[:, 2] > 1.98 * area) & (corners[..., 2].min(axis=1) > ground_m - 0.3)
    points = spread(corners[is_floor], area[is_floor], 20 * count, rng)[0]
    centre = site.centre
    up = np.broadcast_to([0.0, 0.0, 1.0], points.shape)
    headroom, _ = RayCaster(corners - centre).first_hit(points - centre + 0.02 * up, up)
    return points[headroom > HEADROOM_M][:count]


def spread(
    triangles: FloatArray, area: FloatArray, count: int, rng: np.random.Generator
) -> tuple[FloatArray, npt.NDArray[np.intp]]:
    """Points (count, 3) spread evenly over triangles, and the triangle of each."""
    of = rng.choice(len(triangles), count, p=area / area.sum())
    u, v = np.sqrt(rng.random((count, 1))), rng.random((count, 1))
    a, b, c = triangles[of].transpose(1, 0, 2)
    return (1 - u) * a + u * (1 - v) * b + u * v * c, of


def ground_level_m(building: Building) -> float:
    """The ground floor is the storey nearest to zero, by the drawing convention of ±0.000; the lowest point of a model
    that has no storeys or lies largely below it."""
    middle = building.mesh.corners[..., 2].mean(axis=1)
    ground = min((storey.elevation_m for storey in building.storeys), key=abs, default=np.inf)
    below = building.mesh.areas[middle < ground].sum() / building.mesh.areas.sum()
    return float(building.mesh.vertices[:, 2].min()) if below > BURIED_SHARE else ground


def place_stations(site: Site, ground_m: float, rng: np.random.Generator, count: int) -> FloatArray:
    """Up to a third of them (at most four) outside around, the others at eye height over the floors; (count, 3)."""
    outside = _around(site, ground_m)[: min(4, count // 3)]
    floors = floor_points(site, ground_m, rng, count - len(outside))
    return np.concatenate([outside, floors + np.array([0.0, 0.0, EYE_HEIGHT_M])])


def _around(site: Site, ground_m: float) -> FloatArray:
    low = site.corners[..., :2].min(axis=(0, 1)) - OUTSIDE_M
    high = site.corners[..., :2].max(axis=(0, 1)) + OUTSIDE_M
    z = ground_m + EYE_HEIGHT_M
    return np.array([[low[0], low[1], z], [high[0], low[1], z], [high[0], high[1], z], [low[0], high[1], z]])
