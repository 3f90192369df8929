"""A terrestrial lidar on a simulated site, and how much of every element its stations can decide.

    scan  = simulate_scan(site, stations, scanner, rng)
    share = visible_share(building, truths, site, stations, scanner, rng)

All coordinates are metres in the site frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from bim.frames import FloatArray, IntArray
from bim.model import Building
from bim.rays import RayCaster
from scan_to_bim.simulated_site import Site, Truth, spread

SAMPLES_PER_M2, MIN_SAMPLES, MAX_SAMPLES = 30.0, 80, 600
EXPLAINED_M = 0.02
"""Closer than this to another element's surface, what is seen could be that element."""
ON_SURFACE_M = 0.01
GRAZING_COS = 0.1


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


# --- what a scanner makes of it --------------------------------------------------------------------------------------


def simulate_scan(
    site: Site, stations: FloatArray, scanner: SimulatedScanner, rng: np.random.Generator
) -> SimulatedScan:
    """Every station's echoes, in the site frame. stations: (S, 3)."""
    centre = site.centre
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
    centre = site.centre
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
        points, of = spread(mesh.corners[rows], area, count, rng)
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
