"""Samples of the elements' own surfaces: where a scan is asked what it says of an element.

All of this depends on the model alone, so it is computed once a model and kept beside its geometry.

Each sample knows how far it may be asked about (`radius_m`: a ray that meets the sample's plane within it meets the
element and not the air beside it) and which other surface lies just before or behind it (`other_offset_m`): a point
that such a surface explains says nothing of this element.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from bim.frames import FloatArray, IntArray
from bim.mesh import Mesh
from scan_to_bim.rays import RayCaster

Float32Array = npt.NDArray[np.float32]

PITCH_M = 0.1
MIN_SAMPLES, MAX_SAMPLES = 120, 4000
"""A small fitting needs enough samples to be judged; a large slab is known long before 4,000."""
SMOOTH_RAD = np.radians(30.0)
"""Facets that meet at less than this belong to one smooth surface, such as a pipe."""
FLAT_RADIUS_M, CURVED_RADIUS_M = 0.05, 0.02
OTHERS = 3
OTHER_REACH_M = 0.15
FACE_COS = 0.97
MAX_FACES = 24
CLEARANCE_M = 0.02
"""Closer than this to a crossing surface, a point could lie on either."""


@dataclass(frozen=True)
class Surfaces:
    """N samples, ascending by element, in the site frame relative to `centre_m`.

    xyz: (N, 3) float64. normal: (N, 3) float32 unit. element: (N,) int32. area_m2: (N,) float32. radius_m: (N,)
    float32. face: (N,) int32, the direction of its element that the sample faces, an index into `face_normal` (F, 3).
    one_sided: (N,) bool, the normal points out of a closed body. other_offset_m: (N, 3) float32, signed along the normal, NaN where there is none; other: (N, 3)
    int32 the element of that surface.
    """

    centre_m: FloatArray
    xyz: FloatArray
    normal: Float32Array
    element: IntArray
    area_m2: Float32Array
    radius_m: Float32Array
    face: IntArray
    face_normal: FloatArray
    one_sided: npt.NDArray[np.bool_]
    other_offset_m: Float32Array
    other: IntArray


def sample_surfaces(mesh: Mesh) -> Surfaces:
    """Spread samples over every element and measure what surrounds each."""
    centre = np.round(0.5 * (mesh.vertices.min(axis=0) + mesh.vertices.max(axis=0)))
    corners = mesh.corners - centre
    patch, boundary = _smooth_patches(mesh, corners)
    triangle, xyz, area = _spread(mesh, corners)
    normal = mesh.normals[triangle]
    curved = _is_curved(mesh, patch)[patch[triangle]]
    reach = np.where(curved, CURVED_RADIUS_M, FLAT_RADIUS_M)
    radius = _distance_to_boundary(xyz, patch[triangle], reach, *boundary)
    element = mesh.element[triangle]
    caster = RayCaster(corners)
    radius = np.minimum(radius, _free_radius(caster, mesh.element, xyz, normal, element, reach))
    offset, other = _other_surfaces(caster, mesh, xyz, normal, element)
    face, face_normal = _faces(normal, element)
    return Surfaces(
        centre_m=centre,
        xyz=xyz,
        normal=normal.astype(np.float32),
        element=element,
        area_m2=area.astype(np.float32),
        radius_m=radius.astype(np.float32),
        face=face,
        face_normal=face_normal,
        one_sided=_closed(mesh)[element],
        other_offset_m=offset,
        other=other,
    )


def _spread(mesh: Mesh, corners: FloatArray) -> tuple[IntArray, FloatArray, FloatArray]:
    """Triangle (N,), position (N, 3) and area share (N,) of samples at equal steps of each element's area, placed in
    their triangle by the R2 sequence (Roberts 2018), which leaves no gaps and needs no random numbers."""
    elements = int(mesh.element[-1]) + 1
    area = np.bincount(mesh.element, weights=mesh.areas, minlength=elements)
    count = np.where(area > 0, np.clip(np.ceil(area / PITCH_M**2), MIN_SAMPLES, MAX_SAMPLES), 0).astype(np.int64)
    element = np.repeat(np.arange(elements), count)
    first = np.concatenate([[0], np.cumsum(count)])
    step = np.repeat(area / np.maximum(count, 1), count)
    within = (np.arange(len(element)) - first[element] + 0.5) * step
    before = np.concatenate([[0.0], np.cumsum(area)])[element]
    cumulative = np.cumsum(mesh.areas)
    triangle = np.searchsorted(cumulative, before + within).clip(0, len(cumulative) - 1)
    # Rounding at an element's border must not hand its sample to the neighbour.
    rows = np.searchsorted(mesh.element, [np.arange(elements), np.arange(elements) + 1])
    triangle = np.clip(triangle, rows[0][element], rows[1][element] - 1)
    golden = 1.32471795724474602596
    u = (0.5 + np.arange(len(element)) / golden) % 1.0
    v = (0.5 + np.arange(len(element)) / golden**2) % 1.0
    fold = u + v > 1.0
    u, v = np.where(fold, 1.0 - u, u), np.where(fold, 1.0 - v, v)
    a, b, c = corners[triangle].transpose(1, 0, 2)
    xyz = a + u[:, None] * (b - a) + v[:, None] * (c - a)
    return triangle.astype(np.int32), xyz, step


def _smooth_patches(mesh: Mesh, corners: FloatArray) -> tuple[IntArray, tuple[npt.NDArray[np.int64], FloatArray]]:
    """Patch of each triangle (T,), and the patches' boundary edges: first row a patch (P + 1,), ends (B, 2, 3).

    Triangles of one element that share an edge at less than `SMOOTH_RAD` are one patch.
    """
    count = len(mesh.triangles)
    key = np.round(mesh.vertices * 1e4).astype(np.int64)
    _, welded = np.unique(key, axis=0, return_inverse=True)
    corner = welded.reshape(-1)[mesh.triangles]
    ends = np.sort(np.stack([corner, np.roll(corner, -1, axis=1)], axis=2).reshape(-1, 2), axis=1)
    owner = np.repeat(np.arange(count), 3)
    order = np.lexsort((owner, ends[:, 1], ends[:, 0], mesh.element[owner]))
    ends, owner = ends[order], owner[order]
    same = (ends[1:] == ends[:-1]).all(axis=1) & (mesh.element[owner[1:]] == mesh.element[owner[:-1]])
    first = np.flatnonzero(same)
    one, two = owner[first], owner[first + 1]
    smooth = np.abs(np.einsum("ij,ij->i", mesh.normals[one], mesh.normals[two])) > np.cos(SMOOTH_RAD)
    graph = coo_matrix((np.ones(smooth.sum()), (one[smooth], two[smooth])), shape=(count, count))
    patch = connected_components(graph, directed=False)[1].astype(np.int32)
    inner = np.zeros(len(owner), dtype=bool)
    inner[first[smooth]] = inner[first[smooth] + 1] = True
    edge = np.flatnonzero(~inner)
    edge = edge[np.argsort(patch[owner[edge]], kind="stable")]
    edges = np.bincount(patch[owner[edge]], minlength=int(patch.max()) + 1)
    row = np.concatenate([[0], np.cumsum(edges)])
    side = order[edge]
    a, b = corners.reshape(-1, 3)[side], np.roll(corners, -1, axis=1).reshape(-1, 3)[side]
    return patch, (row.astype(np.int64), np.stack([a, b], axis=1))


def _is_curved(mesh: Mesh, patch: IntArray) -> npt.NDArray[np.bool_]:
    """(P,) whether the triangles of a patch face more than one direction."""
    count = int(patch.max()) + 1
    weight = mesh.areas
    total = np.bincount(patch, weights=weight, minlength=count)
    mean = np.stack([np.bincount(patch, weights=weight * mesh.normals[:, i], minlength=count) for i in range(3)], axis=1)
    curved: npt.NDArray[np.bool_] = np.linalg.norm(mean, axis=1) < 0.9995 * total
    return curved


def _closed(mesh: Mesh) -> npt.NDArray[np.bool_]:
    """(E,) whether an element's triangles enclose a body with outward normals: the vector areas cancel and the
    signed volume is positive."""
    count = int(mesh.element[-1]) + 1
    centred = mesh.corners - mesh.vertices.mean(axis=0)
    a, b, c = centred.transpose(1, 0, 2)
    volume = np.bincount(mesh.element, weights=np.einsum("ij,ij->i", a, np.cross(b, c)) / 6.0, minlength=count)
    vector = mesh.normals * mesh.areas[:, None]
    open_area = np.linalg.norm(
        np.stack([np.bincount(mesh.element, weights=vector[:, i], minlength=count) for i in range(3)], axis=1), axis=1
    )
    total = np.bincount(mesh.element, weights=mesh.areas, minlength=count)
    closed: npt.NDArray[np.bool_] = (open_area < 1e-3 * total) & (volume > 1e-6)
    return closed


@njit(cache=True)
def _faces(normal: FloatArray, element: IntArray) -> tuple[IntArray, FloatArray]:
    """Group the samples of each element by direction: face (N,) and its normal (F, 3), that of its first sample."""
    face = np.empty(len(element), dtype=np.int32)
    normals = np.empty((len(element), 3))
    count, first = 0, 0
    for i in range(len(element)):
        if i > 0 and element[i] != element[i - 1]:
            first = count
        best, closest = -1, FACE_COS
        for f in range(first, count):
            dot = normals[f, 0] * normal[i, 0] + normals[f, 1] * normal[i, 1] + normals[f, 2] * normal[i, 2]
            # The last face takes what is left of an element with very many directions.
            if dot > closest or (best < 0 and f - first == MAX_FACES - 1):
                best, closest = f, dot
        if best < 0:
            best = count
            normals[count] = normal[i]
            count += 1
        face[i] = best
    return face, normals[:count].copy()


@njit(cache=True)
def _distance_to_boundary(
    xyz: FloatArray, patch: IntArray, reach: FloatArray, row: npt.NDArray[np.int64], ends: FloatArray
) -> FloatArray:
    """(N,) distance from each sample to the border of its patch, at most `reach` (N,)."""
    nearest = reach.copy()
    for i in range(xyz.shape[0]):
        best = reach[i] * reach[i]
        for e in range(row[patch[i]], row[patch[i] + 1]):
            dot = 0.0
            length = 0.0
            for k in range(3):
                side = ends[e, 1, k] - ends[e, 0, k]
                dot += side * (xyz[i, k] - ends[e, 0, k])
                length += side * side
            t = min(max(dot / length, 0.0), 1.0) if length > 0.0 else 0.0
            square = 0.0
            for k in range(3):
                gap = xyz[i, k] - ends[e, 0, k] - t * (ends[e, 1, k] - ends[e, 0, k])
                square += gap * gap
            best = min(best, square)
        nearest[i] = np.sqrt(best)
    return nearest


def _free_radius(
    caster: RayCaster,
    owner: IntArray,
    xyz: FloatArray,
    normal: FloatArray,
    element: IntArray,
    reach: FloatArray,
) -> FloatArray:
    """(N,) how far around each sample, in its plane and just off it, no other element's surface stands.

    A wall that stands on a slab would otherwise show points in the slab's top plane, slab or no slab.
    """
    helper = np.eye(3)[np.argmin(np.abs(normal), axis=1)]
    across = np.cross(normal, helper)
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-12)
    along = np.cross(normal, across)
    free = reach.copy()
    for angle in np.linspace(0.0, 2 * np.pi, 6, endpoint=False):
        direction = np.cos(angle) * across + np.sin(angle) * along
        for lift in (-CLEARANCE_M / 2, CLEARANCE_M / 2):
            distance, triangle = caster.first_hit(xyz + lift * normal, direction)
            near = (triangle >= 0) & (owner[triangle] != element)
            free[near] = np.minimum(free[near], distance[near] - CLEARANCE_M)
    return np.maximum(free, 0.0)


def _other_surfaces(
    caster: RayCaster, mesh: Mesh, xyz: FloatArray, normal: FloatArray, element: IntArray
) -> tuple[Float32Array, IntArray]:
    """Offsets (N, 3) and elements (N, 3) of the other elements' surfaces nearest to each sample along its normal that
    face the same way within 45 degrees."""
    offset = np.full((len(xyz), OTHERS), np.nan, dtype=np.float32)
    other = np.full((len(xyz), OTHERS), -1, dtype=np.int32)
    found = np.zeros(len(xyz), dtype=np.int64)
    start = np.full(len(xyz), -OTHER_REACH_M)
    active = np.arange(len(xyz))
    while len(active):
        depth, triangle = caster.first_hit(xyz[active] - start[active, None] * normal[active], -normal[active])
        at = start[active] + depth
        hit = (triangle >= 0) & (at <= OTHER_REACH_M)
        active, at, triangle = active[hit], at[hit], triangle[hit]
        owner = mesh.element[triangle]
        agrees = np.abs(np.einsum("ij,ij->i", mesh.normals[triangle], normal[active])) > np.cos(np.pi / 4)
        keep = (owner != element[active]) & agrees & (found[active] < OTHERS)
        rows = active[keep]
        offset[rows, found[rows]] = -at[keep]
        other[rows, found[rows]] = owner[keep]
        found[rows] += 1
        start[active] = at + 5e-4
        active = active[found[active] < OTHERS]
    return offset, other
