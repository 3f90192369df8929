"""From roughly right to a tenth of a millimetre, with an honest uncertainty: point to plane, robust twice over.

Single points are weighted down by how far they lie from their plane (clutter, mixed pixels). Whole faces are weighted
down by how far their mean lies from the rest (displaced elements, layers that no model shows), and no face counts for
more than the scatter between faces allows: a wall hit a million times still stands only where its builder put it.
This is a random-effects model (DerSimonian and Laird 1986) with Tukey's biweight on points and on faces.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from bim.frames import FloatArray, IntArray, rigid
from scan_to_bim.register_facets import Facets
from scan_to_bim.register_planes import Planes, match

TUKEY = 4.685
"""Biweight cut in standard deviations, 95 % efficient for normal errors."""
NORMAL_MAD = 1.4826
WIDEST_M, NARROWEST_M = 0.06, 0.012
NARROWING = 0.6
LEAST_SCATTER_M = 2e-4
"""Faces agree no better than this, however many points they have: scanners have systematic errors too."""
PRIOR = np.array([0.1, 0.1, 0.1, 1.0, 1.0, 1.0]) ** -2.0
"""Information in 1/rad^2 and 1/m^2 that is assumed of the start, so that what no face fixes shows as 0.1 rad or 1 m."""
SMALL_FACE = 300.0
"""Facets below which a face is mostly its own edges, where beams are split and means are biased."""
FIRST_SCATTER_M = 0.02
"""Trust in the faces' agreement begins loose: a floor that a tilted start puts 7 mm off must not be cast out."""
MOST_STEPS, SMALLEST_STEP = 40, 1e-6
UPRIGHT_SIN = 0.1
PLUMB_STEPS = 4
OUT_OF_PLUMB = 16.0
"""Chi-squared of two angles from which uprights contradict the floors: by chance once in three thousand times."""


@dataclass(frozen=True)
class Fit:
    """T (4, 4) takes the facets' frame to the planes' frame. covariance: (6, 6) of a small rotation in radians and
    translation in metres about the pivot, in the planes' frame. rmse_m: of the facets that were used."""

    T: FloatArray
    covariance: FloatArray
    rmse_m: float
    matched: int


def settle(planes: Planes, facets: Facets, T: FloatArray, reaches_m: Sequence[float]) -> FloatArray:
    """T after one robust step for each reach, from the widest to the narrowest."""
    for reach in reaches_m:
        triangle, distance = match(planes, facets, T, reach)
        weight = np.where(triangle >= 0, _biweight(distance / reach), 0.0)
        T = _step(planes, facets, T, triangle, distance, weight, T[:3, 3], 1e-3 * weight.sum() * np.ones(6))[0]
    return T


def fit(
    planes: Planes,
    facets: Facets,
    T: FloatArray,
    pivot_m: FloatArray,
    width_m: float = WIDEST_M,
    doubt_m: float = FIRST_SCATTER_M,
) -> Fit:
    """The best T near a start that is right to a few centimetres. `pivot_m` (3,) is in the planes' frame.

    Points are matched within `width_m` at first, and faces are taken to scatter by `doubt_m` at first.
    """
    width, doubt = width_m, doubt_m
    for _ in range(MOST_STEPS):
        triangle, distance = match(planes, facets, T, width)
        weight, noise = _random_effects(planes, triangle, distance, width, doubt)
        T, covariance, step = _step(planes, facets, T, triangle, distance, weight, pivot_m, PRIOR)
        settled = doubt <= LEAST_SCATTER_M and width <= max(NARROWEST_M, TUKEY * noise) and step < SMALLEST_STEP
        width, doubt = max(NARROWEST_M, TUKEY * noise, NARROWING * width), max(LEAST_SCATTER_M, NARROWING * doubt)
        if settled:
            break
    used = weight > 0
    rmse = float(np.sqrt(np.mean(distance[used] ** 2))) if used.any() else float("inf")
    return Fit(T, covariance, rmse, int(used.sum()))


def plumbed(planes: Planes, facets: Facets, found: Fit, pivot_m: FloatArray) -> FloatArray | None:
    """T (4, 4) as plumb as walls and columns say, None where it is so already.

    Two slabs of one level, of which one is cast and the other still bare ground a little lower, lie on a tilted plane:
    a fit that believes it leans. Upright faces are many, and each says what plumb is.
    """
    T, covariance = _upright_step(planes, facets, found.T, pivot_m)
    turn = (T @ np.linalg.inv(found.T))[[2, 0], [1, 2]]  # radians about x and y
    if turn @ np.linalg.solve(covariance[:2, :2], turn) < OUT_OF_PLUMB:
        return None
    for _ in range(PLUMB_STEPS):
        T, _ = _upright_step(planes, facets, T, pivot_m)
    return T


