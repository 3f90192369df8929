"""Faceted shells straight from the text of a STEP file into triangles.

Going through one Python object a face costs 20 us a face and a general kernel 10 us; the text itself, read by one
regular expression into arrays, costs 1 us. Whatever does not fit the expected forms is left to the kernel.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import manifold3d
import numpy as np

from bim.frames import FloatArray, IntArray

Entity = Any
"""An ifcopenshell.entity_instance; its attributes depend on its class."""

_RECORD = re.compile(
    rb"#(\d+)\s*=\s*IFC(CARTESIANPOINT|POLYLOOP|FACE|FACEBOUND|FACEOUTERBOUND|CLOSEDSHELL|OPENSHELL|CONNECTEDFACESET)"
    rb"\s*\(([^;']*)\)\s*;"
)


@dataclass(frozen=True)
class Surface:
    """Triangles of one shape. vertices: (V, 3) float64 metres. triangles: (T, 3) int32 into vertices."""

    vertices: FloatArray
    triangles: IntArray

    @property
    def volume_m3(self) -> float:
        """Signed sum of tetrahedra; positive for a closed surface that is oriented outward."""
        if not len(self.triangles):
            return 0.0
        a, b, c = (self.vertices - self.vertices[0])[self.triangles].transpose(1, 2, 0)
        # Written out: np.cross costs ten times as much on the small arrays that most shapes are.
        x, y, z = b[1] * c[2] - b[2] * c[1], b[2] * c[0] - b[0] * c[2], b[0] * c[1] - b[1] * c[0]
        return float(a[0] @ x + a[1] @ y + a[2] @ z) / 6.0

    def flipped(self) -> "Surface":
        """The same surface seen from its other side."""
        return Surface(self.vertices, self.triangles[:, ::-1])


@dataclass(frozen=True)
class Lists:
    """Lists of integers in one array: list i is `values[starts[i]:starts[i + 1]]`."""

    values: IntArray
    starts: IntArray

    @property
    def lengths(self) -> IntArray:
        """(n,) the length of each list."""
        return np.diff(self.starts)

    def take(self, rows: IntArray) -> "Lists":
        """The lists `rows`, in that order."""
        lengths = self.lengths[rows]
        begins = starts(lengths)
        shift = np.repeat(self.starts[rows] - begins[:-1], lengths)
        return Lists(self.values[np.arange(begins[-1], dtype=np.int32) + shift], begins)


class FaceSets:
    """Every faceted shell of a STEP file, triangulated once. Raises ValueError where the text does not fit."""

    def __init__(self, text: bytes, unit_m: float) -> None:
        records: dict[bytes, list[tuple[int, bytes]]] = {}
        for step_id, kind, arguments in _RECORD.findall(text):
            records.setdefault(kind, []).append((int(step_id), arguments))
        shells = _column(records, b"CLOSEDSHELL", b"OPENSHELL", b"CONNECTEDFACESET")
        point_ids, self._vertices = _points(records.get(b"CARTESIANPOINT", []), unit_m)
        loop_ids, loops = _references(_column(records, b"POLYLOOP"))
        loops = Lists(_rows(point_ids, loops.values), loops.starts)
        bound_ids, loops = _bounds(_column(records, b"FACEBOUND", b"FACEOUTERBOUND"), loop_ids, loops)
        face_ids, faces = _references(_column(records, b"FACE"))
        faces = Lists(_rows(bound_ids, faces.values), faces.starts)
        triangles, face = triangulate(self._vertices, loops, faces)
        self._triangles = triangles
        self._of_face = np.searchsorted(face, np.arange(len(face_ids) + 1)).astype(np.int32)
        shell_ids, shell_faces = _references(shells)
        self._shells = Lists(_rows(face_ids, shell_faces.values), shell_faces.starts)
        self._shell_row = {int(step_id): row for row, step_id in enumerate(shell_ids)}

    def surface(self, shells: Sequence[int]) -> Surface:
        """One surface of the shells with these STEP ids. Raises KeyError for a shell that was not understood."""
        rows = np.array([self._shell_row[shell] for shell in shells], np.int32)
        faces = self._shells.take(rows).values
        triangle_rows = Lists(np.arange(len(self._triangles), dtype=np.int32), self._of_face).take(faces).values
        used, compact = np.unique(self._triangles[triangle_rows], return_inverse=True)
        return Surface(self._vertices[used], compact.reshape(-1, 3).astype(np.int32))


def _column(records: dict[bytes, list[tuple[int, bytes]]], *kinds: bytes) -> list[tuple[int, bytes]]:
    return sorted(record for kind in kinds for record in records.get(kind, []))


def _points(records: list[tuple[int, bytes]], unit_m: float) -> tuple[IntArray, FloatArray]:
    """Ids and coordinates of the 3D points; equal points share the coordinates of the first."""
    solid = sorted(record for record in records if record[1].count(b",") == 2)
    ids = np.array([step_id for step_id, _ in solid], np.int32)
    text = b",".join(arguments for _, arguments in solid).translate(None, b"() \r\n\t")
    numbers = np.array(text.split(b",")).astype(float) if text else np.zeros(0)
    xyz = numbers.reshape(-1, 3) * unit_m
    if len(xyz) != len(ids):
        raise ValueError("points that are not three numbers")
    order = np.lexsort(xyz.T)
    new = np.concatenate([[True], (np.diff(xyz[order], axis=0) != 0).any(axis=1)]) if len(xyz) else np.zeros(0, bool)
    first = np.empty(len(xyz), np.int64)
    first[order] = order[new][np.cumsum(new) - 1]
    return ids, xyz[first]


def _references(records: list[tuple[int, bytes]]) -> tuple[IntArray, Lists]:
    """Ids of the records and the ids that each refers to."""
    lengths = [arguments.count(b"#") for _, arguments in records]
    text = b",".join(arguments for _, arguments in records).translate(None, b"() \r\n\t#")
    values = np.array(text.split(b","), np.int32) if text else np.zeros(0, np.int32)
    if len(values) != sum(lengths):
        raise ValueError("lists that are not references")
    return np.array([step_id for step_id, _ in records], np.int32), Lists(values, starts(lengths))


def _rows(ids: IntArray, wanted: IntArray) -> IntArray:
    rows = np.searchsorted(ids, wanted).astype(np.int32)
    if len(wanted) and (not len(ids) or rows.max() >= len(ids) or (ids[rows] != wanted).any()):
        raise ValueError("references to records that are missing")
    return rows


def _bounds(records: list[tuple[int, bytes]], loop_ids: IntArray, loops: Lists) -> tuple[IntArray, Lists]:
    """Ids of the face bounds and their loops, turned round where the orientation is false."""
    ids, references = _references([(step_id, arguments.split(b",")[0]) for step_id, arguments in records])
    turned = np.array([arguments.rstrip().endswith(b".F.") for _, arguments in records], bool)
    rows = _rows(loop_ids, references.values)
    if len(rows) != len(ids):
        raise ValueError("bounds without a loop")
    taken = loops.take(rows)
    lengths = taken.lengths
    position = np.arange(len(taken.values), dtype=np.int32)
    mirrored = np.repeat(taken.starts[:-1] + taken.starts[1:] - 1, lengths) - position
    return ids, Lists(taken.values[np.where(np.repeat(turned, lengths), mirrored, position)], taken.starts)


def polygonal(item: Entity, unit_m: float) -> Surface:
    """An IfcPolygonalFaceSet."""
    vertices, rows = _indexed(item, unit_m)
    face_loops = [[face.CoordIndex, *getattr(face, "InnerCoordIndices", ())] for face in item.Faces]
    loops = _lists([loop for face in face_loops for loop in face])
    faces = Lists(np.arange(len(loops.lengths), dtype=np.int32), starts([len(face) for face in face_loops]))
    triangles, _ = triangulate(vertices, Lists(rows(loops.values), loops.starts), faces)
    return Surface(vertices, triangles)


def triangulated(item: Entity, unit_m: float) -> Surface:
    """An IfcTriangulatedFaceSet."""
    vertices, rows = _indexed(item, unit_m)
    return Surface(vertices, rows(np.array(item.CoordIndex, np.int32).reshape(-1, 3)))


def _indexed(item: Entity, unit_m: float) -> tuple[FloatArray, Callable[[IntArray], IntArray]]:
    """Vertices, and what turns an index from 1, perhaps through PnIndex, into one of their rows."""
    vertices = np.array(item.Coordinates.CoordList, float).reshape(-1, 3) * unit_m
    through = np.array(item.PnIndex or range(1, len(vertices) + 1), np.int32)

    def rows(index: IntArray) -> IntArray:
        if len(index) and (index.min() < 1 or index.max() > len(through)):
            raise ValueError("index outside the list of points")
        found: IntArray = through[index - 1] - 1
        if len(found) and (found.min() < 0 or found.max() >= len(vertices)):
            raise ValueError("index outside the list of points")
        return found

    return vertices, rows


def _lists(lists: list[Sequence[int]]) -> Lists:
    return Lists(np.array([value for each in lists for value in each], np.int32), starts([len(each) for each in lists]))


def starts(lengths: Sequence[int] | IntArray) -> IntArray:
    """Where each list begins in the joined values, and the end."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)


