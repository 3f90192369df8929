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
from scan_to_bim.result import Outcome
from scan_to_bim.surfaces import Surfaces
from scan_to_bim.visibility import Looks

BoolArray = npt.NDArray[np.bool_]

SAME_M = 0.015
"""Nearer than this, two surfaces cannot be told apart."""
NEAR_M = 0.02
"""Nearer to an element's surface, where it stands, a ray ended on it."""
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


def weigh(surfaces: Surfaces, looks: Looks, elements: int) -> Findings:
    """Weigh all looks at the samples of `elements` elements."""
    row = np.searchsorted(surfaces.element[looks.sample], np.arange(elements + 1)).astype(np.int64)
    offset = looks.offset_m * looks.facing
    face = surfaces.face[looks.sample]
    absent, shift_m = np.zeros(elements, dtype=np.bool_), np.zeros((elements, 3))
    for _ in range(ROUNDS):
        explained = explained_by_others(surfaces, looks, absent, shift_m)
        weight = (~explained).astype(np.float32)
        shifts = fit_shifts(row, offset, looks.facing, face, weight, surfaces.face_normal)
        outcome, deviation_m = outcomes(surfaces, looks, shifts.shift_m, explained)
        present, absent_count = (np.bincount(surfaces.element, outcome == kind, elements) for kind in (PRESENT, ABSENT))
        absent = (absent_count > 0) & (present <= ABSENT_SHARE * (present + absent_count))
        shift_m = shifts.shift_m
    return Findings(outcome, deviation_m, shifts)


def explained_by_others(surfaces: Surfaces, looks: Looks, absent: BoolArray, shift_m: FloatArray) -> BoolArray:
    """(L,) whether a look's end lies on another element's surface that may stand.

    `absent` (E,): known not to. `shift_m` (E, 3): how far from its place each element stands.
    """
    return np.asarray(
        _explained(
            looks.sample, looks.offset_m, looks.facing, surfaces.normal, surfaces.other_offset_m, surfaces.other,
            absent, shift_m,
        )
    )  # fmt: skip


@njit(cache=True)
def _explained(sample, offset, facing, normal, other_offset, other, absent, shift):  # type: ignore[no-untyped-def]
    explained = np.zeros(len(sample), dtype=np.bool_)
    for i in range(len(sample)):
        s = sample[i]
        for k in range(other.shape[1]):
            o = other[s, k]
            if o < 0 or absent[o]:
                continue
            t = shift[o]
            gap = other_offset[s, k] + normal[s, 0] * t[0] + normal[s, 1] * t[1] + normal[s, 2] * t[2]
            if abs(offset[i] - facing[i] * gap) < SAME_M:
                explained[i] = True
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
