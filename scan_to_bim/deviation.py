"""As-built minus as-designed per element: the shift that its visible faces agree on, with its standard error.

Each look gives one equation, n . t = offset. Where faces of several directions are seen the shift is fixed in all of
them; a direction that no visible face fixes stays zero. Displaced elements and neighbours that shine through make the
equations a mixture, so the shift is searched among the modes of the faces' offsets and refined by iteratively
reweighted least squares (Huber & Ronchetti 2009, ch. 7) with Tukey's biweight.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from bim.frames import FloatArray, IntArray

SEARCH_M = 0.12
"""Farther from its place than this an element is not found as itself."""
BIN_M = 0.004
BINS = 63
INLIER_M = 0.012
THROUGH_M = 0.02
TUKEY_M = 0.015
MAX_STARTS = 8
MIN_SUPPORT = 12.0
MIN_AGREE = 6.0
MIN_INFORMATION, MOST_INDEPENDENT = 4.0, 60.0
LEAST_LOOKS = 3
ACROSS = 0.7
FIXED_SHARE = 0.03
"""A direction is fixed when its share of the looks' information is at least this."""


@dataclass(frozen=True)
class Shifts:
    """shift_m: (E, 3) site frame, zero where not fixed. sigma_m: (E,) standard error along the worst fixed direction,
    without the registration's; infinite where nothing is fixed. support: (E,) looks that agree with the shift. fixed:
    (E, 3, 3) projectors on the directions that are fixed."""

    shift_m: FloatArray
    sigma_m: FloatArray
    support: FloatArray
    fixed: FloatArray


def fit_shifts(
    row: npt.NDArray[np.int64],
    offset: npt.NDArray[np.float32],
    facing: npt.NDArray[np.float32],
    face: IntArray,
    weight: npt.NDArray[np.float32],
    face_normal: FloatArray,
) -> Shifts:
    """Looks are ordered by element, those of element e at row[e]:row[e + 1]; `offset` (L,) metres along the face
    normal, `facing` (L,) -1 for a look from behind the face, `face` (L,), `weight` (L,) 0 for a look that decides
    nothing."""
    shift, sigma, support, fixed = _fit(row, offset, facing, face, weight, face_normal)
    return Shifts(shift, sigma, support, fixed)


@njit(cache=True)
def _score(first, last, offset, facing, face, weight, normals, t):  # type: ignore[no-untyped-def]
    """How many looks the shift explains, and how many it leaves looked through."""
    support, through = 0.0, 0.0
    for i in range(first, last):
        n = normals[face[i]]
        rest = offset[i] - (n[0] * t[0] + n[1] * t[1] + n[2] * t[2])
        if abs(rest) < INLIER_M:
            support += weight[i]
        elif facing[i] * rest < -THROUGH_M:
            through += weight[i]
    return support, through


@njit(cache=True)
def _refine(first, last, offset, face, weight, normals, t, width, rounds):  # type: ignore[no-untyped-def]
    """Reweighted least squares from `t`; returns the shift and the information matrix."""
    H = np.zeros((3, 3))
    for _ in range(rounds):
        H[:] = 0.0
        g = np.zeros(3)
        for i in range(first, last):
            n = normals[face[i]]
            rest = offset[i] - (n[0] * t[0] + n[1] * t[1] + n[2] * t[2])
            if abs(rest) >= width:
                continue
            u = 1.0 - (rest / width) ** 2
            w = weight[i] * u * u
            for a in range(3):
                g[a] += w * rest * n[a]
                for b in range(3):
                    H[a, b] += w * n[a] * n[b]
        values, vectors = np.linalg.eigh(H)
        step = np.zeros(3)
        total = values.sum()
        for k in range(3):
            if values[k] > max(FIXED_SHARE * total, MIN_INFORMATION):
                v = vectors[:, k]
                step += v * (v[0] * g[0] + v[1] * g[1] + v[2] * g[2]) / values[k]
        t = t + step
        if np.sqrt((step * step).sum()) < 1e-5:
            break
    return t, H


@njit(cache=True)
def _agreement(first, last, offset, face, weight, normals, t, v):  # type: ignore[no-untyped-def]
    """Looks at faces across `v` that agree with the shift, and those that end near the faces and do not."""
    agree, differ = 0.0, 0.0
    for i in range(first, last):
        n = normals[face[i]]
        if abs(n[0] * v[0] + n[1] * v[1] + n[2] * v[2]) < ACROSS:
            continue
        rest = abs(offset[i] - (n[0] * t[0] + n[1] * t[1] + n[2] * t[2]))
        if rest < INLIER_M:
            agree += weight[i]
        elif rest < SEARCH_M:
            differ += weight[i]
    return agree, differ


