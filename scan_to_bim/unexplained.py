"""What was scanned and is in no model: scaffold, formwork, objects that stand about.

Facets that no standing element explains are freed of the ground, which is level and wide, and grouped by nearness. A
group is named by its shape: tubes are scaffold, upright sheets just before a planned face are formwork.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from bim.frames import FloatArray, IntArray, transform
from scan_to_bim.register_facets import BoolArray
from scan_to_bim.result import Unexplained
from scan_to_bim.surfaces import Surfaces
from scan_to_bim.survey import Survey

MOST_POINTS = 150_000
ON_SURFACE_M = 0.04
NEAR_SAMPLES = 4
CELL_M = 0.15
GROUND_CELL_M = 0.5
GROUND_STEP_M = 0.1
GROUND_M2 = 6.0
"""A level surface in no model that is larger than this is ground, not an object."""
LEAST_POINTS = 25
LEAST_EXTENT_M = 0.15
LISTED = 200
TUBE_M = 0.2
TALL_M = 1.2
LATTICE_FILL = 0.08
"""A scaffold's tubes fill a small share of the box around them."""
LATTICE_M = 3.0
UPRIGHT_Z = 0.3
FORMWORK_M = (0.02, 0.16)
"""How far before a planned face its formwork stands."""
FORMWORK_SHARE = 0.5
FORMWORK_EXTENT_M = 0.8


