"""Extruded rectangles, circles and rings into triangles: a kernel takes 1 ms for what a template gives at once."""

import math
from functools import cache

import numpy as np

from bim.frames import FloatArray, IntArray
from bim.ifc_facesets import Entity, Surface

SAGITTA_M = 0.0005
"""How far a chord may lie inside its circle."""
MIN_SEGMENTS = 12
MAX_SEGMENTS = 1000


def extruded(item: Entity, unit_m: float) -> Surface:
    """An IfcExtrudedAreaSolid before its Position is applied. Raises ValueError for profiles of other kinds."""
    rings = _rings(item.SweptArea, unit_m)
    direction = np.array(item.ExtrudedDirection.DirectionRatios, float)
    sweep = direction * (float(item.Depth) * unit_m / math.sqrt(direction @ direction))
    if not sweep[2] > 0.0:
        raise ValueError("an extrusion that does not rise")
    base = _positioned(np.concatenate(rings), item.SweptArea.Position, unit_m)
    return Surface(np.concatenate([base, base + sweep]), _triangles(len(rings[0]), len(rings)))


def _rings(profile: Entity, unit_m: float) -> list[FloatArray]:
    """The convex outline and, if there is one, the hole that follows it, each (N, 3) with z = 0."""
    kind = profile.is_a()
    if kind == "IfcRectangleProfileDef":
        x, y = 0.5 * profile.XDim * unit_m, 0.5 * profile.YDim * unit_m
        return [np.array([(-x, -y, 0.0), (x, -y, 0.0), (x, y, 0.0), (-x, y, 0.0)])]
    if kind not in ("IfcCircleProfileDef", "IfcCircleHollowProfileDef"):
        raise ValueError(f"profile {kind}")
    radius_m = profile.Radius * unit_m
    holes_m = [radius_m - profile.WallThickness * unit_m] if kind == "IfcCircleHollowProfileDef" else []
    if min(radius_m, *holes_m, math.inf) <= SAGITTA_M:
        raise ValueError("a circle too small to have a shape")
    segments = math.ceil(math.pi / math.acos(1.0 - SAGITTA_M / radius_m))
    circle = _circle(max(MIN_SEGMENTS, min(segments, MAX_SEGMENTS)))
    return [radius * circle for radius in (radius_m, *holes_m)]


def _positioned(outline: FloatArray, position: Entity | None, unit_m: float) -> FloatArray:
    if position is None:
        return outline
    x, y = position.RefDirection.DirectionRatios if position.RefDirection else (1.0, 0.0)
    length = math.hypot(x, y)
    axes = np.array([(x, y, 0.0), (-y, x, 0.0), (0.0, 0.0, length)]) / length
    moved: FloatArray = outline @ axes + np.array([*position.Location.Coordinates, 0.0]) * unit_m
    return moved


@cache
def _circle(segments: int) -> FloatArray:
    angle_rad = np.linspace(0.0, 2.0 * math.pi, segments, endpoint=False)
    return np.column_stack([np.cos(angle_rad), np.sin(angle_rad), np.zeros(segments)])


@cache
def _triangles(segments: int, rings: int) -> IntArray:
    """Triangles over the rings at the base, outer first, followed by the same rings at the top."""
    first = np.arange(segments, dtype=np.int32)
    top = segments * rings
    if rings == 1:
        cap = np.column_stack([np.zeros(segments - 2, np.int32), first[1:-1], first[2:]])
        return np.concatenate([cap[:, ::-1], cap + top, _band(first, first + top)])
    outer, inner = first, first + segments
    walls = [_band(outer, outer + top), _band(inner + top, inner)]
    return np.concatenate([*walls, _band(outer + top, inner + top), _band(inner, outer)])


def _band(lower: IntArray, upper: IntArray) -> IntArray:
    """Triangles between two closed rings, counter-clockwise seen from outside when upper lies above lower."""
    lower_next, upper_next = np.roll(lower, -1), np.roll(upper, -1)
    halves = [np.column_stack([lower, lower_next, upper_next]), np.column_stack([lower, upper_next, upper])]
    return np.concatenate(halves)
