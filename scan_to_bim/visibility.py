"""What each scanner position saw of each surface sample.

The range images are read the other way round: not "which surface does this ray hit" but "which ray was sent at this
sample". The ray that meets the sample's plane nearest to the sample is taken, and only if it meets it within the
sample's own radius, so a ray beside an edge never speaks of the element. Comparing the plane and not the cell makes
the answer exact at any incidence and image resolution.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from bim.frames import FloatArray, IntArray, invert, transform
from scan_to_bim.surfaces import Surfaces
from scan_to_bim.survey import Float32Array, Survey, cube_cell

MIN_COS_INCIDENCE = 0.14
"""Beyond 82 degrees the beam is smeared along the surface."""
MAX_WINDOW = 4
MIN_RADIUS_M = 0.003
"""A sample that may be asked about less than this around it is not asked."""


@dataclass(frozen=True)
class Looks:
    """L rays that were sent at samples, ordered by sample.

    sample: (L,) int32. point: (L,) int32 into `Survey.points`. offset_m: (L,) float32, where the ray ended, along the
    sample's normal turned to the scanner: 0 on the planned surface, negative behind it. facing: (L,) float32, 1 where the
    normal points to the scanner, -1 where it points away. range_m: (L,) float32 from the scanner to the surface.
    empty: (N,) how many scanners sent rays at a sample and got none back.
    """

    sample: IntArray
    point: IntArray
    station: IntArray
    offset_m: Float32Array
    facing: Float32Array
    range_m: Float32Array
    empty: npt.NDArray[np.int32]


def look(surfaces: Surfaces, survey: Survey, T_site_scan: FloatArray) -> Looks:
    """Every ray that tells of a sample, at the given pose."""
    T_scan_site = invert(T_site_scan)
    xyz = transform(T_scan_site, surfaces.xyz + surfaces.centre_m) - survey.centre_m
    normal = surfaces.normal.astype(np.float64) @ T_scan_site[:3, :3].T
    reach = np.array([_reach(survey, s) for s in range(len(survey.origins_m))])
    capacity = len(xyz) * 2
    while True:
        out = (
            np.empty((capacity, 3), dtype=np.int32),
            np.empty((capacity, 3), dtype=np.float32),
            np.zeros(len(xyz), dtype=np.int32),
        )
        count = _look(
            xyz, normal, surfaces.radius_m, surfaces.one_sided, survey.points, survey.origins_m, survey.size,
            survey.start, survey.cells, survey.spacing_rad, reach, *out,
        )  # fmt: skip
        if count <= capacity:
            break
        capacity = count
    integers, floats = out[0][:count], out[1][:count]
    return Looks(*integers.T, *floats.T, out[2])


def _reach(survey: Survey, station: int) -> float:
    """The range within which this scanner gets returns."""
    points = survey.points[survey.station == station]
    if not len(points):
        return 0.0
    return float(np.linalg.norm(points - survey.origins_m[station], axis=1).max())


@njit(cache=True)
def _look(
    xyz, normal, radius, one_sided, points, origins, size, start, cells, spacing, reach, integers, floats, empty
):
    """Fill `integers` (sample, point, station) and `floats` (offset, facing, range); returns how many there are,
    which may be more than fit."""
    count = 0
    for i in range(xyz.shape[0]):
        if radius[i] < MIN_RADIUS_M:
            continue
        for s in range(origins.shape[0]):
            vx, vy, vz = xyz[i, 0] - origins[s, 0], xyz[i, 1] - origins[s, 1], xyz[i, 2] - origins[s, 2]
            distance = np.sqrt(vx * vx + vy * vy + vz * vz)
            if distance < 0.3 or distance > reach[s]:
                continue
            nx, ny, nz = normal[i, 0], normal[i, 1], normal[i, 2]
            plane = nx * vx + ny * vy + nz * vz
            cosine = -plane / distance
            if abs(cosine) < MIN_COS_INCIDENCE or (one_sided[i] and cosine < 0.0):
                continue
            half = 0.5 * size[s]
            cell = cube_cell(vx, vy, vz, size[s])
            face, row, column = cell // (size[s] * size[s]), cell // size[s] % size[s], cell % size[s]
            window = min(int(1.5 * half * radius[i] / distance) + 1, MAX_WINDOW)
            best, nearest, hits = -1, radius[i] * radius[i], 0
            for r in range(max(row - window, 0), min(row + window + 1, size[s])):
                for c in range(max(column - window, 0), min(column + window + 1, size[s])):
                    p = cells[start[s] + (face * size[s] + r) * size[s] + c]
                    if p < 0:
                        continue
                    hits += 1
                    dx, dy, dz = points[p, 0] - origins[s, 0], points[p, 1] - origins[s, 1], points[p, 2] - origins[s, 2]
                    along = nx * dx + ny * dy + nz * dz
                    if along * plane <= 0.0:
                        continue
                    t = plane / along
                    gx, gy, gz = t * dx - vx, t * dy - vy, t * dz - vz
                    gap = gx * gx + gy * gy + gz * gz
                    if gap < nearest:
                        best, nearest = p, gap
            if best < 0:
                if hits == 0 and abs(cosine) > 0.3 and distance < 0.75 * reach[s] and window / half > 1.5 * spacing[s]:
                    empty[i] += 1
                continue
            if count < integers.shape[0]:
                integers[count, 0], integers[count, 1], integers[count, 2] = i, best, s
                sign = 1.0 if cosine > 0.0 else -1.0
                dx, dy, dz = points[best, 0] - origins[s, 0], points[best, 1] - origins[s, 1], points[best, 2] - origins[s, 2]
                floats[count, 0] = sign * (nx * dx + ny * dy + nz * dz - plane)
                floats[count, 1] = sign
                floats[count, 2] = distance
            count += 1
    return count
