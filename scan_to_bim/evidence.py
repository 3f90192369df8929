"""Per element: seen present, seen absent (looked through), occluded, never looked at.

A look that ends where another element's surface stands decides nothing about this one, unless that other element is
itself known to be absent; so evidence is weighed in rounds, each knowing what the one before it found.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from bim.frames import FloatArray, IntArray
from scan_to_bim.deviation import Shifts, fit_shifts
from scan_to_bim.register_planes import in_triangle
from scan_to_bim.result import Outcome
from scan_to_bim.surfaces import Surfaces
from scan_to_bim.visibility import Looks

BoolArray = npt.NDArray[np.bool_]

SAME_M = 0.015
"""Nearer than this, two surfaces cannot be told apart."""
NEAR_M = 0.02
"""Nearer to an element's surface, where it stands, a ray ended on it."""
NEIGHBOURS = 4
EXPLAINS_M = 0.12
"""How far from its place an element may stand and still explain a point."""
BESIDE_M = 0.005
GROUND_M, LEVEL_COS = 0.012, 0.95
ROUNDS = 3
ABSENT_SHARE = 0.15
"""An element of which no larger share of what was decided is present explains nothing in the next round."""


@dataclass(frozen=True)
class Findings:
    """What the scan says of every sample, and where every element stands.

    outcome: (N,) uint8 of `Outcome`. deviation_m: (N,) float32, as-built minus as-designed along the sample's normal,
    NaN where nothing was measured. shifts: of the E elements.
    """

    outcome: npt.NDArray[np.uint8]
    deviation_m: npt.NDArray[np.float32]
    shifts: Shifts


def weigh(surfaces: Surfaces, looks: Looks, elements: int, ground: FloatArray | None = None) -> Findings:
    """Weigh all looks at the samples of `elements` elements. `ground` (3,): a, b, c of z = a x + b y + c."""
    row = np.searchsorted(surfaces.element[looks.sample], np.arange(elements + 1)).astype(np.int64)
    offset = looks.offset_m * looks.facing
    face = surfaces.face[looks.sample]
    planes = surfaces.planes
    owner = planes.element
    triangle, distance = surfaces_near(
        looks.sample, looks.end, surfaces.element, planes.plane, planes.edge, owner, planes.corner, planes.shape,
        planes.cell_m, planes.first, planes.items,
    )  # fmt: skip
    on_ground = _on_ground(surfaces, looks, ground)
    absent, shift_m = np.zeros(elements, dtype=np.bool_), np.zeros((elements, 3))
    for _ in range(ROUNDS):
        explained = on_ground | _explained(triangle, distance, planes.plane, owner, absent, shift_m)
        weight = (~explained).astype(np.float32)
        shifts = fit_shifts(row, offset, looks.facing, face, weight, surfaces.face_normal)
        outcome, deviation_m = outcomes(surfaces, looks, shifts.shift_m, explained)
        present, absent_count = (np.bincount(surfaces.element, outcome == kind, elements) for kind in (PRESENT, ABSENT))
        absent = (absent_count > 0) & (present <= ABSENT_SHARE * (present + absent_count))
        shift_m = shifts.shift_m
    return Findings(outcome, deviation_m, shifts)


def _on_ground(surfaces: Surfaces, looks: Looks, ground: FloatArray | None) -> BoolArray:
    """(L,) whether a look at a level face ends on the ground."""
    if ground is None:
        return np.zeros(len(looks.sample), dtype=np.bool_)
    height_m = looks.end[:, 2] - looks.end[:, :2] @ ground[:2] - ground[2]
    level = np.abs(surfaces.normal[looks.sample, 2]) > LEVEL_COS
    return np.asarray(level & (np.abs(height_m) < GROUND_M))


@njit(cache=True)
def surfaces_near(sample, end, element, plane, edge, owner, corner, shape, cell, first, items):  # type: ignore[no-untyped-def]
    """Triangles (L, NEIGHBOURS) of other elements near the end of each look, nearest first, -1 where there are fewer,
    and the distances (L, NEIGHBOURS) from them along their normals."""
    triangle = np.full((len(sample), NEIGHBOURS), -1, dtype=np.int32)
    distance = np.full((len(sample), NEIGHBOURS), np.inf, dtype=np.float32)
    for i in range(len(sample)):
        x, y, z = end[i, 0], end[i, 1], end[i, 2]
        u, v, w = (x - corner[0]) / cell, (y - corner[1]) / cell, (z - corner[2]) / cell
        if u < 0.0 or v < 0.0 or w < 0.0 or u >= shape[0] or v >= shape[1] or w >= shape[2]:
            continue
        here = (int(u) * shape[1] + int(v)) * shape[2] + int(w)
        for k in range(first[here], first[here + 1]):
            t = items[k]
            if owner[t] == element[sample[i]]:
                continue
            away = plane[t, 0] * x + plane[t, 1] * y + plane[t, 2] * z + plane[t, 3]
            if abs(away) < EXPLAINS_M and in_triangle(edge[t], x, y, z, BESIDE_M):
                _insert(triangle[i], distance[i], t, away)
    return triangle, distance


