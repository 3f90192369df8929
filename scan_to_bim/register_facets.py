"""The scan as facets: points with normals, spread evenly, for the search of a place.

A normal is the plane through a point's neighbours in its station's range image, turned toward the scanner. Where the
scanner's position is unknown the neighbours are the nearest points and the sign of the normal stays open.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.spatial import cKDTree

from bim.frames import FloatArray, IntArray
from scan_to_bim.survey import UNKNOWN_STATION, Survey, cube_cell

BoolArray = npt.NDArray[np.bool_]

MOST_FACETS = 300_000
NEIGHBOUR_REACH_M = 0.1
FLAT_RMS_M = 0.012
"""Neighbours that lie farther off their plane than this, and 1 mm a metre of range, are an edge or clutter."""
LOOSE_NEIGHBOURS = 16


@dataclass(frozen=True)
class Facets:
    """K small flat pieces of what was scanned, in the scan frame relative to `Survey.centre_m`.

    xyz, normal: (K, 3) float64 metres and unit vectors. oriented: (K,) bool, the normal points to the scanner.
    """

    xyz: FloatArray
    normal: FloatArray
    oriented: BoolArray

    def take(self, rows: npt.NDArray[np.intp] | BoolArray) -> "Facets":
        return Facets(self.xyz[rows], self.normal[rows], self.oriented[rows])

    def __len__(self) -> int:
        return len(self.xyz)


def facets_of(survey: Survey) -> Facets:
    """Facets of at most `MOST_FACETS` points, taken at even steps through the survey."""
    rows = np.arange(0, len(survey.points), max(1, -(-len(survey.points) // MOST_FACETS)))
    seen = rows[survey.station[rows] != UNKNOWN_STATION]
    loose = rows[survey.station[rows] == UNKNOWN_STATION]
    normal, flat = _image_normals(
        seen, survey.points, survey.station, survey.origins_m, survey.size, survey.start, survey.cells
    )
    loose_normal, loose_flat = _loose_normals(survey.points[loose])
    kept = np.concatenate([seen[flat], loose[loose_flat]])
    return Facets(
        xyz=survey.points[kept].astype(np.float64),
        normal=np.concatenate([normal[flat], loose_normal[loose_flat]]),
        oriented=survey.station[kept] != UNKNOWN_STATION,
    )


def thin(facets: Facets, spacing_m: float) -> Facets:
    """One facet a voxel of edge `spacing_m` and a side that it faces."""
    cell = np.floor(facets.xyz / spacing_m).astype(np.int64) + (1 << 18)
    axis = np.abs(facets.normal).argmax(axis=1)
    side = 2 * axis + (np.take_along_axis(facets.normal, axis[:, None], axis=1)[:, 0] > 0)
    key = ((cell[:, 0] << 19 | cell[:, 1]) << 19 | cell[:, 2]) * 6 + side
    return facets.take(np.sort(np.unique(key, return_index=True)[1]))


def _loose_normals(points: npt.NDArray[np.float32]) -> tuple[FloatArray, BoolArray]:
    """Normals (N, 3) of unknown sign, and whether the neighbours are flat (N,)."""
    if len(points) < LOOSE_NEIGHBOURS:
        return np.zeros((len(points), 3)), np.zeros(len(points), dtype=bool)
    xyz = points.astype(np.float64)
    near = cKDTree(xyz).query(xyz, k=LOOSE_NEIGHBOURS)[1]
    centred = xyz[near] - xyz[near].mean(axis=1, keepdims=True)
    value, vector = np.linalg.eigh(np.einsum("nki,nkj->nij", centred, centred) / LOOSE_NEIGHBOURS)
    return vector[:, :, 0], (value[:, 0] < FLAT_RMS_M**2) & (value[:, 0] < 0.1 * value[:, 1])


@njit(cache=True)
def _smallest_axis(c: FloatArray) -> tuple[float, float, float, float, float]:
    """Unit eigenvector of the smallest eigenvalue of a symmetric (3, 3), that eigenvalue and the middle one.

    Closed form (Smith 1961, "Eigenvalues of a symmetric 3 x 3 matrix"): LAPACK would cost twenty times as much.
    """
    q = (c[0, 0] + c[1, 1] + c[2, 2]) / 3.0
    off = c[0, 1] ** 2 + c[0, 2] ** 2 + c[1, 2] ** 2
    p = np.sqrt(((c[0, 0] - q) ** 2 + (c[1, 1] - q) ** 2 + (c[2, 2] - q) ** 2 + 2.0 * off) / 6.0) + 1e-30
    a, b, d = (c[0, 0] - q) / p, (c[1, 1] - q) / p, (c[2, 2] - q) / p
    e, f, g = c[0, 1] / p, c[0, 2] / p, c[1, 2] / p
    half = 0.5 * (a * (b * d - g * g) - e * (e * d - g * f) + f * (e * g - b * f))
    angle = np.arccos(min(max(half, -1.0), 1.0)) / 3.0
    high, low = q + 2.0 * p * np.cos(angle), q + 2.0 * p * np.cos(angle + 2.0 * np.pi / 3.0)
    x0, y1, z2 = c[0, 0] - low, c[1, 1] - low, c[2, 2] - low
    best, bx, by, bz = 0.0, 0.0, 0.0, 1.0
    for k in range(3):
        if k == 0:
            x, y, z = c[0, 1] * c[1, 2] - c[0, 2] * y1, c[0, 2] * c[0, 1] - x0 * c[1, 2], x0 * y1 - c[0, 1] ** 2
        elif k == 1:
            x, y, z = c[0, 1] * z2 - c[0, 2] * c[1, 2], c[0, 2] ** 2 - x0 * z2, x0 * c[1, 2] - c[0, 1] * c[0, 2]
        else:
            x, y, z = y1 * z2 - c[1, 2] ** 2, c[1, 2] * c[0, 2] - c[0, 1] * z2, c[0, 1] * c[1, 2] - y1 * c[0, 2]
        square = x * x + y * y + z * z
        if square > best:
            best, bx, by, bz = square, x, y, z
    length = np.sqrt(best) if best > 0.0 else 1.0
    return bx / length, by / length, bz / length, low, 3.0 * q - high - low


@njit(cache=True)
def _image_normals(
    rows: npt.NDArray[np.intp],
    points: npt.NDArray[np.float32],
    station: IntArray,
    origins: FloatArray,
    size: IntArray,
    start: npt.NDArray[np.int64],
    cells: IntArray,
) -> tuple[FloatArray, BoolArray]:
    """Normals (N, 3) toward the scanner, and whether the neighbours in the image are flat (N,)."""
    normal = np.zeros((len(rows), 3))
    flat = np.zeros(len(rows), dtype=np.bool_)
    mean = np.zeros(3)
    moment = np.zeros((3, 3))
    for i in range(len(rows)):
        here = rows[i]
        s = station[here]
        n = size[s]
        dx, dy, dz = (
            points[here, 0] - origins[s, 0],
            points[here, 1] - origins[s, 1],
            points[here, 2] - origins[s, 2],
        )
        distance = np.sqrt(dx * dx + dy * dy + dz * dz)
        cell = cube_cell(dx, dy, dz, n)
        face, row, column = cell // (n * n), cell // n % n, cell % n
        # Near the scanner cells are small: a wider window, in steps, sees past the noise at the same cost.
        half = min(max(int(NEIGHBOUR_REACH_M / distance * 0.5 * n), 2), 9)
        step = max(1, half // 3)
        reach = 3.0 * max(half * distance * 2.0 / n, NEIGHBOUR_REACH_M)
        count = 0
        mean[:] = 0.0
        moment[:] = 0.0
        for r in range(max(row - half, 0), min(row + half, n - 1) + 1, step):
            for c in range(max(column - half, 0), min(column + half, n - 1) + 1, step):
                other = cells[start[s] + (face * n + r) * n + c]
                if other < 0:
                    continue
                x = points[other, 0] - points[here, 0]
                y = points[other, 1] - points[here, 1]
                z = points[other, 2] - points[here, 2]
                if x * x + y * y + z * z > reach * reach:
                    continue
                count += 1
                mean[0] += x
                mean[1] += y
                mean[2] += z
                moment[0, 0] += x * x
                moment[0, 1] += x * y
                moment[0, 2] += x * z
                moment[1, 1] += y * y
                moment[1, 2] += y * z
                moment[2, 2] += z * z
        if count < 6:
            continue
        for k in range(3):
            for m in range(k, 3):
                moment[k, m] = moment[k, m] / count - mean[k] * mean[m] / (count * count)
                moment[m, k] = moment[k, m]
        x, y, z, low, middle = _smallest_axis(moment)
        allowed = FLAT_RMS_M + 0.001 * distance
        flat[i] = low < allowed * allowed and low < 0.1 * middle
        sign = -1.0 if x * dx + y * dy + z * dz > 0.0 else 1.0
        normal[i, 0], normal[i, 1], normal[i, 2] = sign * x, sign * y, sign * z
    return normal, flat
