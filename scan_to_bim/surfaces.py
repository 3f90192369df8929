"""Samples of the elements' own surfaces: where a scan is asked what it says of an element.

All of this depends on the model alone, so it is computed once a model and kept beside its geometry.

Each sample knows how far it may be asked about (`radius_m`: a ray that meets the sample's plane within it meets the
element and not the air beside it), and whether its own element hides it.
"""

import contextlib
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from bim.arrays import keep_arrays, kept_arrays
from bim.frames import FloatArray, IntArray
from bim.mesh import Mesh
from bim.model import Building
from bim.rays import RayCaster
from scan_to_bim.register_planes import Planes, edge_planes, in_triangle, planes_of

Float32Array = npt.NDArray[np.float32]

SAMPLING_VERSION = 3
"""Raised with every change to how a model is sampled, so that older cache files no longer count."""
PITCH_M = 0.1
MIN_SAMPLES, MAX_SAMPLES = 120, 4000
"""A small fitting needs enough samples to be judged; a large slab is known long before 4,000."""
SMOOTH_RAD = np.radians(30.0)
"""Facets that meet at less than this belong to one smooth surface, such as a pipe."""
FLAT_RADIUS_M, CURVED_RADIUS_M = 0.05, 0.02
REACH_M = 0.15
"""How far from its place a surface is looked for."""
HIDING_M = 0.2
MIN_COS = np.cos(np.pi / 4)
FACE_COS = 0.97
MAX_FACES = 24
ITSELF_M = 0.002
"""Nearer than this before a sample, its own surface is the one that the sample lies on."""
BEAM_M = 0.003
FREE_M = 0.1
CLEARANCE_M = 0.01
"""Closer than this to a crossing surface, a point could lie on either."""


@dataclass(frozen=True)
class Surfaces:
    """N samples, ascending by element, in the site frame relative to `centre_m`.

    xyz: (N, 3) float64. normal: (N, 3) float32 unit. element: (N,) int32. area_m2: (N,) float32. radius_m: (N,)
    float32, within it a point of the sample's plane is on the element; free_m: (N,) float32, within it no other element
    crosses. triangle: (N,) int32, the sample's own, whose sides are edge (T, 3, 4), positive inward. hidden: (N, 2)
    bool, the element's own surface covers the sample, seen from before and from behind. face: (N,) int32, the direction
    of its element that the sample faces, an index into `face_normal` (F, 3). one_sided: (N,) bool, the normal points
    out of a closed body. planes: every triangle of the model, with the grid that finds those near a point.
    """

    centre_m: FloatArray
    xyz: FloatArray
    normal: Float32Array
    element: IntArray
    area_m2: Float32Array
    radius_m: Float32Array
    free_m: Float32Array
    triangle: IntArray
    edge: FloatArray
    hidden: npt.NDArray[np.bool_]
    face: IntArray
    face_normal: FloatArray
    one_sided: npt.NDArray[np.bool_]
    planes: Planes


def surfaces_of(building: Building, cache: Path | None = None) -> Surfaces:
    """The samples of a building, from the cache folder where it was sampled before."""
    key = hashlib.sha256(f"{SAMPLING_VERSION} {' '.join(s.sha256 for s in building.sources)}".encode()).hexdigest()
    kept = cache / f"{key}.samples" if cache and building.sources else None
    if kept and (payload := kept_arrays(kept)):
        with contextlib.suppress(TypeError):  # fields of another version
            planes = Planes(**{name.removeprefix(PLANES): payload.pop(name) for name in [*payload] if PLANES in name})
            return Surfaces(**payload, planes=planes)
    surfaces = sample_surfaces(building.mesh)
    if kept:
        payload = {PLANES + name: value for name, value in vars(surfaces.planes).items()}
        keep_arrays(kept, payload | {name: value for name, value in vars(surfaces).items() if name != "planes"})
    return surfaces


PLANES = "planes."


