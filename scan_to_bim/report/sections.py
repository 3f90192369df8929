"""A storey cut at breast height: what the cut meets, what lies below it and what hangs above, as SVG paths."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import shapely

from bim.frames import FloatArray
from bim.mesh import Mesh
from bim.model import Building

CUT_ABOVE_FLOOR_M = 1.2
MAX_UNION = 1500
"""Triangles up to which an outline is exact; beyond, the convex outline is drawn, which takes milliseconds."""
_SNAP_M = 1e-4

Layer = Literal["below", "cut", "above"]


@dataclass(frozen=True)
class Shape:
    """One element in a plan. `path` is SVG path data in metres: x to the right, y down, from the plan's corner."""

    element: int
    layer: Layer
    path: str


@dataclass(frozen=True)
class Frame:
    """The window of a plan in the site frame. low, high: (2,) x and y."""

    low: FloatArray
    high: FloatArray
    border_m: float
    """How far from the edge a mark is held, so that it is drawn whole."""

    def local(self, xy: FloatArray) -> FloatArray:
        """Site x, y (..., 2) to metres right and down from the window's upper left corner."""
        return np.stack([xy[..., 0] - self.low[0], self.high[1] - xy[..., 1]], axis=-1)


def frame_of(building: Building) -> Frame:
    """The window around all of a building's triangles, the same for each of its storeys."""
    low, high = building.mesh.vertices.min(axis=0)[:2], building.mesh.vertices.max(axis=0)[:2]
    margin = max(2.0, 0.07 * float((high - low).max()))
    return Frame(low - margin, high + margin, 0.35 * margin)


def storeys_upwards(building: Building) -> list[tuple[str, float | None]]:
    """Names of the storeys that hold elements with their floors, from the lowest up; None, last, for no storey."""
    floors = {storey.name: storey.elevation_m for storey in reversed(building.storeys)}
    names = {element.storey for element in building.elements}
    return [(n, floors.get(n)) for n in sorted(names, key=lambda n: (n not in floors, floors.get(n, 0.0), n))]


def storey_shapes(building: Building, frame: Frame) -> Iterator[tuple[str, float | None, tuple[Shape, ...]]]:
    """Name, floor and shapes of each storey that holds elements, upwards; each storey's shapes in drawing order."""
    extent = _z_extent(building)
    for name, floor_m in storeys_upwards(building):
        z_m = np.inf if floor_m is None else floor_m + CUT_ABOVE_FLOOR_M
        yield name, floor_m, tuple(_shapes(building, name, z_m, extent, frame))


def section(mesh: Mesh, z_m: float) -> tuple[FloatArray, npt.NDArray[np.int32]]:
    """Segments (S, 2, 2) in x, y where the mesh crosses the height `z_m`, and the element (S,) of each, ascending."""
    height = mesh.vertices[:, 2][mesh.triangles] - z_m
    # A corner exactly on the plane counts as above it, so that every crossed triangle has two crossed edges.
    above = height >= 0.0
    crossed = np.flatnonzero(above.any(axis=1) & ~above.all(axis=1))
    d, p = height[crossed], mesh.corners[crossed][:, :, :2]
    d_next, p_next = np.roll(d, -1, axis=1), np.roll(p, -1, axis=1)
    cut = (d >= 0.0) != (d_next >= 0.0)
    points = p[cut] + (d[cut] / (d[cut] - d_next[cut]))[:, None] * (p_next[cut] - p[cut])
    return points.reshape(-1, 2, 2), mesh.element[crossed]


def _z_extent(building: Building) -> FloatArray:
    """(E, 2): lowest and highest point of each element; an element without triangles is nowhere."""
    z = building.mesh.corners[:, :, 2]
    extent = np.tile(np.array([np.inf, -np.inf]), (len(building.elements), 1))
    np.minimum.at(extent[:, 0], building.mesh.element, z.min(axis=1))
    np.maximum.at(extent[:, 1], building.mesh.element, z.max(axis=1))
    return extent


def _shapes(building: Building, storey: str, z_m: float, extent: FloatArray, frame: Frame) -> Iterator[Shape]:
    segments, owner = section(building.mesh, z_m)
    cut, first = np.unique(owner, return_index=True)
    own = [i for i, e in enumerate(building.elements) if e.storey == storey and np.isfinite(extent[i, 0])]
    flat = sorted((i for i in own if i not in set(cut.tolist())), key=lambda i: (float(extent[i, 1]), i))
    for i in flat:
        if extent[i, 1] <= z_m:
            yield Shape(i, "below", _outline(building.mesh, i, frame))
    for i, rows in zip(cut.tolist(), np.split(segments, first[1:]), strict=False):
        yield Shape(i, "cut", _rings(frame.local(rows)))
    for i in flat:
        if extent[i, 1] > z_m:
            yield Shape(i, "above", _outline(building.mesh, i, frame))


def _rings(segments: FloatArray) -> str:
    """Closed rings for an even-odd fill; a surface that does not close is drawn as its lines."""
    snapped = np.round(segments / _SNAP_M) * _SNAP_M
    snapped = snapped[np.abs(snapped[:, 0] - snapped[:, 1]).max(axis=1) > 0.0]
    faces = shapely.get_parts(shapely.polygonize(shapely.linestrings(snapped)))
    if len(faces) == 0:
        return "".join(_path(line) for line in snapped)
    return "".join(_path(_ring(face.exterior)) + "Z" for face in faces)


def _outline(mesh: Mesh, element: int, frame: Frame) -> str:
    """The element seen from above."""
    triangles = frame.local(mesh.corners[mesh.of(element)][:, :, :2])
    if len(triangles) > MAX_UNION:
        shadow = shapely.convex_hull(shapely.multipoints(triangles.reshape(-1, 2)))
    else:
        flat = shapely.polygons(np.round(triangles / _SNAP_M) * _SNAP_M)
        shadow = shapely.union_all(flat[shapely.area(flat) > _SNAP_M])
    polygons = [part for part in shapely.get_parts(shadow) if part.geom_type == "Polygon"]
    return "".join(_path(_ring(ring)) + "Z" for polygon in polygons for ring in (polygon.exterior, *polygon.interiors))


def _ring(ring: shapely.LinearRing) -> FloatArray:
    coordinates: FloatArray = shapely.get_coordinates(shapely.simplify(ring, 0.005))[:-1]
    return coordinates


def _path(points: FloatArray) -> str:
    return "M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in points.tolist())