@njit(cache=True)
def _modes(first, last, offset, face, weight, normals):  # type: ignore[no-untyped-def]
    """The strongest offsets of the element's faces as shifts (K, 3), K <= MAX_STARTS."""
    low = face[first:last].min()
    high = face[first:last].max() + 1
    histogram = np.zeros((high - low, BINS))
    for i in range(first, last):
        b = int((offset[i] + SEARCH_M + BIN_M) / BIN_M)
        if 0 <= b < BINS:
            histogram[face[i] - low, b] += weight[i]
    starts = np.zeros((MAX_STARTS, 3))
    strength = np.zeros(MAX_STARTS)
    for f in range(high - low):
        for _ in range(2):
            best, peak = -1, MIN_SUPPORT / 2
            for b in range(1, BINS - 1):
                value = histogram[f, b - 1] + histogram[f, b] + histogram[f, b + 1]
                if value > peak:
                    best, peak = b, value
            if best < 0:
                break
            weakest = np.argmin(strength)
            if peak > strength[weakest]:
                strength[weakest] = peak
                starts[weakest] = normals[f + low] * (best * BIN_M - SEARCH_M - BIN_M / 2)
            histogram[f, max(best - 2, 0) : best + 3] = 0.0
    return starts[strength > 0.0]


@njit(cache=True)
def _fit(row, offset, facing, face, weight, normals):  # type: ignore[no-untyped-def]
    elements = len(row) - 1
    shift = np.zeros((elements, 3))
    sigma = np.full(elements, np.inf)
    support = np.zeros(elements)
    fixed = np.zeros((elements, 3, 3))
    for e in range(elements):
        first, last = row[e], row[e + 1]
        if last - first < LEAST_LOOKS:
            continue
        start = _best_start(first, last, offset, facing, face, weight, normals)
        t, H = _refine(first, last, offset, face, weight, normals, start, TUKEY_M, 8)
        support[e], _ = _score(first, last, offset, facing, face, weight, normals, t)
        fixed[e], spread = _fixed_directions(first, last, offset, face, weight, normals, t, H)
        if spread > 0.0:
            sigma[e] = np.sqrt(_variance(first, last, offset, face, weight, normals, t) * spread)
            shift[e] = fixed[e] @ t
    return shift, sigma, support, fixed


@njit(cache=True)
def _best_start(first, last, offset, facing, face, weight, normals):  # type: ignore[no-untyped-def]
    """The place of the element, or the mode of its faces' offsets that the looks clearly like better."""
    t, _ = _refine(first, last, offset, face, weight, normals, np.zeros(3), TUKEY_M, 6)
    support, through = _score(first, last, offset, facing, face, weight, normals, t)
    best, value = t, support - 0.5 * through
    bar = value + 0.15 * (support + through) + MIN_SUPPORT
    starts = _modes(first, last, offset, face, weight, normals)
    for k in range(len(starts)):
        for j in range(k, len(starts)):
            start = starts[k].copy()
            if j > k:
                dot = (starts[k] * starts[j]).sum()
                if dot * dot > 0.1 * (starts[k] ** 2).sum() * (starts[j] ** 2).sum():
                    continue
                start = starts[k] + starts[j]
            if np.sqrt((start * start).sum()) > SEARCH_M:
                continue
            t, _ = _refine(first, last, offset, face, weight, normals, start, TUKEY_M, 4)
            support, through = _score(first, last, offset, facing, face, weight, normals, t)
            if support > through and support - 0.5 * through > max(bar, value):
                best, value = t, support - 0.5 * through
    return best


@njit(cache=True)
def _fixed_directions(first, last, offset, face, weight, normals, t, H):  # type: ignore[no-untyped-def]
    """Projector on the directions that the looks fix, and the largest variance there in units of a look's own."""
    values, vectors = np.linalg.eigh(H)
    worst, projector = 0.0, np.zeros((3, 3))
    for k in range(3):
        agree, differ = _agreement(first, last, offset, face, weight, normals, t, vectors[:, k])
        if values[k] > max(FIXED_SHARE * values.sum(), MIN_INFORMATION) and agree > max(differ, MIN_AGREE):
            projector += np.outer(vectors[:, k], vectors[:, k])
            # Neighbouring looks share their errors: a face is worth no more than some tens of them.
            worst = max(worst, 1.0 / min(values[k], MOST_INDEPENDENT))
    return projector, worst


@njit(cache=True)
def _variance(first, last, offset, face, weight, normals, t):  # type: ignore[no-untyped-def]
    """Of a single look about the shift, in square metres; not below a square millimetre."""
    square, count = 0.0, 0.0
    for i in range(first, last):
        n = normals[face[i]]
        rest = offset[i] - (n[0] * t[0] + n[1] * t[1] + n[2] * t[2])
        if abs(rest) < TUKEY_M:
            square += weight[i] * rest * rest
            count += weight[i]
    return max(square / max(count, 1.0), 1e-6)