def unexplained(
    survey: Survey, T_site_scan: FloatArray, surfaces: Surfaces, stands: BoolArray
) -> tuple[Unexplained, ...]:
    """The groups, most points first. `stands` (E,): elements that are there, whole or in part."""
    step = max(1, -(-len(survey.points) // MOST_POINTS))
    xyz = transform(T_site_scan, survey.points[::step].astype(np.float64) + survey.centre_m) - surfaces.centre_m
    left = xyz[~_explained(xyz, surfaces, stands[surfaces.element])]
    left = left[~_ground(left)]
    group = _groups(left)
    faces = _upright_faces(surfaces)
    found = [
        _described(left[group == number], surfaces.centre_m, faces, step)
        for number, count in enumerate(np.bincount(group))
        if count >= LEAST_POINTS
    ]
    named = [each for each in found if each is not None]
    return tuple(sorted(named, key=lambda each: (-each.points, each.bbox_site_m))[:LISTED])


def _explained(xyz: FloatArray, surfaces: Surfaces, standing: BoolArray) -> BoolArray:
    """(N,) whether a point lies on a surface that stands."""
    if not standing.any():
        return np.zeros(len(xyz), dtype=bool)
    anchors = surfaces.xyz[standing]
    normals = surfaces.normal[standing].astype(np.float64)
    reach = 0.05 + 1.2 * np.sqrt(surfaces.area_m2[standing].astype(np.float64))
    distance, nearest = cKDTree(anchors).query(xyz, k=NEAR_SAMPLES, distance_upper_bound=float(reach.max()))
    within = np.isfinite(distance)
    nearest = np.where(within, nearest, 0)
    off = np.einsum("nki,nki->nk", xyz[:, None] - anchors[nearest], normals[nearest])
    lies_on: BoolArray = (within & (np.abs(off) < ON_SURFACE_M) & (distance < reach[nearest])).any(axis=1)
    return lies_on


def _ground(xyz: FloatArray) -> BoolArray:
    """(N,) whether a point belongs to a wide level surface."""
    if not len(xyz):
        return np.zeros(0, dtype=bool)
    column = np.floor(xyz[:, :2] / GROUND_CELL_M).astype(np.int64)
    cells, at = np.unique(column, axis=0, return_inverse=True)
    lowest = np.full(len(cells), np.inf)
    np.minimum.at(lowest, at.reshape(-1), xyz[:, 2])
    neighbours = cKDTree(cells).query_pairs(1.5, output_type="ndarray")
    level = np.abs(lowest[neighbours[:, 0]] - lowest[neighbours[:, 1]]) < GROUND_STEP_M
    patch = _components(neighbours[level], len(cells))
    wide = np.bincount(patch)[patch] * GROUND_CELL_M**2 > GROUND_M2
    on_ground: BoolArray = wide[at.reshape(-1)] & (xyz[:, 2] < lowest[at.reshape(-1)] + GROUND_STEP_M)
    return on_ground


def _groups(xyz: FloatArray) -> IntArray:
    """(N,) the group of each point: those in neighbouring cells are one."""
    if not len(xyz):
        return np.zeros(0, dtype=np.int32)
    cells, at = np.unique(np.floor(xyz / CELL_M).astype(np.int64), axis=0, return_inverse=True)
    return _components(cKDTree(cells).query_pairs(1.8, output_type="ndarray"), len(cells))[at.reshape(-1)]


def _components(pairs: npt.NDArray[np.intp], count: int) -> IntArray:
    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    labels: IntArray = connected_components(graph, directed=False)[1].astype(np.int32)
    return labels


@dataclass(frozen=True)
class _Faces:
    """Upright planned surface, ready to be searched: points (N, 3) and unit normals (N, 3)."""

    tree: cKDTree
    xyz: FloatArray
    normal: FloatArray


@dataclass(frozen=True)
class _Shape:
    low: FloatArray
    high: FloatArray
    fill: float

    @property
    def extent(self) -> FloatArray:
        return self.high - self.low


def _described(xyz: FloatArray, centre_m: FloatArray, faces: _Faces, step: int) -> Unexplained | None:
    low, high = np.percentile(xyz, [1, 99], axis=0)
    shape = _Shape(low, high, _fill(xyz))
    if shape.extent.max() < LEAST_EXTENT_M:
        return None
    bounds = low + centre_m, high + centre_m
    corners = tuple(tuple(round(float(v), 3) for v in corner) for corner in bounds)
    return Unexplained(_kind(xyz, shape, faces), corners, step * len(xyz))  # type: ignore[arg-type]


def _kind(xyz: FloatArray, shape: _Shape, faces: _Faces) -> str:
    extent = shape.extent
    if _sheet_share(xyz, faces) > FORMWORK_SHARE and extent.max() > FORMWORK_EXTENT_M:
        return "formwork"
    if extent[2] > TALL_M and extent[:2].max() < TUBE_M:
        return "scaffold"
    if extent.max() > LATTICE_M and extent[2] > TALL_M and shape.fill < LATTICE_FILL:
        return "scaffold"
    return "object" if extent.max() < LATTICE_M else "unknown"


def _fill(xyz: FloatArray) -> float:
    """Share of the cells in the box around a group that hold a point."""
    cells = np.unique(np.floor(xyz / CELL_M).astype(np.int64), axis=0)
    return float(len(cells) / np.prod(np.ptp(cells, axis=0) + 1.0))


def _upright_faces(surfaces: Surfaces) -> _Faces:
    upright = np.abs(surfaces.normal[:, 2]) < UPRIGHT_Z
    xyz = surfaces.xyz[upright]
    return _Faces(cKDTree(xyz), xyz, surfaces.normal[upright].astype(np.float64))


def _sheet_share(xyz: FloatArray, faces: _Faces) -> float:
    """Share of the points that stand just before an upright planned face."""
    if not len(faces.xyz):
        return 0.0
    near = xyz[:: max(1, len(xyz) // 500)]
    distance, nearest = faces.tree.query(near, distance_upper_bound=FORMWORK_M[1] + 0.2)
    within = np.isfinite(distance)
    face = np.where(within, nearest, 0)
    off = np.einsum("ni,ni->n", near - faces.xyz[face], faces.normal[face])
    return float((within & (np.abs(off) > FORMWORK_M[0]) & (np.abs(off) < FORMWORK_M[1])).mean())
