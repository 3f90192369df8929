"""Per element: seen present, seen absent (looked through), occluded, never looked at.

A look that ends where another element's surface stands decides nothing about this one, unless that other element is
itself known to be absent; so evidence is weighed twice, the second time knowing what the first one found.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from bim.frames import FloatArray, IntArray
from scan_to_bim.deviation import Shifts
from scan_to_bim.result import Outcome
from scan_to_bim.surfaces import Surfaces
from scan_to_bim.visibility import Looks

BoolArray = npt.NDArray[np.bool_]

SAME_M = 0.015
"""Nearer than this, two surfaces cannot be told apart."""


def explained_by_others(surfaces: Surfaces, looks: Looks, absent: BoolArray) -> BoolArray:
    """(L,) whether a look's end lies on another element's surface that may stand. `absent` (E,): known not to."""
    return np.asarray(
        _explained(looks.sample, looks.offset_m, looks.facing, surfaces.other_offset_m, surfaces.other, absent)
    )


@njit(cache=True)
def _explained(sample, offset, facing, other_offset, other, absent):
    explained = np.zeros(len(sample), dtype=np.bool_)
    for i in range(len(sample)):
        for k in range(other.shape[1]):
            o = other[sample[i], k]
            if o >= 0 and not absent[o]:
                gap = facing[i] * other_offset[sample[i], k]
                if abs(offset[i] - gap) < SAME_M:
                    explained[i] = True
    return explained


def outcomes(
    surfaces: Surfaces, looks: Looks, shifts: Shifts, explained: BoolArray, near_m: float, through_m: float
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Outcome (N,) of each sample and its measured deviation (N,) along the normal, NaN where there is none."""
    outcome, deviation = _outcomes(
        looks.sample, looks.offset_m, looks.facing, surfaces.element, surfaces.normal.astype(np.float64),
        shifts.shift_m, explained, near_m, through_m,
    )  # fmt: skip
    return outcome, deviation


@njit(cache=True)
def _outcomes(sample, offset, facing, element, normal, shift, explained, near_m, through_m):
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
        if rest < -through_m:
            absent[s] += 1
        elif rest > near_m:
            occluded[s] += 1
        elif explained[i]:
            continue
        elif rest > -near_m:
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
