"""The model as planes that a point can be matched with in constant time: the core of every step of the registration.

A point's partner is the nearest triangle whose plane it is close to, that it projects into, and that faces the way the
point's own normal says. Triangles are listed by the cells of a grid that they come near to, so no tree is descended.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from bim.frames import FloatArray, IntArray
from bim.mesh import Mesh
from scan_to_bim.register_facets import Facets

MOST_CELLS = 6_000_000
SMALLEST_FACE_M2 = 0.02
"""Smaller faces (fittings, chamfers) cost time and fix nothing."""
MARGIN_M = 0.02
"""How far beside a triangle a point may project and still belong to it."""
LEVEL_COS = 0.995
SAME_WAY = np.cos(np.radians(25.0))
"""Normals that agree better than this face the same way."""


@dataclass(frozen=True)
class Planes:
    """T triangles with the grid that finds them, in the site frame relative to `centre_m`.

    corners: (T, 3, 3). plane: (T, 4) unit normal and offset, n x + d = 0. edge: (T, 3, 4) the same for the sides,
    positive inside. element: (T,) whose they are. sided: (T,) whether the normal is known to point out of a closed
    body. face: (T,) the plane face that the triangle is part of; face_area_m2: (F,). coplanar: (T,) the plane that it
    shares with other elements' faces. Cell c of the grid lists
    `items[first[c] : first[c + 1]]`.
    """

    centre_m: FloatArray
    corners: FloatArray
    plane: FloatArray
    edge: FloatArray
    element: IntArray
    sided: npt.NDArray[np.bool_]
    face: IntArray
    coplanar: IntArray
    face_area_m2: FloatArray
    corner: FloatArray
    shape: IntArray
    cell_m: float
    reach_m: float
    first: npt.NDArray[np.int64]
    items: IntArray


def planes_of(mesh: Mesh, reach_m: float, smallest_face_m2: float = SMALLEST_FACE_M2) -> Planes:
    """The faces of `mesh` of at least some size, found from at most `reach_m` away."""
    centre = np.round(0.5 * (mesh.vertices.min(axis=0) + mesh.vertices.max(axis=0)))
    corners = mesh.corners - centre
    offset = -np.einsum("ij,ij->i", mesh.normals, corners[:, 0])
    face = _faces(mesh, offset)
    area = np.bincount(face, weights=mesh.areas)
    kept = (area[face] >= smallest_face_m2) & (mesh.areas > 1e-9)
    of = np.unique(face[kept], return_inverse=True)[1].reshape(-1)
    corners, normal, offset, element = corners[kept], mesh.normals[kept], offset[kept], mesh.element[kept]
    lowest, highest = corners.min(axis=(0, 1)) - reach_m, corners.max(axis=(0, 1)) + reach_m
    cell = max(0.25, reach_m, float(np.prod(highest - lowest) / MOST_CELLS) ** (1 / 3))
    shape = (np.ceil((highest - lowest) / cell) + 1).astype(np.int32)
    plane = np.concatenate([normal, offset[:, None]], axis=1)
    start, items = _fill_grid(corners, plane, lowest, shape, cell, reach_m)
    return Planes(
        centre_m=centre,
        corners=corners,
        plane=plane,
        edge=edge_planes(corners, normal),
        element=element.astype(np.int32),
        sided=closed_bodies(mesh)[element],
        face=of.astype(np.int32),
        coplanar=_coplanar(normal, offset),
        face_area_m2=np.bincount(of, mesh.areas[kept]).astype(np.float64),
        corner=lowest,
        shape=shape,
        cell_m=cell,
        reach_m=reach_m,
        first=start,
        items=items,
    )


def match(planes: Planes, facets: Facets, T: FloatArray, reach_m: float) -> tuple[IntArray, FloatArray]:
    """Triangle (K,) of each facet moved by T, -1 where none is within `reach_m`, and the distance (K,) from it along
    its normal. T takes the facets' frame to the planes' frame."""
    triangle, distance = _match(
        facets.xyz, facets.normal, facets.oriented, T, min(reach_m, planes.reach_m), planes.plane, planes.edge,
        planes.sided, planes.corner, planes.shape, planes.cell_m, planes.first, planes.items,
    )  # fmt: skip
    return triangle, distance


def spread(planes: Planes, count: int) -> Facets:
    """`count` facets at equal steps of the area."""
    a, b, c = planes.corners.transpose(1, 0, 2)
    cumulative = np.cumsum(0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1))
    at = (np.arange(count) + 0.5) * cumulative[-1] / count
    triangle = np.searchsorted(cumulative, at).clip(0, len(cumulative) - 1)
    # The R2 sequence (Roberts 2018) leaves no gaps and needs no random numbers.
    uv = (0.5 + np.arange(count)[:, None] * [0.7548776662466927, 0.5698402909980532]) % 1.0
    uv = np.where(uv.sum(axis=1, keepdims=True) > 1.0, 1.0 - uv, uv)
    xyz = a[triangle] + uv[:, :1] * (b - a)[triangle] + uv[:, 1:] * (c - a)[triangle]
    return Facets(xyz, planes.plane[triangle, :3], planes.sided[triangle])


@njit(cache=True, inline="always")
def in_triangle(sides: FloatArray, x: float, y: float, z: float, margin_m: float) -> bool:
    """Whether a point of its plane lies inside a triangle with these sides (3, 4), each positive inward."""
    for k in range(3):  # noqa: SIM110 - a compiled function knows no generators
        if sides[k, 0] * x + sides[k, 1] * y + sides[k, 2] * z + sides[k, 3] < -margin_m:
            return False
    return True


def closed_bodies(mesh: Mesh) -> npt.NDArray[np.bool_]:
    """(E,) whether an element's triangles enclose a body with outward normals."""
    count = int(mesh.element[-1]) + 1
    a, b, c = (mesh.corners - mesh.vertices.mean(axis=0)).transpose(1, 0, 2)
    volume = np.bincount(mesh.element, np.einsum("ij,ij->i", a, np.cross(b, c)) / 6.0, count)
    vector = mesh.normals * mesh.areas[:, None]
    gap = np.linalg.norm([np.bincount(mesh.element, vector[:, k], count) for k in range(3)], axis=0)
    total = np.bincount(mesh.element, mesh.areas, count)
    closed: npt.NDArray[np.bool_] = (gap < 1e-3 * total) & (volume > 1e-6)
    return closed


