"""Built faces as height maps: flatness under a straightedge, plumb with its standard error.

    points of a face ── surface_map ──► SurfaceMap ──┬─ straightedge(map, 2.0) ─► gaps, and what noise alone would show
                                                     ├─ plumb(map) ─────────────► lean of a wall's or column's face
                                                     └─ scan_to_bim.floor_numbers (F_F and F_L)

Scanner noise is not unflatness: cells average it, what remains is estimated from the map itself, and each result says
how much of it noise may have made. Errors common to a whole patch (two stations that disagree by millimetres, a bias
with the angle of incidence) do not average out and cannot be told from unflatness here.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.spatial import cKDTree

from bim.errors import BadScan
from bim.frames import FloatArray
from bim.quality.library import Assessment, Library, Quantity, assess
from scan_to_bim.result import Samples

CELL_M = 0.1
MIN_CELLS = 12
SPACING_POINTS = 2000
MAX_CELLS = 4_000_000
UPRIGHT, LEVEL = 0.2, 0.98
"""Vertical part of a unit normal: faces below the first are held against plumb, above the second against level."""
OUTLIER_SCALES, OUTLIER_M = 4.0, 0.005
"""Points nearer to their cell's mean than the second are none, as a cell may slope."""
SAME_PLANE_M = 0.01
NOISE_DRAWS = 5
MIN_PLUMB_ROWS, MIN_PLUMB_M = 6, 0.5


@dataclass(frozen=True)
class SurfaceMap:
    """A built face on a square grid, row 0 at the bottom, as seen from outside.

    height_m: (R, C) along `normal` above the reference plane, NaN where nothing was measured. sigma_m: (R, C) its
    standard error from noise. The plane goes through `origin_m`, the centre of cell (0, 0); it is plumb for upright
    faces, level for floors and ceilings, and fitted to others. right, up, normal: (3,) unit vectors, site frame.
    """

    origin_m: FloatArray
    right: FloatArray
    up: FloatArray
    normal: FloatArray
    cell_m: float
    height_m: FloatArray
    sigma_m: FloatArray

    @property
    def flatness_m(self) -> FloatArray:
        """(R, C) heights above the plane that fits the face best: unflatness, ready to draw."""
        known = np.isfinite(self.height_m)
        rows, columns = (np.asarray(axis, float) for axis in np.indices(known.shape))
        design = np.stack([np.ones(known.sum()), rows[known], columns[known]], axis=1)
        fit, *_ = np.linalg.lstsq(design, self.height_m[known], rcond=None)
        flat: FloatArray = self.height_m - (fit[0] + fit[1] * rows + fit[2] * columns)
        return flat

    @property
    def plumb_m(self) -> FloatArray:
        """(R, C) heights above a plumb (or level) plane through the face's lowest rows: lean, ready to draw."""
        base = self.height_m[:3]
        return self.height_m - (np.nanmean(base) if np.isfinite(base).any() else np.nanmean(self.height_m))


def built_faces(samples: Samples, element: int) -> Iterator[tuple[FloatArray, FloatArray]]:
    """The measured points (N, 3) of each plane face of an element, where the scan found them, and its normal (3,).

    Site frame, metres; the face with the most measured samples first.
    """
    first, last = np.searchsorted(samples.element, [element, element + 1])
    deviation = samples.deviation_m[first:last].astype(float)
    known = np.isfinite(deviation)
    normal, xyz = samples.normal[first:last][known].astype(float), samples.xyz[first:last][known]
    face = _planes(xyz, normal)
    built = xyz + normal * deviation[known, None]
    for each in np.argsort(-np.bincount(face), kind="stable"):
        yield built[face == each], normal[face == each].mean(axis=0)


def _planes(xyz: FloatArray, normal: FloatArray) -> npt.NDArray[np.int64]:
    """(N,) number of the plane of the model that each sample lies on."""
    _, way = np.unique(np.round(normal, 1), axis=0, return_inverse=True)
    way = way.reshape(-1)
    mean = np.stack([np.bincount(way, weights=axis) for axis in normal.T], axis=1)[way]
    offset = np.einsum("ni,ni->n", xyz, mean / np.linalg.norm(mean, axis=1, keepdims=True))
    order = np.lexsort((offset, way))
    new = (np.diff(way[order]) != 0) | (np.diff(offset[order]) > SAME_PLANE_M)
    face = np.empty(len(xyz), np.int64)
    face[order] = np.concatenate([[0], np.cumsum(new)])[: len(xyz)]
    return face


