"""Storey plans as SVG paths that know their element: a section, what lies below it and what hangs above."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import shapely

from bim.frames import FloatArray
from bim.mesh import Mesh
from bim.model import Building
from bim.verdict import State
from scan_to_bim.report.render import Pixels, png
from scan_to_bim.result import Outcome, Report, Viewpoint

CUT_ABOVE_FLOOR_M = 1.2
MAX_UNION = 1500
"""Triangles up to which an outline is exact; beyond, the convex outline is drawn, which takes milliseconds."""
DOUBT = 0.2
"""Width of the completion's range from which unseen surface is worth another scan."""
_SNAP_M = 1e-4
_UNSEEN_RGB = (91, 42, 157)

Layer = Literal["below", "cut", "above"]


@dataclass(frozen=True)
class Shape:
    """One element in a plan. `path` is SVG path data in metres: x to the right, y down, from the plan's corner."""

    element: int
    layer: Layer
    path: str


@dataclass(frozen=True)
class Mark:
    """A scanner position in a plan, in metres from the plan's corner; `inside` is False where it was moved to the
    border because it lies beyond."""

    label: str
    x: float
    y: float
    inside: bool


@dataclass(frozen=True)
class Raster:
    """A picture over a plan from its upper left corner."""

    width_m: float
    depth_m: float
    png: bytes


@dataclass(frozen=True)
class Plan:
    """The plan of one storey, `width_m` x `depth_m`."""

    storey: str
    elevation_m: float
    width_m: float
    depth_m: float
    shapes: tuple[Shape, ...]
    stations: tuple[Mark, ...]
    viewpoints: tuple[Mark, ...]
    unseen: Raster | None
    """Where surface of this storey was not seen; None where everything was."""


@dataclass(frozen=True)
class _Frame:
    """The window of a plan in the site frame."""

    low: FloatArray
    high: FloatArray
    border_m: float
    """How far from the edge a mark is held, so that it is drawn whole."""

    def local(self, xy: FloatArray) -> FloatArray:
        """Site x, y (..., 2) to metres right and down from the window's upper left corner."""
        return np.stack([xy[..., 0] - self.low[0], self.high[1] - xy[..., 1]], axis=-1)


def plans(report: Report) -> list[Plan]:
    """One plan a storey that holds elements, from the lowest up; elements without a storey come last."""
    building = report.building
    if not len(building.mesh.triangles):
        return []
    low, high = building.mesh.vertices.min(axis=0)[:2], building.mesh.vertices.max(axis=0)[:2]
    margin = max(2.0, 0.07 * float((high - low).max()))
    frame = _Frame(low - margin, high + margin, 0.35 * margin)
    floors = {storey.name: storey.elevation_m for storey in reversed(building.storeys)}
    stations = _by_floor(report.stations_site_m, floors)
    numbered = list(enumerate(report.next_viewpoints, 1))
    extent = _z_extent(building)
    names = sorted(
        {element.storey for element in building.elements}, key=lambda n: (n not in floors, floors.get(n, 0.0))
    )
    return [
        Plan(
            storey=name,
            elevation_m=floors.get(name, 0.0),
            width_m=float(frame.high[0] - frame.low[0]),
            depth_m=float(frame.high[1] - frame.low[1]),
            shapes=_displaced_last(
                report, _shapes(building, name, floors.get(name, np.inf) + CUT_ABOVE_FLOOR_M, extent, frame)
            ),
            stations=tuple(_mark(str(i + 1), xyz, frame) for i, xyz in stations.get(name, [])),
            viewpoints=tuple(_viewpoint_mark(i, point, frame) for i, point in numbered if point.storey == name),
            unseen=_unseen(report, name, frame),
        )
        for name in names
    ]


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


def _shapes(building: Building, storey: str, z_m: float, extent: FloatArray, frame: _Frame) -> Iterator[Shape]:
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


def _displaced_last(report: Report, shapes: Iterator[Shape]) -> tuple[Shape, ...]:
    """What matters most is drawn over everything else."""
    return tuple(sorted(shapes, key=lambda shape: report.verdicts[shape.element].state is State.DISPLACED))


def _rings(segments: FloatArray) -> str:
    """Closed rings for an even-odd fill; a surface that does not close is drawn as its lines."""
    snapped = np.round(segments / _SNAP_M) * _SNAP_M
    snapped = snapped[np.abs(snapped[:, 0] - snapped[:, 1]).max(axis=1) > 0.0]
    faces = shapely.get_parts(shapely.polygonize(shapely.linestrings(snapped)))
    if len(faces) == 0:
        return "".join(_path(line) for line in snapped)
    return "".join(_path(_ring(face.exterior)) + "Z" for face in faces)


def _outline(mesh: Mesh, element: int, frame: _Frame) -> str:
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


def _by_floor(stations: FloatArray, floors: dict[str, float]) -> dict[str, list[tuple[int, FloatArray]]]:
    """Stations with their index, by the highest floor below them."""
    levels = sorted(floors.items(), key=lambda item: item[1])
    placed: dict[str, list[tuple[int, FloatArray]]] = {}
    for i, xyz in enumerate(stations):
        below = [name for name, elevation in levels if elevation <= xyz[2]] or [name for name, _ in levels[:1]]
        placed.setdefault(below[-1] if below else "", []).append((i, xyz))
    return placed


def _mark(label: str, xyz: FloatArray, frame: _Frame) -> Mark:
    held = np.clip(xyz[:2], frame.low + frame.border_m, frame.high - frame.border_m)
    x, y = frame.local(held)
    return Mark(label, round(float(x), 2), round(float(y), 2), bool((held == xyz[:2]).all()))


def _viewpoint_mark(number: int, viewpoint: Viewpoint, frame: _Frame) -> Mark:
    return _mark(chr(ord("A") + number - 1) if number <= 26 else str(number), np.array(viewpoint.position_m), frame)


def _unseen(report: Report, storey: str, frame: _Frame) -> Raster | None:
    """Unseen surface of the elements of this storey that it leaves in doubt, as a raster.

    Every floor has a hidden underside; where the element was judged all the same, nobody needs to look again.
    """
    samples, elements = report.samples, report.building.elements
    doubtful = [
        element.storey == storey and verdict.completion_high - verdict.completion_low > DOUBT
        for element, verdict in zip(elements, report.verdicts, strict=True)
    ]
    chosen = np.array(doubtful, dtype=bool)[samples.element] & (samples.outcome <= Outcome.OCCLUDED)
    if not chosen.any():
        return None
    size = frame.high - frame.low
    cell = max(0.2, float(size.max()) / 160)
    columns, rows = (int(n) for n in np.ceil(size / cell))
    x, y = frame.local(samples.xyz[chosen, :2]).T
    area, _, _ = np.histogram2d(
        y, x, bins=(rows, columns), range=((0, rows * cell), (0, columns * cell)), weights=samples.area_m2[chosen]
    )
    pixels: Pixels = np.zeros((rows, columns, 4), dtype=np.uint8)
    pixels[:, :, :3] = _UNSEEN_RGB
    pixels[:, :, 3] = np.clip(150 * area / cell**2, 0, 150)
    return Raster(columns * cell, rows * cell, png(pixels, colours=0))
