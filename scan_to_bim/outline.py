"""How far an element is shifted within the plane of its own faces, by where its outline was seen.

A wall that stands a few centimetres off along its own axis shows the same planes as one in its place. It shows in a
gap: along one edge rays pass where the surface should be, up to a line from where they end on it. Rays are counted by
their distance from the planned edges, those that passed and those that ended on the plane; the shift is the one that
most of them agree with, and it must be seen as a gap and as a surface that resumes behind it.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from numba import njit

from bim.frames import FloatArray
from bim.mesh import Mesh
from scan_to_bim.deviation import Shifts
from scan_to_bim.evidence import Findings
from scan_to_bim.result import Outcome
from scan_to_bim.surfaces import Surfaces
from scan_to_bim.survey import Survey, cube_cell
from scan_to_bim.visibility import Looks, Placed

REACH_M, STEP_M = 0.12, 0.004
BINS = round(2 * REACH_M / STEP_M)
ROW_M, MOST_ROWS = 0.02, 300
ON_M, THROUGH_M = 0.015, 0.025
LEAST_COS, MOST_RANGE_M = 0.35, 20.0
LEAST_LOOKS = 10
LEAST_SHIFT_M, MOST_SHIFT_M = 0.012, 0.1
LEAST_GAP, LEAST_SURE = 8.0, 0.85
"""Rays that passed the gap, and their share of all that met it."""
RESUMES_M, LEAST_RESUMED = 0.03, 0.6
PARALLEL, SAME_PLANE_M = 0.98, 0.01
FRONT_SHARE, DEEP_M = 0.15, 0.15
FLAT_Z = 0.5
LEAST_SIGMA_M = 0.003

IntArray = npt.NDArray[np.int64]


def with_outlines(
    findings: Findings, mesh: Mesh, surfaces: Surfaces, looks: Looks, at: Placed, survey: Survey
) -> Findings:
    """The findings with each element's shift completed by what its outline shows, in directions that no face fixes."""
    shifts = findings.shifts
    normal, shift = surfaces.normal[looks.sample], shifts.shift_m[surfaces.element[looks.sample]]
    off = looks.offset_m - looks.facing * np.einsum("ni,ni->n", normal, shift)
    present = (np.abs(off) < ON_M) & (findings.outcome[looks.sample] == Outcome.PRESENT)
    within_m, sigma_m = outline_shifts(mesh, surfaces, looks, present, shifts, at, survey)
    known = np.where(np.isfinite(shifts.sigma_m), shifts.sigma_m, 0.0)
    sigma_m = np.where(np.isfinite(sigma_m), np.hypot(sigma_m, known), shifts.sigma_m)
    return replace(findings, shifts=replace(shifts, shift_m=shifts.shift_m + within_m, sigma_m=sigma_m))


def outline_shifts(
    mesh: Mesh, surfaces: Surfaces, looks: Looks, present: npt.NDArray[np.bool_], shifts: Shifts, placed: Placed,
    survey: Survey,
) -> tuple[FloatArray, FloatArray]:  # fmt: skip
    """Shift (E, 3) of each element within its upright faces, zero where none shows, and its standard error (E,).

    `present` (L,): looks that ended on their element where it stands by `shifts`.
    """
    elements = len(shifts.shift_m)
    shift_m, sigma_m = np.zeros((elements, 3)), np.full(elements, np.inf)
    stamp, stamps = np.full(len(placed.points), -1, dtype=np.int64), 0
    for e, views in _views(surfaces, looks, present):
        corners = mesh.corners[mesh.of(e)] - surfaces.centre_m
        normals = mesh.normals[mesh.of(e)]
        rays: dict[tuple[float, ...], npt.NDArray[np.float64]] = {}
        for normal in views:
            shape, front, depth = _silhouette(corners, normals, normal)
            for across, along in _in_plane(normal):
                if across @ shifts.fixed[e] @ across > 0.5:
                    continue
                stamps += 1
                counted = rays.setdefault(tuple(np.round(across, 3)), np.zeros((2, BINS, 2)))
                _count_rays(
                    *_outline(shape, across, along), normal, across, along,
                    front + float(normal @ shifts.shift_m[e]), depth, placed.points, placed.origins, placed.R,
                    survey.size, survey.start, survey.cells, stamp, stamps, counted,
                )  # fmt: skip
        for direction, counted in rays.items():
            distance, sigma = best_gap(counted)
            if distance:
                shift_m[e] += distance * np.array(direction)
                sigma_m[e] = min(sigma_m[e], sigma)
    return shift_m, sigma_m


