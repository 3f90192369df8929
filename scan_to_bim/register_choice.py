"""Which of several places is right, and whether the evidence is enough to say so.

Two places are compared by what only one of them explains: a table that stands where one half of a house has a bed is
worth more than a thousand points on the floors that both halves share. Each face of the model is one witness, however
many points it has. The right place explains nearly everything that any other explains and much that no other does;
where no place is right, each explains things by chance that the others do not.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from bim.frames import FloatArray, IntArray, transform
from scan_to_bim.register_facets import BoolArray, Facets
from scan_to_bim.register_planes import Planes, match
from scan_to_bim.survey import Survey, cube_cell

EXPLAINED_M = 0.03
"""As far from a planned face a point is explained by it: noise, building tolerance and a pose not yet refined."""
LEAST_FACETS = 3
"""A face that fewer facets speak for is chance."""
FACETS_PER_WITNESS = 4.0
LEAST_MARGIN = 2.5
"""Standard deviations between the best place and any other: 0.994 that it is not chance."""
LEAST_EXPLAINED = 0.15
"""A place that explains less of what was scanned, every plane of it counting by the root of its size, is none."""
LEAST_STANDING = 0.3
"""Nor is one where rays pass through more than the rest of the planned surfaces that they meet."""
LOOKED_THROUGH_M = 0.1
GRAZING = 0.2
LEVEL_STEP_M, LEVEL_STEPS, LEVEL_AGREES_M, LEVEL_COS = 0.01, 12, 0.008, 0.9
MOST_OF_A_LEVEL, LEAST_OF_A_LEVEL = 2.5, 0.5


@dataclass(frozen=True)
class Place:
    """A pose T (4, 4) from the facets' frame to the planes' frame, and what it explains.

    explained: (K,) bool; face: (K,) the face that explains each facet. share: of the scan's planes that are explained.
    standing: share of the planned surface that rays met and did not pass through, None where no scanner is known.
    """

    T: FloatArray
    explained: BoolArray
    face: IntArray
    share: float
    standing: float | None

    @property
    def credible(self) -> bool:
        return self.share >= LEAST_EXPLAINED and (self.standing is None or self.standing >= LEAST_STANDING)


def plane_weights(facets: Facets) -> FloatArray:
    """(K,) weights by which every plane of the scan counts by the root of its size: the ground must not outvote the
    walls. The facets are upright."""
    side = np.round(facets.normal * 6).astype(np.int64)
    offset = np.round(np.einsum("ij,ij->i", facets.xyz, facets.normal) / 0.1).astype(np.int64)
    _, plane, count = np.unique(np.column_stack([side, offset]), axis=0, return_inverse=True, return_counts=True)
    weight: FloatArray = 1.0 / np.sqrt(count[plane.reshape(-1)])
    return weight


def judge_place(
    planes: Planes, surface: Facets, facets: Facets, weight: FloatArray, survey: Survey, T: FloatArray
) -> Place:
    """What the pose explains of `facets` (K) with their weights (K,), and how much of `surface` stands."""
    triangle, _ = match(planes, facets, T, EXPLAINED_M)
    explained = triangle >= 0
    standing = None
    if len(survey.origins_m):
        met, passed = _met_and_passed(
            surface.xyz, surface.normal, T, survey.points, survey.origins_m, survey.size, survey.start, survey.cells
        )
        standing = met / max(met + passed, 1)
    return Place(
        T=T,
        explained=explained,
        face=np.where(explained, planes.face[triangle], 0),
        share=float(weight[explained].sum() / weight.sum()),
        standing=standing,
    )


def margin(best: Place, other: Place) -> float:
    """Standard deviations by which what only `best` explains outweighs what only `other` explains (a sign test)."""
    ours = _witnesses(best.face[best.explained & ~other.explained])
    theirs = _witnesses(other.face[other.explained & ~best.explained])
    return float((ours - theirs) / np.sqrt(ours + theirs + 1.0))


def level_modes(planes: Planes, facets: Facets, T: FloatArray) -> tuple[float, float]:
    """The height in metres by which the pose should move so that most levels agree, and how nearly another height does
    as well, 0 to 1.

    A level counts for little more when it is large: bare ground a little under a planned floor, or the one layer of a
    floor that is there, must not outvote the others.
    """
    steps = np.arange(-LEVEL_STEPS, LEVEL_STEPS + 1)
    count = np.array([_facets_by_level(planes, facets, T, LEVEL_STEP_M * step) for step in steps])
    # The tail of a level's noise is no second place for it.
    seen = (count >= LEAST_FACETS) & (count >= LEAST_OF_A_LEVEL * count.max(axis=0))
    score = np.minimum(np.where(seen, np.log1p(count / FACETS_PER_WITNESS), 0.0), MOST_OF_A_LEVEL).sum(axis=1)
    best = int(score.argmax())
    apart = np.abs(steps - steps[best]) > 1
    return float(LEVEL_STEP_M * steps[best]), float(score[apart].max() / max(score[best], 1e-9))


def _facets_by_level(planes: Planes, facets: Facets, T: FloatArray, up_m: float) -> npt.NDArray[np.intp]:
    """(F,) facets that lie on each level face when the pose is moved up."""
    moved = T.copy()
    moved[2, 3] += up_m
    triangle, _ = match(planes, facets, moved, LEVEL_AGREES_M)
    triangle = triangle[triangle >= 0]
    level = triangle[np.abs(planes.plane[triangle, 2]) > LEVEL_COS]
    return np.bincount(planes.face[level], minlength=len(planes.face_area_m2))


def confidence_of(least_margin: float) -> float:
    return 0.5 * math.erfc(-least_margin / math.sqrt(2.0))


def distinct(places: Sequence[Place], anchors: FloatArray, apart_m: float) -> list[Place]:
    """The places without those that put every anchor (A, 3) within `apart_m` of where an earlier one puts it."""
    kept: list[Place] = []
    for place in places:
        if all(displacement(place.T, other.T, anchors) > apart_m for other in kept):
            kept.append(place)
    return kept


def displacement(one: FloatArray, other: FloatArray, anchors: FloatArray) -> float:
    """The largest distance in metres between where two poses put the anchors (A, 3)."""
    return float(np.linalg.norm(transform(one, anchors) - transform(other, anchors), axis=1).max())


def _witnesses(face: IntArray) -> float:
    count = np.bincount(face)
    return float(np.log1p(count[count >= LEAST_FACETS] / FACETS_PER_WITNESS).sum())


@njit(cache=True)
def _met_and_passed(
    xyz: FloatArray,
    normal: FloatArray,
    T: FloatArray,
    points: npt.NDArray[np.float32],
    origins: FloatArray,
    size: IntArray,
    start: npt.NDArray[np.int64],
    cells: IntArray,
) -> tuple[int, int]:
    """How many surface samples some ray ended on, and how many of the others some ray went through."""
    met, passed = 0, 0
    inward = T[:3, :3].T.copy()
    for i in range(len(xyz)):
        p = inward @ (xyz[i] - T[:3, 3])
        n = inward @ normal[i]
        through = False
        for s in range(len(origins)):
            dx, dy, dz = p[0] - origins[s, 0], p[1] - origins[s, 1], p[2] - origins[s, 2]
            distance = np.sqrt(dx * dx + dy * dy + dz * dz)
            if abs(dx * n[0] + dy * n[1] + dz * n[2]) < GRAZING * distance:
                continue
            hit = cells[start[s] + cube_cell(dx, dy, dz, size[s])]
            if hit < 0:
                continue
            ex, ey, ez = points[hit, 0] - p[0], points[hit, 1] - p[1], points[hit, 2] - p[2]
            if abs(ex * n[0] + ey * n[1] + ez * n[2]) < EXPLAINED_M:
                met += 1
                through = False
                break
            through = through or ex * dx + ey * dy + ez * dz > LOOKED_THROUGH_M * distance
        passed += through
    return met, passed