def triangulate(vertices: FloatArray, loops: Lists, faces: Lists) -> tuple[IntArray, IntArray]:
    """Triangles (T, 3) int32 into vertices and the face (T,) int32 of each, ascending.

    A face is a list of loops, a loop a list of vertices. Faces are nearly flat polygons, with or without holes.
    """
    found: list[tuple[IntArray, IntArray]] = []
    simple = np.flatnonzero(faces.lengths == 1).astype(np.int32)
    sizes = loops.lengths[faces.values[faces.starts[simple]]]
    left = [np.flatnonzero(faces.lengths > 1)]
    for size in np.unique(sizes[sizes >= 3]):
        same = simple[sizes == size]
        polygons = loops.take(faces.values[faces.starts[same]]).values.reshape(-1, size)
        # A quadrilateral always has a corner, the first or the second, from which a fan covers it.
        for shift in (0, 1):
            fans = _fans(polygons := np.roll(polygons, -shift, axis=1))
            good = _star_shaped(vertices, fans)
            found.append((fans[good].reshape(-1, 3), np.repeat(same[good], size - 2)))
            same, polygons = same[~good], polygons[~good]
        left.append(same)
    for face in np.concatenate(left):
        rings = [loops.values[loops.starts[i] : loops.starts[i + 1]] for i in faces.take(np.array([face])).values]
        triangles = _ear_clipped(vertices, [ring for ring in rings if len(ring) >= 3])
        found.append((triangles, np.full(len(triangles), face, np.int32)))
    triangles = np.concatenate([each for each, _ in found]) if found else np.zeros((0, 3), np.int32)
    face = np.concatenate([each for _, each in found]) if found else np.zeros(0, np.int32)
    order = np.argsort(face, kind="stable")
    return triangles[order].astype(np.int32), face[order].astype(np.int32)


