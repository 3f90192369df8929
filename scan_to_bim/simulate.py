"""A building site to be scanned without going there: what stands, what else lies around, and a terrestrial lidar.

    truth    = part_build(building, rng)             what stands, what is displaced, half built or absent
    site     = stand(building, truth) + clutter      triangles that know their element, -1 for what is in no model
    stations = place_stations(...)                   inside on the floors and outside around
    scan     = simulate_scan(site, stations, scanner, rng)
    share    = visible_share(building, truth, site, stations, scanner, rng)

The truth is known to the last digit, so that registration, evidence, verdicts and their confidence can be measured.
All coordinates are metres in the site frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from numba import njit

from bim.frames import FloatArray, IntArray
from bim.model import Building
from bim.verdict import State, Vector
from scan_to_bim.rays import RayCaster

MISSING_SHARE = 0.06
"""Elements that stand before their turn or are missing after it."""
SHIFT_M = (0.02, 0.09)
PART = (0.4, 0.75)
"""Of its height, a wall that is under way."""
EYE_HEIGHT_M = 1.6
HEADROOM_M = 1.8
OUTSIDE_M = 8.0
TERRAIN_MARGIN_M = 30.0
TERRAIN_BELOW_M = 0.02
"""The ground lies just under the ground floor."""
BURIED_SHARE = 0.4
SAMPLES_PER_M2, MIN_SAMPLES, MAX_SAMPLES = 30.0, 80, 600
EXPLAINED_M = 0.02
"""Closer than this to another element's surface, what is seen could be that element."""
ON_SURFACE_M = 0.01
GRAZING_COS = 0.1


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


@dataclass(frozen=True)
class SimulatedScanner:
    """A terrestrial lidar on a tripod; the standard deviation of a range grows with range and with incidence."""

    step_rad: float = 0.007
    lowest_rad: float = -1.082
    range_noise_m: float = 0.003
    noise_per_m: float = 0.017
    noise_at_grazing: float = 0.6
    max_range_m: float = 40.0
    jitter: float = 0.13
    """Of a pulse's direction, in steps."""
    divergence_rad: float = 0.0005
    echo_width_m: float = 1.5
    """Two surfaces in one beam that are nearer than this come back as one mixed pixel."""
    lost_share: float = 0.02
    lost_below_cos: float = 0.19
    """Echoes get lost when the surface is steeper to the beam than this."""
    lost_at_max_range: float = 0.05
    early_share: float = 0.003
    early_m: float = 0.5
    """Dust and rain: a few echoes come from up to so far before the surface."""


@dataclass(frozen=True)
class SimulatedScan:
    """xyz: (N, 3) float64. station: (N,) int32 from 1. element: (N,) int32, -1 for what is in no model."""

    xyz: FloatArray
    station: IntArray
    element: IntArray


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


FLAT_CLASSES = ("IfcSlab", "IfcRoof", "IfcCovering", "IfcFooting")


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
    points = _spread(corners[is_floor], area[is_floor], 20 * count, rng)[0]
    centre = _centre(site)
    up = np.broadcast_to([0.0, 0.0, 1.0], points.shape)
    headroom, _ = RayCaster(corners - centre).first_hit(points - centre + 0.02 * up, up)
    return points[headroom > HEADROOM_M][:count]


def _centre(site: Site) -> FloatArray:
    centre: FloatArray = 0.5 * (site.corners.min(axis=(0, 1)) + site.corners.max(axis=(0, 1)))
    return centre