def surface_map(xyz: FloatArray, normal: FloatArray, cell_m: float | None = None) -> SurfaceMap:
    """The grid of a face from scattered points (N, 3) of it; `normal` (3,) points outward.

    Cells average their points, without those far off. Where no cell is given, it is the smallest multiple of `CELL_M`
    that is at least twice the points' spacing. Raises BadScan for fewer than `MIN_CELLS` cells with points.
    """
    if len(xyz) < MIN_CELLS:
        raise _too_few(len(xyz))
    cell_m = cell_m or _cell_m(xyz)
    normal = _reference(xyz, normal / np.linalg.norm(normal))
    right = _right(xyz, normal)
    up = np.cross(normal, right)
    centre = xyz.mean(axis=0)
    flat = np.stack([(xyz - centre) @ up, (xyz - centre) @ right], axis=1)
    low = flat.min(axis=0)
    place = np.floor((flat - low) / cell_m).astype(np.int64)
    rows, columns = (int(n) for n in place.max(axis=0) + 1)
    if rows * columns > MAX_CELLS:
        raise BadScan(f"a face of {rows} x {columns} cells", f"at most {MAX_CELLS}", "use larger cells")
    # Points lie anywhere in their cells: on a leaning face only heights above a plane of its own may be averaged.
    tilt, *_ = np.linalg.lstsq(flat, out := (xyz - centre) @ normal, rcond=None)
    height, count, scatter = _cells(place[:, 0] * columns + place[:, 1], out - flat @ tilt, rows * columns)
    if (count > 0).sum() < MIN_CELLS:
        raise _too_few(int((count > 0).sum()))
    height, count = height.reshape(rows, columns), count.reshape(rows, columns)
    per_point = max(scatter, _noise(height, count))
    with np.errstate(divide="ignore", invalid="ignore"):
        sigma = np.where(count > 0, per_point / np.sqrt(count), np.nan)
    first = low + cell_m / 2
    height += np.add.outer(tilt[0] * (first[0] + cell_m * np.arange(rows)), tilt[1] * cell_m * np.arange(columns))
    height += tilt[1] * first[1]
    return SurfaceMap(centre + first[0] * up + first[1] * right, right, up, normal, cell_m, height, sigma)