def _fans(polygons: IntArray) -> IntArray:
    """(n, k) polygons to (n, k - 2, 3) triangles about their first corner."""
    apex = np.broadcast_to(polygons[:, :1], polygons[:, 1:-1].shape)
    return np.stack([apex, polygons[:, 1:-1], polygons[:, 2:]], axis=2)


def _star_shaped(vertices: FloatArray, fans: IntArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(n,) whether all triangles of a fan look the way of their sum, so that they tile the polygon."""
    if fans.shape[1] == 1:
        return np.ones(len(fans), bool)
    a, b, c = vertices[fans].transpose(2, 0, 1, 3)
    cross = np.cross(b - a, c - a)
    total = cross.sum(axis=1, keepdims=True)
    good: np.ndarray[tuple[int], np.dtype[np.bool_]] = (
        (cross * total).sum(axis=2) >= -1e-9 * (total**2).sum(axis=2)
    ).all(axis=1)
    return good


def _ear_clipped(vertices: FloatArray, rings: list[IntArray]) -> IntArray:
    normals = [_newell(vertices[ring]) for ring in rings]
    if not rings:
        return np.zeros((0, 3), np.int32)
    outer = int(np.argmax([np.linalg.norm(normal) for normal in normals]))
    normal = normals[outer]
    # Project along the normal's largest component: the flattened polygon keeps its orientation.
    axis = int(np.argmax(np.abs(normal)))
    plane = [(axis + 1) % 3, (axis + 2) % 3]
    if normal[axis] < 0:
        plane.reverse()
    oriented = [
        ring if (index == outer) == (float(normals[index] @ normal) > 0) else ring[::-1]
        for index, ring in enumerate(rings)
    ]
    flat = [np.ascontiguousarray(vertices[ring][:, plane]) for ring in oriented]
    triangles: IntArray = np.concatenate(oriented)[manifold3d.triangulate(flat)]
    return triangles.reshape(-1, 3)


def _newell(ring: FloatArray) -> FloatArray:
    relative = ring - ring[0]
    normal: FloatArray = np.cross(relative, np.roll(relative, -1, axis=0)).sum(axis=0)
    return normal