def _spread(
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


# --- what a scanner makes of it --------------------------------------------------------------------------------------


def simulate_scan(
    site: Site, stations: FloatArray, scanner: SimulatedScanner, rng: np.random.Generator
) -> SimulatedScan:
    """Every station's echoes, in the site frame. stations: (S, 3)."""
    centre = _centre(site)
    caster, normals = RayCaster(site.corners - centre), _unit_normals(site.corners)
    parts = [_scan_from(caster, normals, station - centre, scanner, rng) for station in np.asarray(stations)]
    return SimulatedScan(
        xyz=np.concatenate([xyz for xyz, _ in parts]) + centre,
        station=np.repeat(np.arange(1, len(parts) + 1, dtype=np.int32), [len(xyz) for xyz, _ in parts]),
        element=site.element[np.concatenate([triangle for _, triangle in parts])],
    )


def _unit_normals(corners: FloatArray) -> FloatArray:
    """(T, 3); zero for a degenerate triangle."""
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(cross, axis=1, keepdims=True)
    normals: FloatArray = cross / np.where(length > 0.0, length, 1.0)
    return normals


def _scan_from(
    caster: RayCaster, normals: FloatArray, origin: FloatArray, scanner: SimulatedScanner, rng: np.random.Generator
) -> tuple[FloatArray, IntArray]:
    """Points (N, 3) and the triangle (N,) that each came from, for one station."""
    pulses = _pulses(scanner, rng)
    distance, triangle = caster.first_hit(np.broadcast_to(origin, pulses.shape), pulses)
    echo = np.flatnonzero(distance < scanner.max_range_m)
    pulses, distance, triangle = pulses[echo], distance[echo], triangle[echo]
    cos = np.abs(np.einsum("ij,ij->i", pulses, normals[triangle]))
    kept = rng.random(len(echo)) < _kept_share(distance, cos, scanner)
    pulses, distance, triangle, cos = pulses[kept], distance[kept], triangle[kept], cos[kept]
    measured = _mixed(caster, origin, pulses, distance, triangle, scanner, rng)
    measured += rng.normal(size=len(measured)) * _range_sigma_m(distance, cos, scanner)
    early = rng.random(len(measured)) < scanner.early_share
    measured = np.maximum(measured - early * rng.uniform(0.0, scanner.early_m, len(measured)), 0.0)
    return origin + measured[:, None] * pulses, triangle


def _pulses(scanner: SimulatedScanner, rng: np.random.Generator) -> FloatArray:
    """Directions (N, 3) on a regular grid of angles, thinned toward the zenith so that they fill the sphere evenly."""
    elevation, azimuth = np.meshgrid(
        np.arange(scanner.lowest_rad, 0.5 * np.pi, scanner.step_rad),
        np.arange(0.0, 2.0 * np.pi, scanner.step_rad),
        indexing="ij",
    )
    fires = rng.random(elevation.shape) < np.cos(elevation)
    elevation, azimuth = elevation[fires], azimuth[fires]
    elevation = elevation + rng.normal(size=len(elevation)) * scanner.jitter * scanner.step_rad
    azimuth = azimuth + rng.normal(size=len(azimuth)) * scanner.jitter * scanner.step_rad
    level = np.cos(elevation)
    return np.column_stack([level * np.cos(azimuth), level * np.sin(azimuth), np.sin(elevation)])


def _kept_share(distance: FloatArray, cos: FloatArray, scanner: SimulatedScanner) -> FloatArray:
    """Probability (N,) that an echo is strong enough."""
    by_range = 1.0 - scanner.lost_at_max_range * distance / scanner.max_range_m
    share: FloatArray = (1.0 - scanner.lost_share) * np.minimum(cos / scanner.lost_below_cos, 1.0) * by_range
    return share


def _range_sigma_m(distance: FloatArray, cos: FloatArray, scanner: SimulatedScanner) -> FloatArray:
    by_range, by_incidence = 1.0 + scanner.noise_per_m * distance, 1.0 + scanner.noise_at_grazing * (1.0 - cos)
    return scanner.range_noise_m * by_range * by_incidence


def _mixed(
    caster: RayCaster,
    origin: FloatArray,
    pulses: FloatArray,
    distance: FloatArray,
    triangle: IntArray,
    scanner: SimulatedScanner,
    rng: np.random.Generator,
) -> FloatArray:
    """Ranges (N,): where the edge of the beam meets another surface, a weighted mean of both."""
    beside = pulses + rng.normal(size=pulses.shape) * scanner.divergence_rad
    other, behind = caster.first_hit(np.broadcast_to(origin, pulses.shape), beside)
    straddles = (behind != triangle) & (np.abs(other - distance) < scanner.echo_width_m)
    weight = np.where(straddles, rng.uniform(0.0, 0.5, len(distance)), 0.0)
    mixed: FloatArray = distance + weight * np.where(straddles, other - distance, 0.0)
    return mixed


# --- what could be known ---------------------------------------------------------------------------------------------


def visible_share(
    building: Building,
    truths: Sequence[Truth],
    site: Site,
    stations: FloatArray,
    scanner: SimulatedScanner,
    rng: np.random.Generator,
) -> FloatArray:
    """Share (E,) of each element's own surface that some station's echo decides.

    A point of the surface, where it stands or should stand, is decided when a beam that is not grazing reaches it and
    an echo within range comes back, from the point itself or from behind it, and no other standing surface is so near
    that the echo could be its own.
    """
    points, normals, element = _own_samples(building, truths, rng)
    centre = _centre(site)
    corners = site.corners - centre
    points = points - centre
    decided = np.zeros(len(points), dtype=bool)
    caster = RayCaster(corners)
    for station in np.asarray(stations) - centre:
        decided |= _decided(caster, station, points, normals, scanner)
    index = np.flatnonzero(decided)
    decided[index[_explained(points[index], element[index], corners, site.element)]] = False
    count = np.bincount(element, minlength=len(building.elements))
    share: FloatArray = np.bincount(element, weights=decided, minlength=len(count)) / np.maximum(count, 1)
    return share


def _own_samples(
    building: Building, truths: Sequence[Truth], rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Points, normals and element of samples spread over every element's designed surface, shifted as it stands."""
    mesh = building.mesh
    parts = []
    for i, truth in enumerate(truths):
        rows, area = mesh.of(i), mesh.areas[mesh.of(i)]
        if area.sum() == 0.0:
            continue
        count = int(np.clip(SAMPLES_PER_M2 * area.sum(), MIN_SAMPLES, MAX_SAMPLES))
        points, of = _spread(mesh.corners[rows], area, count, rng)
        parts.append((points + np.array(truth.shift_m), mesh.normals[rows][of], np.full(count, i, dtype=np.int32)))
    points, normals, element = (np.concatenate(part) for part in zip(*parts, strict=True))
    return points, normals, element


def _decided(
    caster: RayCaster, station: FloatArray, points: FloatArray, normals: FloatArray, scanner: SimulatedScanner
) -> npt.NDArray[np.bool_]:
    beam = points - station
    reach = np.linalg.norm(beam, axis=1)
    beam = beam / np.maximum(reach, 1e-9)[:, None]
    distance, _ = caster.first_hit(np.broadcast_to(station, points.shape), beam)
    cos = np.abs(np.einsum("ij,ij->i", beam, normals))
    in_view = (cos > GRAZING_COS) & (beam[:, 2] > np.sin(scanner.lowest_rad))
    decided: npt.NDArray[np.bool_] = in_view & (distance > reach - ON_SURFACE_M) & (distance < scanner.max_range_m)
    return decided


def _explained(points: FloatArray, element: IntArray, corners: FloatArray, owner: IntArray) -> npt.NDArray[np.bool_]:
    """Whether another standing surface lies within EXPLAINED_M of each point."""
    low, high = corners.min(axis=1) - EXPLAINED_M, corners.max(axis=1) + EXPLAINED_M
    order = np.argsort(low[:, 0], kind="stable")
    widest = float((high[:, 0] - low[:, 0]).max(initial=0.0))
    return np.asarray(
        _any_near(points, element, corners[order], owner[order], low[order], high[order], widest, EXPLAINED_M**2)
    )


@njit(cache=True)
def _any_near(points, element, corners, owner, low, high, widest, limit):  # type: ignore[no-untyped-def]
    near = np.zeros(len(points), dtype=np.bool_)
    for i in range(len(points)):
        p = points[i]
        first = np.searchsorted(low[:, 0], p[0] - widest)
        for t in range(first, len(low)):
            if low[t, 0] > p[0]:
                break
            if high[t, 0] < p[0] or low[t, 1] > p[1] or high[t, 1] < p[1] or low[t, 2] > p[2] or high[t, 2] < p[2]:
                continue
            if owner[t] != element[i] and _squared_distance(p, corners[t]) < limit:
                near[i] = True
                break
    return near


@njit(cache=True)
def _squared_distance(p, triangle):  # type: ignore[no-untyped-def]
    """From a point to a triangle: inside its prism to the plane, else to the nearest edge."""
    normal = np.cross(triangle[1] - triangle[0], triangle[2] - triangle[0])
    area = np.dot(normal, normal)
    inside = area > 0.0
    nearest = np.inf
    for k in range(3):
        a, edge = triangle[k], triangle[(k + 1) % 3] - triangle[k]
        if np.dot(np.cross(edge, p - a), normal) < 0.0:
            inside = False
        length = np.dot(edge, edge)
        along = 0.0 if length == 0.0 else min(max(np.dot(p - a, edge) / length, 0.0), 1.0)
        gap = p - a - along * edge
        nearest = min(nearest, np.dot(gap, gap))
    if inside:
        return np.dot(p - triangle[0], normal) ** 2 / area
    return nearest
