"""The axes of IfcGrid as straight lines. Runs in a child process; `bim.setting_out` is what others call."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ifcopenshell.util.placement import get_local_placement

from bim.frames import FloatArray
from bim.ifc_reader import length_unit_m, open_model

Entity = Any
STRAIGHT_M = 1e-3


def grid_lines(path: Path) -> list[list[Any]]:
    """Grid, axis, and its ends x, y, x, y in metres of the site frame. Raises BadModel."""
    model, _ = open_model(path)
    unit_m = length_unit_m(model)
    return [
        [grid.Name or "", axis.AxisTag or "", *(unit_m * points[[0, -1], :2]).ravel().tolist()]
        for grid in model.by_type("IfcGrid")
        for axis in _axes(grid)
        if (points := _placed(grid, axis.AxisCurve)) is not None and _straight(unit_m * points)
    ]


def _axes(grid: Entity) -> Iterator[Entity]:
    for side in (grid.UAxes, grid.VAxes, grid.WAxes):
        yield from side or ()


def _placed(grid: Entity, curve: Entity) -> FloatArray | None:
    """Points (N, 3) of the curve in the model's frame and unit, None for what is not made of points."""
    points = _points(curve)
    if points is None:
        return None
    T = get_local_placement(grid.ObjectPlacement) if grid.ObjectPlacement else np.eye(4)
    placed: FloatArray = np.column_stack([points, np.zeros(len(points))]) @ T[:3, :3].T + T[:3, 3]
    return placed


def _points(curve: Entity) -> FloatArray | None:
    if curve.is_a("IfcPolyline"):
        return np.array([point.Coordinates[:2] for point in curve.Points], float)
    if curve.is_a("IfcIndexedPolyCurve") and not curve.Segments:
        return np.array([coordinates[:2] for coordinates in curve.Points.CoordList], float)
    if curve.is_a("IfcTrimmedCurve") and curve.BasisCurve.is_a("IfcLine"):
        return _trimmed(curve)
    return None


def _trimmed(curve: Entity) -> FloatArray | None:
    """A line between two of its points, or two of its parameters, which count in lengths of its vector."""
    ends = []
    for trim in (curve.Trim1, curve.Trim2):
        point = next((each for each in trim if each.is_a("IfcCartesianPoint")), None)
        line = curve.BasisCurve
        along = np.array(line.Dir.Orientation.DirectionRatios[:2], float)
        along *= line.Dir.Magnitude / np.linalg.norm(along)
        start = np.array(line.Pnt.Coordinates[:2], float)
        ends.append(np.array(point.Coordinates[:2], float) if point else start + trim[0].wrappedValue * along)
    return np.array(ends)


def _straight(points: FloatArray) -> bool:
    """Whether all points (N, 3) lie on the line between the ends."""
    a, b = points[0, :2], points[-1, :2]
    length = float(np.linalg.norm(b - a))
    if length < STRAIGHT_M:
        return False
    x, y = ((b - a) / length).tolist()
    off = np.abs((points[:, 0] - a[0]) * y - (points[:, 1] - a[1]) * x)
    return bool(off.max() < STRAIGHT_M)