def _upright_step(planes: Planes, facets: Facets, T: FloatArray, pivot_m: FloatArray) -> tuple[FloatArray, FloatArray]:
    """T (4, 4) after a step by upright faces alone, and its covariance (6, 6)."""
    triangle, distance = match(planes, facets, T, NARROWEST_M)
    weight, _ = _random_effects(planes, triangle, distance, NARROWEST_M, LEAST_SCATTER_M)
    upright = np.where(np.abs(planes.plane[triangle, 2]) < UPRIGHT_SIN, weight, 0.0)
    return _step(planes, facets, T, triangle, distance, upright, pivot_m, PRIOR)[:2]


def _random_effects(
    planes: Planes, triangle: IntArray, distance: FloatArray, width_m: float, doubt_m: float
) -> tuple[FloatArray, float]:
    """Weight (K,) of each facet in 1/m^2, and the noise of a single one in metres. Faces are taken to scatter by
    `doubt_m` at least."""
    rows = np.flatnonzero(triangle >= 0)
    weight = np.zeros(len(triangle))
    if len(rows) == 0:
        return weight, width_m
    off, face = distance[rows], planes.coplanar[triangle[rows]]
    point = _biweight(off / width_m)
    count = np.bincount(face, point, int(planes.coplanar.max()) + 1)
    mean = np.bincount(face, point * off, len(count)) / np.maximum(count, 1e-9)
    # Scatter and noise show on the faces that were seen best: those of few points are noise themselves.
    best = count >= max(3.0, min(200.0, float(np.partition(count, -20)[-20:].min()) if len(count) > 20 else 3.0))
    noise = NORMAL_MAD * float(np.median(np.abs(off - mean[face])[best[face]])) if best[face].any() else width_m
    scatter = max(doubt_m, NORMAL_MAD * float(np.median(np.abs(mean[best])))) if best.any() else width_m
    variance = scatter**2 * (1.0 + SMALL_FACE / np.maximum(count, 1e-9)) + noise**2 / np.maximum(count, 1e-9)
    share = _biweight(mean / (TUKEY * np.sqrt(variance))) / variance / np.maximum(count, 1e-9)
    weight[rows] = point * np.where(count > 3.0, share, 0.0)[face]
    return weight, noise


def _biweight(x: FloatArray) -> FloatArray:
    weight: FloatArray = np.maximum(1.0 - x * x, 0.0) ** 2
    return weight


def _step(
    planes: Planes,
    facets: Facets,
    T: FloatArray,
    triangle: IntArray,
    distance: FloatArray,
    weight: FloatArray,
    pivot: FloatArray,
    prior: npt.NDArray[np.float64],
) -> tuple[FloatArray, FloatArray, float]:
    """One Gauss-Newton step: the new T, the covariance (6, 6) about the pivot, and the size of the step."""
    information, gradient = _equations(facets.xyz, T, planes.plane, triangle, distance, weight, pivot)
    covariance = np.linalg.inv(information + np.diag(np.maximum(prior, 1e-9)))
    twist = -covariance @ gradient
    move = rigid(twist[:3], twist[3:])
    move[:3, 3] += pivot - move[:3, :3] @ pivot
    return move @ T, covariance, float(np.abs(twist).max())


@njit(cache=True)
def _equations(
    xyz: FloatArray,
    T: FloatArray,
    plane: FloatArray,
    triangle: IntArray,
    distance: FloatArray,
    weight: FloatArray,
    pivot: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    information = np.zeros((6, 6))
    gradient = np.zeros(6)
    J = np.zeros(6)
    for i in range(len(triangle)):
        if weight[i] <= 0.0:
            continue
        a, b, c = xyz[i, 0], xyz[i, 1], xyz[i, 2]
        x = T[0, 0] * a + T[0, 1] * b + T[0, 2] * c + T[0, 3] - pivot[0]
        y = T[1, 0] * a + T[1, 1] * b + T[1, 2] * c + T[1, 3] - pivot[1]
        z = T[2, 0] * a + T[2, 1] * b + T[2, 2] * c + T[2, 3] - pivot[2]
        t = triangle[i]
        J[3], J[4], J[5] = plane[t, 0], plane[t, 1], plane[t, 2]
        J[0], J[1], J[2] = y * J[5] - z * J[4], z * J[3] - x * J[5], x * J[4] - y * J[3]
        for k in range(6):
            gradient[k] += weight[i] * J[k] * distance[i]
            for m in range(k, 6):
                information[k, m] += weight[i] * J[k] * J[m]
    for k in range(6):
        for m in range(k):
            information[k, m] = information[m, k]
    return information, gradient