def _cell_m(xyz: FloatArray) -> float:
    some = xyz[:: max(len(xyz) // SPACING_POINTS, 1)]
    distance, _ = cKDTree(xyz).query(some, k=2)
    return CELL_M * max(math.ceil(2.0 * float(np.median(distance[:, 1])) / CELL_M - 1e-6), 1)


def _too_few(cells: int) -> BadScan:
    return BadScan(f"a face with points in {cells} cells", f"at least {MIN_CELLS}", "scan it more densely")


def _reference(xyz: FloatArray, normal: FloatArray) -> FloatArray:
    """Normal of the plane that heights are measured from."""
    if abs(normal[2]) < UPRIGHT:
        level = np.array([normal[0], normal[1], 0.0])
        return np.asarray(level / np.linalg.norm(level))
    if abs(normal[2]) > LEVEL:
        return np.array([0.0, 0.0, np.sign(normal[2])])
    _, _, axes = np.linalg.svd(xyz - xyz.mean(axis=0), full_matrices=False)
    fitted: FloatArray = axes[2] * np.sign(axes[2] @ normal)
    return fitted


def _right(xyz: FloatArray, normal: FloatArray) -> FloatArray:
    """Along the face as seen from outside: level on a wall, along the longer side of a floor."""
    if abs(normal[2]) < LEVEL:
        right = np.cross([0.0, 0.0, 1.0], normal)
    else:
        _, axes = np.linalg.eigh(np.cov(xyz[:, :2].T))
        right = np.array([*axes[:, -1], 0.0])
    along: FloatArray = right / np.linalg.norm(right)
    return along


def _cells(cell: npt.NDArray[np.int64], height: FloatArray, cells: int) -> tuple[FloatArray, FloatArray, float]:
    """Mean height (cells,) and count (cells,) without outliers, and the scatter of a point about its cell's mean."""
    _, count, rest = _means(cell, height, cells)
    several = count[cell] >= 3
    if several.any():
        scale = 1.4826 * float(np.median(np.abs(rest[several])))
        kept = np.abs(rest) <= max(OUTLIER_SCALES * scale, OUTLIER_M)
        cell, height = cell[kept], height[kept]
    mean, count, rest = _means(cell, height, cells)
    freedom = len(cell) - (count > 0).sum()
    return mean, count, float(np.sqrt((rest**2).sum() / freedom)) if freedom else 0.0


def _means(cell: npt.NDArray[np.int64], height: FloatArray, cells: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    count = np.bincount(cell, minlength=cells).astype(float)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(cell, weights=height, minlength=cells) / count
    return mean, count, height - mean[cell]


def _noise(height: FloatArray, count: FloatArray) -> float:
    """Standard error of one point from fourth differences of neighbouring cells, which smooth shapes hardly show.

    It sees what cells of one point hide, and errors that the points of a cell share.
    """
    weights = np.array([1.0, -4.0, 6.0, -4.0, 1.0])
    ratios = [np.zeros(0)]
    for h, n in ((height, count), (height.T, count.T)):
        if h.shape[1] >= len(weights):
            window = np.lib.stride_tricks.sliding_window_view(h, len(weights), axis=1) @ weights
            with np.errstate(divide="ignore"):
                spread = np.lib.stride_tricks.sliding_window_view(1.0 / n, len(weights), axis=1) @ weights**2
            known = np.isfinite(window)
            ratios.append(np.abs(window[known]) / np.sqrt(spread[known]))
    ratio = np.concatenate(ratios)
    return 1.4826 * float(np.median(ratio)) if len(ratio) else 0.0


# --- Flatness ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Straightedge:
    """Gaps under a straightedge laid everywhere along rows, columns and diagonals.

    gap_m: (R, C) the largest gap seen at each cell, NaN where nothing was measured. worst_m: the largest of all, noise
    included. noise_m: the largest that noise alone would show on a perfect plane. The true value lies between
    worst_m - noise_m and worst_m.
    """

    length_m: float
    gap_m: FloatArray
    worst_m: float
    noise_m: float

    @property
    def unflatness_m(self) -> tuple[float, float]:
        """Value and standard error of the largest gap; plus and minus two of these reach the bounds above."""
        return max(self.worst_m - self.noise_m / 2, 0.0), self.noise_m / 4


def straightedge(surface: SurfaceMap, length_m: float = 2.0) -> Straightedge:
    """Lay a straightedge of `length_m` on a face: it touches the highest points, the gap is measured below it."""
    gap = _gaps(surface.height_m, surface.cell_m, length_m)
    noise = max(float(np.nanmax(_gaps(each, surface.cell_m, length_m))) for each in _noise_alone(surface))
    worst = float(np.nanmax(gap))
    return Straightedge(length_m, gap, worst, min(noise, worst))


def _noise_alone(surface: SurfaceMap) -> Iterator[FloatArray]:
    """Perfect planes with the map's noise: drawn from its standard errors, and from what its cells differ by from
    their neighbourhood, strewn anew, which has the outliers that a normal distribution lacks."""
    rng = np.random.default_rng(0)  # the same map gives the same answer
    known, rest = np.isfinite(surface.height_m), _unlike_neighbours(surface.height_m)
    for _ in range(NOISE_DRAWS):
        yield rng.standard_normal(known.shape) * surface.sigma_m
        strewn = np.full(known.shape, np.nan)
        strewn[known] = rng.choice(rest, known.sum())
        yield strewn


def _unlike_neighbours(height: FloatArray) -> FloatArray:
    """(K,) differences of cells from the median of themselves and the eight around, where most of these are known."""
    around = np.lib.stride_tricks.sliding_window_view(np.pad(height, 1, constant_values=np.nan), (3, 3))
    inside = np.isfinite(height) & (np.isfinite(around).sum(axis=(2, 3)) > 4)
    rest: FloatArray = height[inside] - np.nanmedian(around[inside], axis=(1, 2))
    return rest if len(rest) else np.zeros(1)


def _gaps(height: FloatArray, cell_m: float, length_m: float) -> FloatArray:
    gap = np.where(np.isfinite(height), 0.0, np.nan)
    rows, columns = height.shape
    index = np.arange(height.size).reshape(rows, columns)
    straight, oblique = max(round(length_m / cell_m), 1), max(round(length_m / (cell_m * np.sqrt(2.0))), 1)
    flat, out = np.ascontiguousarray(height).ravel(), gap.reshape(-1)
    for line in (*index, *index.T):
        _slide(flat, line, straight, out)
    for grid in (index, index[:, ::-1]):
        for offset in range(-rows + 1, columns):
            _slide(flat, np.ascontiguousarray(grid.diagonal(offset)), oblique, out)
    return gap


@njit(cache=True)
def _slide(height: FloatArray, line: npt.NDArray[np.int64], steps: int, gap: FloatArray) -> None:
    """Raise `gap` to what a straightedge over `steps` cells shows below it, wherever it lies along the line."""
    hull = np.empty(steps + 1, dtype=np.int64)
    for start in range(max(len(line) - steps, 1)):
        end = min(start + steps + 1, len(line))
        size = 0
        for i in range(start, end):  # the upper hull of the window (Andrew's monotone chain)
            h = height[line[i]]
            if np.isnan(h):
                continue
            while size >= 2:
                a, b = hull[size - 2], hull[size - 1]
                ha, hb = height[line[a]], height[line[b]]
                if (hb - ha) * (i - a) > (h - ha) * (b - a):
                    break
                size -= 1
            hull[size] = i
            size += 1
        for k in range(size - 1):
            a, b = hull[k], hull[k + 1]
            ha, hb = height[line[a]], height[line[b]]
            for i in range(a + 1, b):
                below = ha + (hb - ha) * (i - a) / (b - a) - height[line[i]]
                if below > gap[line[i]]:
                    gap[line[i]] = below


def assess_flatness(surface: SurfaceMap, library: Library, ifc_class: str) -> tuple[Assessment, ...]:
    """A face against every length over which the library limits flatness of its class and that fits on the face."""
    longest = surface.cell_m * (max(surface.height_m.shape) - 1)
    found = []
    for length_m in library.straightedges_m(ifc_class):
        allowed = library.tolerance(Quantity.FLATNESS, ifc_class, length_m=length_m)
        if allowed and 2 * surface.cell_m <= length_m <= longest:
            found.append(assess(*straightedge(surface, length_m).unflatness_m, allowed))
    return tuple(found)


# --- Plumb ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plumb:
    """How far an upright face leans: over its measured height, the top moves by `lean_m` towards `normal`."""

    normal: FloatArray
    height_m: float
    lean_m: float
    sigma_m: float
    """Standard error of `lean_m`: noise, waviness, and the registration's where it was given."""


def plumb(surface: SurfaceMap, sigma_rad: float = 0.0) -> Plumb | None:
    """The lean of an upright face; `sigma_rad` is the registration's standard error of verticality.

    A line is fitted up each column with one slope for all. Its error counts what rows have in common, so that waves in
    the face do not pass for certainty. None where the face is not upright or too low to tell.
    """
    known = np.isfinite(surface.height_m)
    rows = np.flatnonzero(known.any(axis=1))
    if surface.normal[2] != 0.0 or len(rows) < MIN_PLUMB_ROWS:
        return None
    height_m = float(rows[-1] - rows[0]) * surface.cell_m
    z = np.where(known, surface.cell_m * np.arange(len(known))[:, None], np.nan)
    heights = surface.height_m
    columns = known.sum(axis=0) >= 2
    x = z[:, columns] - np.nanmean(z[:, columns], axis=0)
    y = heights[:, columns] - np.nanmean(heights[:, columns], axis=0)
    total = float(np.nansum(x * x))
    if height_m < MIN_PLUMB_M or total <= 0.0:
        return None
    slope = float(np.nansum(x * y)) / total
    scores = np.nansum(x * (y - slope * x), axis=1)
    clusters = len(rows) / (len(rows) - 2)
    waves = float((scores**2).sum()) * clusters / total**2
    noise = float(np.nansum((x * surface.sigma_m[:, columns]) ** 2)) / total**2
    sigma = np.sqrt(max(waves, noise) + sigma_rad**2)
    return Plumb(surface.normal, height_m, slope * height_m, float(sigma) * height_m)


def combined_plumb(faces: Sequence[Plumb]) -> tuple[float, float, float]:
    """Height, lean and its standard error, all in metres, of an element from its upright faces: one horizontal lean
    that fits them all, over the height of the highest. Raises BadScan for no faces."""
    if not faces:
        raise BadScan("no upright face", "at least one that could be measured", "scan the element from nearer")
    normals = np.array([face.normal[:2] for face in faces])
    slope = np.array([face.lean_m / face.height_m for face in faces])
    weight = np.array([(face.height_m / max(face.sigma_m, 1e-9)) ** 2 for face in faces])
    covariance = np.linalg.pinv(normals.T @ (weight[:, None] * normals), rcond=1e-6, hermitian=True)
    lean = covariance @ (normals.T @ (weight * slope))
    size = float(np.linalg.norm(lean))
    way = lean / size if size else normals[0]
    height_m = max(face.height_m for face in faces)
    return height_m, size * height_m, float(np.sqrt(way @ covariance @ way)) * height_m


def assess_plumb(faces: Sequence[Plumb], library: Library, ifc_class: str) -> Assessment | None:
    """An element's lean against what the library allows for its class and height; None where it allows nothing."""
    height_m, lean_m, sigma_m = combined_plumb(faces)
    allowed = library.tolerance(Quantity.PLUMB, ifc_class, height_m=height_m)
    return assess(lean_m, sigma_m, allowed) if allowed else None