def sample_surfaces(mesh: Mesh) -> Surfaces:
    """Spread samples over every element and measure what surrounds each."""
    centre = np.round(0.5 * (mesh.vertices.min(axis=0) + mesh.vertices.max(axis=0)))
    corners = mesh.corners - centre
    patch, boundary, is_border = _smooth_patches(mesh, corners)
    triangle, xyz, area = _spread(mesh, corners)
    normal = mesh.normals[triangle]
    curved = _is_curved(mesh, patch)
    reach = np.where(curved, CURVED_RADIUS_M, FLAT_RADIUS_M)[patch[triangle]]
    radius = _distance_to_boundary(xyz, patch[triangle], reach, *boundary)
    element = mesh.element[triangle]
    free = _free_radius(RayCaster(corners), mesh.element, xyz, normal, element)
    planes = planes_of(mesh, REACH_M, smallest_face_m2=0.0)
    hidden = _hidden(
        xyz, normal, element, planes.plane, planes.edge, planes.element, planes.corner, planes.shape,
        planes.cell_m, planes.first, planes.items,
    )  # fmt: skip
    face, face_normal = _faces(normal, element)
    return Surfaces(
        centre_m=centre,
        xyz=xyz,
        normal=normal.astype(np.float32),
        element=element,
        area_m2=area.astype(np.float32),
        radius_m=np.minimum(radius, free).astype(np.float32),
        free_m=free.astype(np.float32),
        triangle=triangle,
        edge=_own_sides(mesh, corners, is_border, curved[patch]),
        hidden=hidden,
        face=face,
        face_normal=face_normal,
        one_sided=_closed(mesh)[element],
        planes=planes,
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


def _smooth_patches(
    mesh: Mesh, corners: FloatArray
) -> tuple[IntArray, tuple[npt.NDArray[np.int64], FloatArray], npt.NDArray[np.bool_]]:
    """Patch of each triangle (T,), the patches' boundary edges: first row a patch (P + 1,), ends (B, 2, 3); and which
    sides of the triangles they are (T, 3).

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
    is_border = np.zeros(3 * count, dtype=bool)
    is_border[side] = True
    return patch, (row.astype(np.int64), np.stack([a, b], axis=1)), is_border.reshape(count, 3)


def _own_sides(
    mesh: Mesh, corners: FloatArray, is_border: npt.NDArray[np.bool_], curved: npt.NDArray[np.bool_]
) -> FloatArray:
    """(T, 3, 4) sides within which a point of a triangle's plane is surely on its element.

    The beam has a width, so a border counts a little inside itself. A narrow triangle of a pipe is followed by others:
    its plane stays near the surface for about its own height beyond such a side.
    """
    sides = edge_planes(corners, mesh.normals)
    opposite = np.roll(corners, 1, axis=1)
    height = np.einsum("tki,tki->tk", sides[..., :3], opposite) + sides[..., 3]
    sides[..., 3] += np.where(is_border, -BEAM_M, np.where(curved[:, None], np.minimum(height, CURVED_RADIUS_M), 0.0))
    return sides


def _is_curved(mesh: Mesh, patch: IntArray) -> npt.NDArray[np.bool_]:
    """(P,) whether the triangles of a patch face more than one direction."""
    count = int(patch.max()) + 1
    weight = mesh.areas
    total = np.bincount(patch, weights=weight, minlength=count)
    mean = np.stack(
        [np.bincount(patch, weights=weight * mesh.normals[:, i], minlength=count) for i in range(3)], axis=1
    )
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
) -> FloatArray:
    """(N,) how far around each sample, in its plane and just off it, no other element's surface stands.

    A wall that stands on a slab would otherwise show points in the slab's top plane, slab or no slab.
    """
    helper = np.eye(3)[np.argmin(np.abs(normal), axis=1)]
    across = np.cross(normal, helper)
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-12)
    along = np.cross(normal, across)
    free = np.full(len(xyz), FREE_M)
    for angle in np.linspace(0.0, 2 * np.pi, 6, endpoint=False):
        direction = np.cos(angle) * across + np.sin(angle) * along
        for lift in (-CLEARANCE_M / 2, CLEARANCE_M / 2):
            distance, triangle = caster.first_hit(xyz + lift * normal, direction)
            near = (triangle >= 0) & (owner[triangle] != element)
            free[near] = np.minimum(free[near], distance[near] - CLEARANCE_M)
    found: FloatArray = np.maximum(free, 0.0)
    return found


@njit(cache=True)
def _hidden(  # type: ignore[no-untyped-def]
    xyz, normal, element, plane, edge, owner, corner, shape, cell, first, items
):
    """(N, 2) whether its own element's surface covers a sample from before and from behind, as the front of a cabinet
    covers its inside."""
    hidden = np.zeros((len(xyz), 2), dtype=np.bool_)
    for i in range(len(xyz)):
        x, y, z = xyz[i]
        nx, ny, nz = normal[i]
        u, v, w = int((x - corner[0]) / cell), int((y - corner[1]) / cell), int((z - corner[2]) / cell)
        here = (u * shape[1] + v) * shape[2] + w
        for k in range(first[here], first[here + 1]):
            t = items[k]
            if owner[t] != element[i]:
                continue
            cosine = plane[t, 0] * nx + plane[t, 1] * ny + plane[t, 2] * nz
            if abs(cosine) < MIN_COS:
                continue
            at = -(plane[t, 0] * x + plane[t, 1] * y + plane[t, 2] * z + plane[t, 3]) / cosine
            if abs(at) > HIDING_M:
                continue
            if in_triangle(edge[t], x + at * nx, y + at * ny, z + at * nz, ITSELF_M):
                hidden[i, 0] |= at > ITSELF_M
                hidden[i, 1] |= at < -ITSELF_M
    return hidden