def _faces(mesh: Mesh, offset: FloatArray) -> IntArray:
    """(T,) triangles of one element in one plane share a number, and so do all level ones at one height: bare ground a
    little under the ground floor would otherwise speak for every slab of it."""
    level = np.abs(mesh.normals[:, 2]) > LEVEL_COS
    element = np.where(level, -1, mesh.element)
    fine = np.where(level, 200, 50)
    key = np.column_stack([element, np.round(mesh.normals * 50), np.round(offset * fine)]).astype(np.int64)
    face: IntArray = np.unique(key, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int32)
    return face


def _coplanar(normal: FloatArray, offset: FloatArray) -> IntArray:
    """(T,) triangles in one plane share a number: where a roof and its rafters are flush, no point tells them apart."""
    key = np.column_stack([np.round(normal * 50), np.round(offset * 200)]).astype(np.int64)
    plane: IntArray = np.unique(key, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int32)
    return plane


def edge_planes(corners: FloatArray, normal: FloatArray) -> FloatArray:
    """(T, 3, 4) planes through each side, perpendicular to the triangle, positive inside."""
    along = np.roll(corners, -1, axis=1) - corners
    inward = np.cross(normal[:, None, :], along)
    inward /= np.maximum(np.linalg.norm(inward, axis=2, keepdims=True), 1e-12)
    return np.concatenate([inward, -np.einsum("tki,tki->tk", inward, corners)[:, :, None]], axis=2)