@njit(cache=True, inline="always")
def _insert(triangles, distances, t, away):  # type: ignore[no-untyped-def]
    """Keep the nearest, in order."""
    for m in range(NEIGHBOURS):
        if abs(away) < abs(distances[m]):
            for k in range(NEIGHBOURS - 1, m, -1):
                triangles[k], distances[k] = triangles[k - 1], distances[k - 1]
            triangles[m], distances[m] = t, away
            return


@njit(cache=True)
def _explained(triangle, distance, plane, owner, absent, shift):  # type: ignore[no-untyped-def]
    """(L,) whether a look's end lies on another element's surface that may stand."""
    explained = np.zeros(len(triangle), dtype=np.bool_)
    for i in range(len(triangle)):
        for k in range(NEIGHBOURS):
            t = triangle[i, k]
            if t < 0:
                break
            o = owner[t]
            moved = plane[t, 0] * shift[o, 0] + plane[t, 1] * shift[o, 1] + plane[t, 2] * shift[o, 2]
            if not absent[o] and abs(distance[i, k] - moved) < SAME_M:
                explained[i] = True
                break
    return explained


def outcomes(
    surfaces: Surfaces, looks: Looks, shift_m: FloatArray, explained: BoolArray
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Outcome (N,) of each sample where its element stands, and its deviation (N,) along the normal, NaN for none."""
    outcome, deviation_m = _outcomes(
        looks.sample, looks.offset_m, looks.facing, surfaces.element, surfaces.normal, shift_m, explained
    )
    return outcome, deviation_m


@njit(cache=True)
def _outcomes(sample, offset, facing, element, normal, shift, explained):  # type: ignore[no-untyped-def]
    count = len(element)
    present = np.zeros(count, dtype=np.int32)
    absent = np.zeros(count, dtype=np.int32)
    occluded = np.zeros(count, dtype=np.int32)
    total = np.zeros(count)
    for i in range(len(sample)):
        s = sample[i]
        t = shift[element[s]]
        along = facing[i] * (normal[s, 0] * t[0] + normal[s, 1] * t[1] + normal[s, 2] * t[2])
        rest = offset[i] - along
        if rest < -NEAR_M:
            absent[s] += 1
        elif rest > NEAR_M:
            occluded[s] += 1
        elif not explained[i]:
            present[s] += 1
            total[s] += facing[i] * offset[i]
    outcome = np.full(count, NOT_COVERED, dtype=np.uint8)
    deviation = np.full(count, np.nan, dtype=np.float32)
    for s in range(count):
        if present[s] > 0 and present[s] >= absent[s]:
            outcome[s] = PRESENT
            deviation[s] = total[s] / present[s]
        elif absent[s] > 0:
            outcome[s] = ABSENT
        elif occluded[s] > 0:
            outcome[s] = OCCLUDED
    return outcome, deviation


NOT_COVERED = int(Outcome.NOT_COVERED)
OCCLUDED = int(Outcome.OCCLUDED)
ABSENT = int(Outcome.ABSENT)
PRESENT = int(Outcome.PRESENT)
"""As plain integers, which is what a compiled function can hold."""


@dataclass(frozen=True)
class Tally:
    """Counts for each of E elements: what its samples say, and where along the element.

    counts: (E, 4) int64 samples by `Outcome`. bins: (E, BINS, 2) int64 absent and present samples by their place along
    the element's axis, from its lower end. axis: (E,) 0, 1 or 2.
    """

    counts: npt.NDArray[np.int64]
    bins: npt.NDArray[np.int64]
    axis: IntArray


BINS = 64


def tally(surfaces: Surfaces, outcome: npt.NDArray[np.uint8], axis: IntArray) -> Tally:
    """Count the samples of each element. `axis` (E,): along which its progress is told."""
    elements = len(axis)
    along = surfaces.xyz[np.arange(len(surfaces.xyz)), axis[surfaces.element]]
    low, high = np.full(elements, np.inf), np.full(elements, -np.inf)
    np.minimum.at(low, surfaces.element, along)
    np.maximum.at(high, surfaces.element, along)
    extent = np.maximum(high - low, 1e-9)
    place = ((along - low[surfaces.element]) / extent[surfaces.element] * BINS).astype(np.int64).clip(0, BINS - 1)
    counts = np.bincount(surfaces.element * 4 + outcome, minlength=4 * elements).reshape(elements, 4)
    decided = outcome >= ABSENT
    key = ((surfaces.element[decided].astype(np.int64) * BINS) + place[decided]) * 2 + (outcome[decided] == PRESENT)
    return Tally(counts, np.bincount(key, minlength=2 * BINS * elements).reshape(elements, BINS, 2), axis)
