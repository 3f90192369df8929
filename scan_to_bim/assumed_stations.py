"""Scanner positions that are assumed where the file gives none, so that free space can still speak.

The scanner stood where there is room over a floor and from where its points are seen. Such places are taken one by one,
each for the points that it adds, and the points are drawn into range images from there, nearer ones before farther
ones. A gap in what was scanned then looks like a hole, so verdicts that rest on this are less sure and say so.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.spatial import cKDTree

from bim.frames import FloatArray, IntArray, invert, transform
from bim.model import Building
from scan_to_bim.survey import UNKNOWN_STATION, Float32Array, Survey, cube_cell

EYE_M, GRID_M, ROOM_M = 1.6, 1.0, 0.45
MOST_PLACES, MOST_STATIONS, MOST_POINTS = 400, 12, 60_000
LEAST_GAIN = 0.02
COARSE, FINE = 48, 400
"""Cells an edge of an image: to choose places, and to look from them."""
SPLAT_M = 0.03
"""A point hides what is behind it this wide: points are kept two centimetres apart."""
BEHIND = 1.03
FREE_POINTS = 8


def with_assumed_stations(survey: Survey, building: Building, T_site_scan: FloatArray) -> Survey:
    """The survey itself where scanner positions are known, else one seen from assumed positions."""
    if len(survey.origins_m):
        return survey
    places = _places(survey, building, T_site_scan)
    if not len(places):
        return survey
    origins = places[_chosen(survey.points, places)]
    size = np.full(len(origins), FINE, dtype=np.int32)
    start = (np.arange(len(origins)) * 6 * FINE**2).astype(np.int64)
    cells = np.concatenate([_image(survey.points, origin, FINE) for origin in origins])
    station = np.full(len(survey.points), UNKNOWN_STATION, dtype=np.int32)
    for s in reversed(range(len(origins))):
        image = cells[start[s] : start[s] + 6 * FINE**2]
        station[image[image >= 0]] = s
    spacing = np.full(len(origins), 2.0 / FINE)
    return replace(survey, origins_m=origins, size=size, start=start, cells=cells, station=station, spacing_rad=spacing)


def _places(survey: Survey, building: Building, T_site_scan: FloatArray) -> FloatArray:
    """Places (P, 3) in the survey's frame at eye height over the storeys, with room around them, within the scan."""
    T_scan_site = invert(T_site_scan)
    points = survey.points.astype(np.float64)
    site = transform(T_site_scan, points + survey.centre_m)
    low, high = np.percentile(site, [1, 99], axis=0)
    levels = [s.elevation_m for s in building.storeys if low[2] - 0.5 < s.elevation_m < high[2] - EYE_M]
    grid = [np.arange(low[k] + ROOM_M, high[k], GRID_M) for k in (0, 1)]
    plan = np.array(np.meshgrid(*grid)).reshape(2, -1).T
    levels = levels or [float(low[2])]
    places = np.concatenate([np.column_stack([plan, np.full(len(plan), level + EYE_M)]) for level in levels])
    places = transform(T_scan_site, places) - survey.centre_m
    tree = cKDTree(points)
    roomy = np.array([len(near) <= FREE_POINTS for near in tree.query_ball_point(places, ROOM_M)], dtype=bool)
    places = places[roomy]
    kept: FloatArray = places[:: max(1, -(-len(places) // MOST_PLACES))]
    return kept


def _chosen(points: Float32Array, places: FloatArray) -> list[int]:
    """The places that together see most points, best first."""
    few = points[:: max(1, -(-len(points) // MOST_POINTS))]
    sees = np.zeros((len(places), len(few)), dtype=bool)
    for i, place in enumerate(places):
        image = _image(few, place, COARSE)
        sees[i, image[image >= 0]] = True
    left = np.ones(len(few), dtype=bool)
    chosen: list[int] = []
    while len(chosen) < MOST_STATIONS:
        gain = (sees & left).sum(axis=1)
        best = int(gain.argmax())
        if chosen and gain[best] < LEAST_GAIN * gain.sum() / max(len(places), 1) + LEAST_GAIN * sees[chosen[0]].sum():
            break
        chosen.append(best)
        left &= ~sees[best]
    return chosen


@njit(cache=True)
def _image(points: npt.NDArray[np.float32], origin: FloatArray, size: int) -> IntArray:
    """Cells (6 * size^2,) with the nearest point in each direction, -1 where there is none."""
    depth = np.full(6 * size * size, np.inf, dtype=np.float32)
    cells = np.full(6 * size * size, -1, dtype=np.int32)
    for i in range(len(points)):
        x, y, z = points[i, 0] - origin[0], points[i, 1] - origin[1], points[i, 2] - origin[2]
        distance = np.sqrt(x * x + y * y + z * z)
        if distance < 0.1:
            continue
        cell = cube_cell(x, y, z, size)
        half = min(int(0.5 * SPLAT_M / distance * 0.5 * size + 0.5), 8)
        face, row, column = cell // (size * size), cell // size % size, cell % size
        for r in range(max(row - half, 0), min(row + half + 1, size)):
            for c in range(max(column - half, 0), min(column + half + 1, size)):
                at = (face * size + r) * size + c
                depth[at] = min(depth[at], distance)
    for i in range(len(points)):
        x, y, z = points[i, 0] - origin[0], points[i, 1] - origin[1], points[i, 2] - origin[2]
        distance = np.sqrt(x * x + y * y + z * z)
        if distance < 0.1:
            continue
        cell = cube_cell(x, y, z, size)
        if distance <= BEHIND * depth[cell]:
            cells[cell] = i
    return cells