@njit(cache=True)
def _fill_grid(
    corners: FloatArray, plane: FloatArray, lowest: FloatArray, shape: IntArray, cell: float, reach: float
) -> tuple[npt.NDArray[np.int64], IntArray]:
    """First item of each cell, and the items: the triangles whose plane and bounds come within `reach` of the cell."""
    first = np.zeros(shape[0] * shape[1] * shape[2] + 1, dtype=np.int64)
    items = np.empty(0, dtype=np.int32)
    low = np.zeros(3, dtype=np.int64)
    high = np.zeros(3, dtype=np.int64)
    for fill in range(2):
        for t in range(corners.shape[0]):
            for k in range(3):
                least = min(corners[t, 0, k], corners[t, 1, k], corners[t, 2, k]) - reach - lowest[k]
                most = max(corners[t, 0, k], corners[t, 1, k], corners[t, 2, k]) + reach - lowest[k]
                low[k] = max(int(least / cell), 0)
                high[k] = min(int(most / cell), shape[k] - 1)
            extent = abs(plane[t, 0]) + abs(plane[t, 1]) + abs(plane[t, 2])
            slack = reach + 0.5 * cell * extent
            for i in range(low[0], high[0] + 1):
                for j in range(low[1], high[1] + 1):
                    for k in range(low[2], high[2] + 1):
                        away = plane[t, 3]
                        away += plane[t, 0] * (lowest[0] + (i + 0.5) * cell)
                        away += plane[t, 1] * (lowest[1] + (j + 0.5) * cell)
                        away += plane[t, 2] * (lowest[2] + (k + 0.5) * cell)
                        if abs(away) > slack:
                            continue
                        c = (i * shape[1] + j) * shape[2] + k
                        if fill:
                            first[c] -= 1
                            items[first[c]] = t
                        else:
                            first[c] += 1
        if not fill:
            first = np.cumsum(first)
            items = np.empty(first[-1], dtype=np.int32)
    return first, items


@njit(cache=True)
def _match(
    xyz: FloatArray,
    normal: FloatArray,
    oriented: npt.NDArray[np.bool_],
    T: FloatArray,
    reach: float,
    plane: FloatArray,
    edge: FloatArray,
    sided: npt.NDArray[np.bool_],
    corner: FloatArray,
    shape: IntArray,
    cell: float,
    first: npt.NDArray[np.int64],
    items: IntArray,
) -> tuple[IntArray, FloatArray]:
    found = np.full(xyz.shape[0], -1, dtype=np.int32)
    distance = np.zeros(xyz.shape[0])
    for i in range(xyz.shape[0]):
        a, b, c = xyz[i, 0], xyz[i, 1], xyz[i, 2]
        x = T[0, 0] * a + T[0, 1] * b + T[0, 2] * c + T[0, 3]
        y = T[1, 0] * a + T[1, 1] * b + T[1, 2] * c + T[1, 3]
        z = T[2, 0] * a + T[2, 1] * b + T[2, 2] * c + T[2, 3]
        u, v, w = (x - corner[0]) / cell, (y - corner[1]) / cell, (z - corner[2]) / cell
        if u < 0.0 or v < 0.0 or w < 0.0 or u >= shape[0] or v >= shape[1] or w >= shape[2]:
            continue
        a, b, c = normal[i, 0], normal[i, 1], normal[i, 2]
        nx = T[0, 0] * a + T[0, 1] * b + T[0, 2] * c
        ny = T[1, 0] * a + T[1, 1] * b + T[1, 2] * c
        nz = T[2, 0] * a + T[2, 1] * b + T[2, 2] * c
        here = (int(u) * shape[1] + int(v)) * shape[2] + int(w)
        nearest = reach
        for k in range(first[here], first[here + 1]):
            t = items[k]
            away = plane[t, 0] * x + plane[t, 1] * y + plane[t, 2] * z + plane[t, 3]
            if abs(away) >= nearest:
                continue
            agrees = plane[t, 0] * nx + plane[t, 1] * ny + plane[t, 2] * nz
            if not (sided[t] and oriented[i]):
                agrees = abs(agrees)
            if agrees < SAME_WAY:
                continue
            inside = True
            for e in range(3):
                if edge[t, e, 0] * x + edge[t, e, 1] * y + edge[t, e, 2] * z + edge[t, e, 3] < -MARGIN_M:
                    inside = False
                    break
            if inside:
                nearest = abs(away)
                found[i] = t
                distance[i] = away
    return found, distance