def _views(surfaces: Surfaces, looks: Looks, present: npt.NDArray[np.bool_]) -> Iterator[tuple[int, list[FloatArray]]]:
    """Elements, and the upright directions (3,) from which their faces were seen: a face of an open body may be seen
    from its back."""
    faces = len(surfaces.face_normal)
    owner = np.zeros(faces, dtype=np.int64)
    owner[surfaces.face] = surfaces.element
    side = 2 * surfaces.face[looks.sample[present]] + (looks.facing[present] < 0.0)
    seen = np.bincount(side, minlength=2 * faces)
    upright = np.repeat(np.abs(surfaces.face_normal[:, 2]) < FLAT_Z, 2)
    usable = np.flatnonzero((seen >= LEAST_LOOKS) & upright)
    for e in np.unique(owner[usable // 2]):
        sides = usable[owner[usable // 2] == e]
        views = [surfaces.face_normal[k // 2] * (1.0 - 2.0 * (k % 2)) for k in sides]
        distinct = {tuple(np.round(view, 2)): view for view in reversed(views)}
        yield int(e), list(distinct.values())


def _in_plane(normal: FloatArray) -> tuple[tuple[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]:
    """The level direction in a face and the upright one, each with the other; the same for both sides of a wall."""
    level = np.array([-normal[1], normal[0], 0.0])
    level *= np.sign(level[np.abs(level).argmax()]) / np.linalg.norm(level)
    upright = np.cross(normal, level)
    upright *= np.sign(upright[2])
    return (level, upright), (upright, level)


def _silhouette(corners: FloatArray, normals: FloatArray, normal: FloatArray) -> tuple[FloatArray, float, float]:
    """The triangles (T, 3, 3) that show from along `normal`, the offset of the front plane, and how far behind it the
    element ends; of a deep element the front plane alone counts."""
    parallel = np.flatnonzero(np.abs(normals @ normal) > PARALLEL)
    edges = corners[parallel, 1:] - corners[parallel, :1]
    area = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1)
    offset = corners[parallel, 0] @ normal
    weight = (np.abs(offset[:, None] - offset) < SAME_PLANE_M) @ area
    front = float(offset[weight > FRONT_SHARE * weight.max()].max())
    depth = front - float((corners @ normal).min())
    if depth > DEEP_M:
        return corners[parallel[np.abs(offset - front) < SAME_PLANE_M]], front, 0.0
    return corners[parallel[offset < front + SAME_PLANE_M]], front, depth


def _outline(flat: FloatArray, across: FloatArray, along: FloatArray) -> tuple[FloatArray, FloatArray, float, float]:
    """Where the face begins and ends across it, low and high (R,), NaN where it is not; the place of the first row
    along it and the rows' distance."""
    a, b = flat @ across, flat @ along
    first, last = float(b.min()), float(b.max())
    rows = int(np.clip((last - first) / ROW_M, 1, MOST_ROWS))
    step = (last - first) / rows
    at = first + (np.arange(rows) + 0.5) * step
    low, high = np.full(rows, np.inf), np.full(rows, -np.inf)
    for k in range(3):
        a0, a1, b0, b1 = a[:, k], a[:, k - 1], b[:, k], b[:, k - 1]
        crosses = (np.minimum(b0, b1)[:, None] <= at) & (at < np.maximum(b0, b1)[:, None])
        slope = np.divide(a1 - a0, b1 - b0, out=np.zeros_like(a0), where=b1 != b0)
        place = a0[:, None] + slope[:, None] * (at - b0[:, None])
        low = np.minimum(low, np.where(crosses, place, np.inf).min(axis=0))
        high = np.maximum(high, np.where(crosses, place, -np.inf).max(axis=0))
    there = high > low
    return np.where(there, low, np.nan), np.where(there, high, np.nan), first, step


@njit(cache=True)
def _count_rays(  # type: ignore[no-untyped-def]  # noqa: C901 - one pass over the rays near two edges
    low, high, first_row, row_step, normal, across, along, offset, depth, points, origins, R, size, start, cells,
    stamp, mark,
    counted,
):  # fmt: skip
    """Add to `counted` (2 edges, BINS, passed or ended) the rays near the edges, by how far inside they cross."""
    rows = len(low)
    for s in range(len(origins)):
        o = origins[s]
        above = o[0] * normal[0] + o[1] * normal[1] + o[2] * normal[2] - offset
        if above <= 0.0 or above > MOST_RANGE_M:
            continue
        n = size[s]
        foot_a = o[0] * across[0] + o[1] * across[1] + o[2] * across[2]
        foot_b = o[0] * along[0] + o[1] * along[1] + o[2] * along[2]
        row = 0.0
        while row < rows:
            r = int(row)
            b = first_row + (r + 0.5) * row_step
            reach = np.sqrt(above * above + (b - foot_b) ** 2)
            pitch = max(1.4 * reach / n, 0.006)
            row += max(1.0, pitch / row_step)
            if np.isnan(low[r]):
                continue
            for edge in range(2):
                middle = low[r] if edge == 0 else high[r]
                a = middle - REACH_M
                while a < middle + REACH_M:
                    px, py, pz = a - foot_a, b - foot_b, -above
                    a += pitch
                    distance = np.sqrt(px * px + py * py + pz * pz)
                    if above < LEAST_COS * distance or distance > MOST_RANGE_M:
                        continue
                    x = px * across[0] + py * along[0] + pz * normal[0]
                    y = px * across[1] + py * along[1] + pz * normal[1]
                    z = px * across[2] + py * along[2] + pz * normal[2]
                    cell = cube_cell(
                        R[0, 0] * x + R[1, 0] * y + R[2, 0] * z, R[0, 1] * x + R[1, 1] * y + R[2, 1] * z,
                        R[0, 2] * x + R[1, 2] * y + R[2, 2] * z, n,
                    )  # fmt: skip
                    p = cells[start[s] + cell]
                    if p < 0 or stamp[p] == mark:
                        continue
                    stamp[p] = mark
                    dx, dy, dz = points[p, 0] - o[0], points[p, 1] - o[1], points[p, 2] - o[2]
                    down = -(dx * normal[0] + dy * normal[1] + dz * normal[2])
                    if down <= 0.0 or down < above - ON_M:
                        continue
                    passed = down > above + depth + THROUGH_M
                    if not passed and down > above + depth + ON_M:
                        continue
                    t = above / down
                    at_b = foot_b + t * (dx * along[0] + dy * along[1] + dz * along[2])
                    at_a = foot_a + t * (dx * across[0] + dy * across[1] + dz * across[2])
                    at = int((at_b - first_row) / row_step)
                    if at_b < first_row or at >= rows or np.isnan(low[at]):
                        continue
                    for side in range(2):
                        inside = at_a - low[at] if side == 0 else high[at] - at_a
                        k = int((inside + REACH_M) / STEP_M)
                        if inside > -REACH_M and k < BINS:
                            counted[side, k, 0 if passed else 1] += 1.0


def best_gap(counted: npt.NDArray[np.float64]) -> tuple[float, float]:
    """The shift in metres along the direction that was counted, 0 where none is sure, and its standard error.

    counted: (2, BINS, 2), rays that passed and that ended on the plane, by how far inside the lower and the upper edge.
    """
    best, sigma, found = 0.0, np.inf, 0.0
    for sign, (trailing, leading) in ((1.0, (0, 1)), (-1.0, (1, 0))):
        score = _score(counted[trailing], counted[leading])
        k = int(score.argmax())
        # Between the last ray that passed and the first that ended nothing is known: the edge is anywhere there.
        last = k + int(np.argmax(np.append(score[k:] < score[k] - max(2.0, 0.1 * score[k]), True)))
        shift = 0.5 * (k + 1 + last) * STEP_M
        if score[k] > found and LEAST_SHIFT_M < shift < MOST_SHIFT_M and _is_gap(counted[trailing], k + 1, last):
            best, found = sign * shift, float(score[k])
            sigma = max(LEAST_SIGMA_M, STEP_M * (last - k) / np.sqrt(12.0))
    return best, sigma


def _score(trailing: npt.NDArray[np.float64], leading: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """By shift, 1 to BINS / 2 steps: rays that it explains and no shift does not, less those that it contradicts."""
    half = BINS // 2
    gap = np.cumsum(trailing[half:, 0] - trailing[half:, 1])
    beyond = np.cumsum((0.5 * leading[:half, 1] - leading[:half, 0])[::-1])
    score: npt.NDArray[np.float64] = gap + np.minimum(beyond, 0.0)
    return score


def _is_gap(trailing: npt.NDArray[np.float64], steps: int, last: int) -> bool:
    """Whether rays passed along the edge and ended on the surface behind the gap."""
    half = BINS // 2
    passed, ended = trailing[half : half + steps].sum(axis=0)
    beyond_passed, beyond_ended = trailing[half + steps : half + last + round(RESUMES_M / STEP_M)].sum(axis=0)
    resumed = beyond_ended >= max(LEAST_RESUMED * (beyond_passed + beyond_ended), 4.0)
    return bool(passed >= LEAST_GAP and passed >= LEAST_SURE * (passed + ended) and resumed)
