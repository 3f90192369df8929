"""What each scanner position saw of each surface sample.

The range images are read the other way round: not "which surface does this ray hit" but "which ray was sent at this
sample". Of the rays that meet the sample's plane on the element's own surface, the nearest to the sample is taken; a
ray beside an edge never speaks of the element. Comparing the plane and not the cell makes the answer exact at any
incidence and image resolution.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from bim.frames import FloatArray, IntArray, transform
from scan_to_bim.register_planes import in_triangle
from scan_to_bim.surfaces import Surfaces
from scan_to_bim.survey import Float32Array, Survey, cube_cell

MIN_COS_INCIDENCE = 0.14
"""Beyond 82 degrees the beam is smeared along the surface."""
MAX_WINDOW = 5
MIN_FREE_M = 0.003
"""A sample that another surface crosses nearer than this is not asked."""
LEAST_RANGE_M = 0.3
LOOKS_PER_SAMPLE = 6
"""Room that is made for looks at first; where there are more, the pass is repeated."""
SURE_RETURN_COS, SURE_RETURN_SHARE = 0.3, 0.75
"""A surface that faces the scanner at least so much, within this share of its reach, would have sent an echo."""


@dataclass(frozen=True)
class Looks:
    """L rays that were sent at samples, ordered by sample.

    sample: (L,) int32. point: (L,) int32 into `Survey.points`. station: (L,) int32. offset_m: (L,) float32, where the
    ray ended, along the sample's normal turned to the scanner: 0 on the planned surface, negative behind it. facing:
    (L,) float32, 1 where the normal points to the scanner, -1 where it points away. range_m: (L,) float32 from the
    scanner to the surface. end: (L, 3) float32, where the ray ended, in the frame of the samples. empty: (N,) how many
    scanners sent rays at a sample and got none back.
    """

    sample: IntArray
    point: IntArray
    station: IntArray
    offset_m: Float32Array
    facing: Float32Array
    range_m: Float32Array
    end: Float32Array
    empty: npt.NDArray[np.int32]


@dataclass(frozen=True)
class Placed:
    """A survey in the frame of the samples: points (M, 3) float32 and origins (S, 3) in metres, by T (4, 4), which
    takes the survey's frame to the samples'."""

    points: Float32Array
    origins: FloatArray
    T: FloatArray

    @property
    def R(self) -> FloatArray:  # noqa: N802 - the name of a rotation
        """(3, 3), turns directions of the scan into directions of the site."""
        return np.ascontiguousarray(self.T[:3, :3])


def placed(survey: Survey, T_site_scan: FloatArray, centre_m: FloatArray) -> Placed:
    """The survey at a pose, relative to `centre_m` (3,) of the site frame."""
    T = T_site_scan.copy()
    T[:3, 3] = transform(T_site_scan, survey.centre_m) - centre_m
    # In float32, for it is many points; relative to the centre that errs by micrometres.
    points = (survey.points @ T[:3, :3].T.astype(np.float32) + T[:3, 3].astype(np.float32)).astype(np.float32)
    return Placed(points, transform(T, survey.origins_m), T)


def look(surfaces: Surfaces, survey: Survey, at: Placed) -> Looks:
    """Every ray that tells of a sample."""
    reach = np.array([_reach(survey, s) for s in range(len(survey.origins_m))])
    capacity = LOOKS_PER_SAMPLE * len(surfaces.xyz)
    while True:
        integers = np.empty((capacity, 3), dtype=np.int32)
        floats = np.empty((capacity, 3), dtype=np.float32)
        empty = np.zeros(len(surfaces.xyz), dtype=np.int32)
        count = _look(
            surfaces.xyz, surfaces.normal, surfaces.radius_m, surfaces.free_m, surfaces.triangle, surfaces.edge,
            surfaces.one_sided, surfaces.hidden, at.points, at.origins, at.R, survey.size, survey.start, survey.cells,
            survey.spacing_rad, reach, integers, floats, empty,
        )  # fmt: skip
        if count <= capacity:
            sample, point, station = integers[:count].T
            offset_m, facing, range_m = floats[:count].T
            return Looks(sample, point, station, offset_m, facing, range_m, at.points[point], empty)
        capacity = count


def _reach(survey: Survey, station: int) -> float:
    """The range within which this scanner gets returns."""
    points = survey.points[survey.station == station]
    if not len(points):
        return 0.0
    return float(np.linalg.norm(points - survey.origins_m[station], axis=1).max())


@njit(cache=True)
def _look(  # type: ignore[no-untyped-def]  # noqa: C901 - one pass over the samples; split, it would cost its speed
    xyz, normal, radius, free, triangle, edge, one_sided, hidden, points, origins, R, size, start, cells, spacing,
    reach, integers, floats, empty,
):  # fmt: skip
    """Fill `integers` (sample, point, station) and `floats` (offset, facing, range); returns how many there are,
    which may be more than fit."""
    count = 0
    for i in range(xyz.shape[0]):
        if free[i] < MIN_FREE_M:
            continue
        x, y, z = xyz[i, 0], xyz[i, 1], xyz[i, 2]
        nx, ny, nz = normal[i, 0], normal[i, 1], normal[i, 2]
        for s in range(origins.shape[0]):
            vx, vy, vz = x - origins[s, 0], y - origins[s, 1], z - origins[s, 2]
            distance = np.sqrt(vx * vx + vy * vy + vz * vz)
            if distance < LEAST_RANGE_M or distance > reach[s]:
                continue
            plane = nx * vx + ny * vy + nz * vz
            cosine = -plane / distance
            behind = cosine < 0.0
            if abs(cosine) < MIN_COS_INCIDENCE or (one_sided[i] and behind) or hidden[i, 1 if behind else 0]:
                continue
            n, first = size[s], start[s]
            cell = cube_cell(
                R[0, 0] * vx + R[1, 0] * vy + R[2, 0] * vz,
                R[0, 1] * vx + R[1, 1] * vy + R[2, 1] * vz,
                R[0, 2] * vx + R[1, 2] * vy + R[2, 2] * vz,
                n,
            )
            face, row, column = cell // (n * n), cell // n % n, cell % n
            window = min(int(0.75 * n * free[i] / distance) + 1, MAX_WINDOW)
            best, nearest, hits = -1, free[i] * free[i], 0
            for r in range(max(row - window, 0), min(row + window + 1, n)):
                for c in range(max(column - window, 0), min(column + window + 1, n)):
                    p = cells[first + (face * n + r) * n + c]
                    if p < 0:
                        continue
                    hits += 1
                    dx, dy, dz = (
                        points[p, 0] - origins[s, 0],
                        points[p, 1] - origins[s, 1],
                        points[p, 2] - origins[s, 2],
                    )
                    along = nx * dx + ny * dy + nz * dz
                    if along * plane <= 0.0:
                        continue
                    t = plane / along
                    gx, gy, gz = t * dx - vx, t * dy - vy, t * dz - vz
                    gap = gx * gx + gy * gy + gz * gz
                    if gap < nearest and (
                        gap < radius[i] * radius[i] or in_triangle(edge[triangle[i]], x + gx, y + gy, z + gz, 0.0)
                    ):
                        best, nearest = p, gap
            if best < 0:
                sure = abs(cosine) > SURE_RETURN_COS and distance < SURE_RETURN_SHARE * reach[s]
                empty[i] += hits == 0 and sure and 2 * window > 1.5 * spacing[s] * n
                continue
            if count < integers.shape[0]:
                integers[count, 0], integers[count, 1], integers[count, 2] = i, best, s
                sign = -1.0 if behind else 1.0
                ax, ay, az = points[best, 0] - x, points[best, 1] - y, points[best, 2] - z
                floats[count, 0] = sign * (nx * ax + ny * ay + nz * az)
                floats[count, 1] = sign
                floats[count, 2] = distance
            count += 1
    return count
