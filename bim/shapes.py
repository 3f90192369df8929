"""What tells elements apart by their geometry: place, extents, area, volume and how the surface is spread."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bim.frames import FloatArray
from bim.mesh import Mesh
from bim.model import Building

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Shapes:
    """Of E elements, in the site frame. NaN for an element without triangles.

    centroid_m: (E, 3) of the surface. low_m, high_m: (E, 3) corners of the bounding box. spread_m: (E, 3) standard
    deviations of the surface along its principal axes, ascending: they do not change when an element turns.
    area_m2, volume_m3: (E,).
    """

    centroid_m: FloatArray
    low_m: FloatArray
    high_m: FloatArray
    spread_m: FloatArray
    area_m2: FloatArray
    volume_m3: FloatArray


def shapes(building: Building) -> Shapes:
    """The geometry of each element, in the order of `building.elements`."""
    mesh, count = building.mesh, len(building.elements)
    area = np.bincount(mesh.element, weights=mesh.areas, minlength=count).astype(np.float64)
    with np.errstate(invalid="ignore"):
        centroid = _sums(mesh, mesh.corners.mean(axis=1) * mesh.areas[:, None], count) / area[:, None]
    return Shapes(
        centroid,
        _bounds(mesh, count, np.minimum, np.inf),
        _bounds(mesh, count, np.maximum, -np.inf),
        _spread(mesh, centroid, area),
        area,
        np.array([element.volume_m3 for element in building.elements]),
    )


def place_apart_m(one: Shapes, i: Rows, other: Shapes, j: Rows) -> FloatArray:
    """(N,) largest difference in a coordinate of centroids and boxes between elements `i` and elements `j`."""
    corners = [(one.centroid_m, other.centroid_m), (one.low_m, other.low_m), (one.high_m, other.high_m)]
    apart: FloatArray = np.max([np.abs(a[i] - b[j]).max(axis=1) for a, b in corners], axis=0)
    return apart


def shape_apart(one: Shapes, i: Rows, other: Shapes, j: Rows) -> FloatArray:
    """(N,) largest relative difference in area, volume and spread; 0 for an element that only moved or turned."""
    measures = [(one.area_m2, other.area_m2), (one.volume_m3, other.volume_m3)]
    size = np.maximum(one.spread_m[i, 2], other.spread_m[j, 2])
    spread = np.abs(one.spread_m[i] - other.spread_m[j]).max(axis=1)
    relative = [_relative(np.abs(a[i] - b[j]), np.maximum(a[i], b[j])) for a, b in measures]
    apart: FloatArray = np.max([*relative, _relative(spread, size)], axis=0)
    return apart


def _relative(difference: FloatArray, size: FloatArray) -> FloatArray:
    return np.divide(difference, size, out=np.zeros_like(difference), where=size > 0.0)


def _sums(mesh: Mesh, values: FloatArray, count: int) -> FloatArray:
    """(E, K) sums of values (T, K) over each element's triangles."""
    return np.stack([np.bincount(mesh.element, weights=column, minlength=count) for column in values.T], axis=1)


def _bounds(mesh: Mesh, count: int, extreme: np.ufunc, start: float) -> FloatArray:
    bounds = np.full((count, 3), start)
    per_triangle = extreme.reduce(mesh.corners, axis=1)
    extreme.at(bounds, mesh.element, per_triangle)
    return np.where(np.isfinite(bounds), bounds, np.nan)


def _spread(mesh: Mesh, centroid: FloatArray, area: FloatArray) -> FloatArray:
    """Square roots of the eigenvalues of the surface's covariance, which triangles have in closed form."""
    corners = mesh.corners - centroid[mesh.element][:, None, :]
    total = corners.sum(axis=1)
    moment = np.einsum("tki,tkj->tij", corners, corners) + np.einsum("ti,tj->tij", total, total)
    moment = _sums(mesh, (moment * mesh.areas[:, None, None] / 12.0).reshape(-1, 9), len(area))
    with np.errstate(invalid="ignore"):
        covariance = (moment / area[:, None]).reshape(-1, 3, 3)
    known = np.isfinite(covariance).all(axis=(1, 2))
    spread = np.full((len(area), 3), np.nan)
    spread[known] = np.sqrt(np.maximum(np.linalg.eigvalsh(covariance[known]), 0.0))
    return spread
