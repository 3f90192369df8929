"""Deviation maps: the faces of an element laid flat, blue where the built surface lies inward, red where outward."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from bim.frames import FloatArray
from scan_to_bim.report.render import Mask, Pixels, png
from scan_to_bim.report.words import Phrase
from scan_to_bim.result import Outcome, Report

MIN_MAPS, MAX_MAPS = 4, 12
"""Elements shown: all that are out of tolerance, and the worst of the others where those are few."""
MAX_FACES = 4
MIN_MEASURED = 20
_FACE_COSINE = 0.8
_MAX_PIXELS = 360
_STOPS = np.array([-1.0, -0.5, -0.3, 0.0, 0.3, 0.5, 1.0])
"""The jump between 0.3 and 0.5 is where the tolerance is: inside it colours stay pale."""
_COLOURS = np.array(
    [[8, 48, 140], [50, 105, 195], [170, 205, 238], [250, 250, 250], [250, 194, 170], [215, 76, 56], [140, 8, 30]]
)
_LOOKED_THROUGH, _UNMEASURED = (74, 79, 87), (214, 218, 223)


@dataclass(frozen=True)
class Face:
    """One side of an element laid flat: `png` covers width_m x height_m, seen from outside."""

    title: Phrase
    width_m: float
    height_m: float
    png: bytes


@dataclass(frozen=True)
class DeviationMap:
    """The faces of one element; the colour scale jumps at `tolerance_m` and ends at `limit_m`, on both sides."""

    element: int
    tolerance_m: float
    limit_m: float
    faces: tuple[Face, ...]


def deviation_maps(report: Report) -> list[DeviationMap]:
    """Maps of the elements with the largest measured deviations, those out of tolerance first."""
    maps = (_map(report, element) for element in _worst(report))
    return [item for item in maps if item.faces]


def colour(deviation_m: FloatArray, tolerance_m: float, limit_m: float) -> Pixels:
    """(N, 3) colours of signed deviations (N,) in metres; the tolerance falls on the jump of the scale."""
    size = np.abs(deviation_m)
    beyond = 0.5 + 0.5 * (size - tolerance_m) / max(limit_m - tolerance_m, 1e-9)
    place = np.sign(deviation_m) * np.clip(np.where(size <= tolerance_m, 0.3 * size / tolerance_m, beyond), 0.0, 1.0)
    mixed = [np.interp(place, _STOPS, _COLOURS[:, channel]) for channel in range(3)]
    return np.round(np.stack(mixed, axis=-1)).astype(np.uint8)


def _worst(report: Report) -> list[int]:
    measured = np.bincount(
        report.samples.element[np.isfinite(report.samples.deviation_m)], minlength=len(report.verdicts)
    )
    known = [
        (verdict.deviation.within_tolerance, -max(verdict.deviation.p95_m, _norm(verdict.deviation.translation_m)), i)
        for i, verdict in enumerate(report.verdicts)
        if verdict.deviation is not None and measured[i] >= MIN_MEASURED
    ]
    beyond = sum(not within for within, _, _ in known)
    return [i for _, _, i in sorted(known)[: min(max(beyond, MIN_MAPS), MAX_MAPS)]]


def _norm(vector: tuple[float, float, float]) -> float:
    return float(np.linalg.norm(vector))


def _map(report: Report, element: int) -> DeviationMap:
    samples = report.samples
    first, last = np.searchsorted(samples.element, [element, element + 1])
    rows = slice(int(first), int(last))
    deviation = samples.deviation_m[rows].astype(np.float64)
    largest = float(np.nanpercentile(np.abs(deviation), 98))
    tolerance_m = _tolerance_m(report, element)
    limit = float(np.ceil(max(2.0 * tolerance_m, largest) / 0.005) * 0.005)
    pixels = np.empty((len(deviation), 3), dtype=np.uint8)
    pixels[:] = _UNMEASURED
    pixels[samples.outcome[rows] == Outcome.ABSENT] = _LOOKED_THROUGH
    known = np.isfinite(deviation)
    pixels[known] = colour(deviation[known], tolerance_m, limit)
    normal = samples.normal[rows].astype(np.float64)
    spacing = float(np.sqrt(np.mean(samples.area_m2[rows])))
    faces = (
        _face(samples.xyz[rows][side], normal[side].mean(axis=0), pixels[side], spacing)
        for side in _sides(normal, samples.area_m2[rows])
        if known[side].sum() >= MIN_MEASURED
    )
    return DeviationMap(element, tolerance_m, limit, tuple(islice(faces, MAX_FACES)))


def _tolerance_m(report: Report, element: int) -> float:
    deviation, designed = report.verdicts[element].deviation, report.building.elements[element]
    allowance = report.tolerances.allowance(designed.ifc_class, designed.predefined_type)
    return allowance.governing(deviation.translation_m if deviation else (0.0, 0.0, 0.0)).limit_m


def _sides(normal: FloatArray, area: npt.NDArray[np.float32]) -> Iterator[Mask]:
    """Groups of samples that face one way, the largest first, as masks (N,)."""
    left = np.linalg.norm(normal, axis=1) > 0.5
    while left.any():
        directions, group = np.unique(np.round(normal[left], 1), axis=0, return_inverse=True)
        main = directions[np.argmax(np.bincount(group.reshape(-1), weights=area[left]))]
        side = left & (normal @ main > _FACE_COSINE * np.linalg.norm(main))
        yield side
        left &= ~side


def _face(xyz: FloatArray, normal: FloatArray, colours: Pixels, spacing_m: float) -> Face:
    """Samples laid flat as seen from outside: every pixel takes the colour of its nearest sample."""
    right, up = _axes(xyz, normal)
    flat = np.stack([xyz @ right, xyz @ up], axis=1)
    # Each sample stands for the surface around it, so the face reaches half a spacing beyond the outermost.
    low, size = flat.min(axis=0) - 0.5 * spacing_m, np.ptp(flat, axis=0) + spacing_m
    pixel = max(0.5 * spacing_m, float(size.max()) / _MAX_PIXELS)
    columns, rows = (int(n) for n in np.ceil(size / pixel))
    grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2) + 0.5
    distance, nearest = cKDTree(flat).query(grid * pixel + low, distance_upper_bound=2.0 * spacing_m)
    found = np.isfinite(distance)
    picture: Pixels = np.zeros((len(grid), 4), dtype=np.uint8)
    picture[found, :3], picture[found, 3] = colours[nearest[found]], 255
    upright: npt.NDArray[np.uint8] = picture.reshape(rows, columns, 4)[::-1]
    return Face(_facing(normal), columns * pixel, rows * pixel, png(np.ascontiguousarray(upright), colours=0))


def _axes(xyz: FloatArray, normal: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Right and up in the face: up is the site's up on a wall; right is the longer way on a floor."""
    n = normal / np.linalg.norm(normal)
    if abs(n[2]) < _FACE_COSINE:
        right = np.cross([0.0, 0.0, 1.0], n)
    else:
        _, vectors = np.linalg.eigh(np.cov(xyz[:, :2].T))
        right = np.array([*vectors[:, -1], 0.0])
        right -= (right @ n) * n
    right /= np.linalg.norm(right)
    return right, np.cross(n, right)


def _facing(normal: FloatArray) -> Phrase:
    n = normal / np.linalg.norm(normal)
    if abs(n[2]) >= _FACE_COSINE:
        return Phrase("top", "顶面") if n[2] > 0 else Phrase("underside", "底面")
    axes = [("+" if n[k] > 0 else "−") + name for k, name in enumerate("XY") if abs(n[k]) > 0.4]
    return Phrase("side facing {axes}", "朝向 {axes} 的一面").format(axes=" ".join(axes))
