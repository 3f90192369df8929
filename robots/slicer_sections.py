"""Closed surfaces cut by level planes: areas in the site frame."""

from collections.abc import Sequence

import numpy as np
import shapely

from bim.errors import BadInput
from bim.frames import FloatArray
from robots.printer_plan import Body

SNAP_M = 1e-5
"""Points of a section that are closer are one; finer than any printer."""
STRAIGHT_M = 1e-4
OPEN_SHARE = 0.05
"""A surface whose sections enclose this much less or more than it does is not closed."""


def sections_of(walls: Sequence[Body], levels_m: FloatArray, height_m: float) -> list[shapely.MultiPolygon]:
    """What stands at each level (L,) of all walls together. Raises BadInput for a surface that is not closed."""
    cut = [[_section(wall.corners, float(level)) for level in levels_m] for wall in walls]
    for wall, areas in zip(walls, cut, strict=True):
        _check_closed(wall, sum(area.area for area in areas) * height_m)
    return [_joined([areas[k] for areas in cut]) for k in range(len(levels_m))]


def polygons(shape: shapely.Geometry) -> shapely.MultiPolygon:
    """The areas of a geometry."""
    return shapely.MultiPolygon([part for part in shapely.get_parts(shape) if part.geom_type == "Polygon"])


def _section(corners: FloatArray, level_m: float) -> shapely.Geometry:
    """Area at one level; a segment a triangle that the plane cuts, in even-odd order where they enclose one another."""
    below = corners[:, :, 2] <= level_m
    hit = below.any(axis=1) & ~below.all(axis=1)
    corners, below = corners[hit], below[hit]
    # Turn every triangle so that its lone corner, on its own side of the plane, comes first.
    lone = np.argmax(below == (below.sum(axis=1) == 1)[:, None], axis=1)
    rows = np.arange(len(corners))
    apex, others = corners[rows, lone], [corners[rows, (lone + k) % 3] for k in (1, 2)]
    segments = np.stack([_crossing(apex, other, level_m) for other in others], axis=1)
    segments = segments[np.any(segments[:, 0] != segments[:, 1], axis=1)]
    if not len(segments):
        return shapely.Polygon()
    return shapely.build_area(shapely.union_all(shapely.linestrings(segments)))


def _crossing(a: FloatArray, b: FloatArray, level_m: float) -> FloatArray:
    """Where edges (N, 3) cross the level: from below upwards always, so that neighbours agree to the last bit."""
    low, high = np.where((a[:, 2] <= b[:, 2])[:, None], a, b), np.where((a[:, 2] <= b[:, 2])[:, None], b, a)
    share = (level_m - low[:, 2]) / (high[:, 2] - low[:, 2])
    crossing: FloatArray = np.round((low + share[:, None] * (high - low))[:, :2] / SNAP_M) * SNAP_M
    return crossing


def _joined(areas: Sequence[shapely.Geometry]) -> shapely.MultiPolygon:
    whole = shapely.union_all(list(areas), grid_size=SNAP_M)
    return polygons(shapely.simplify(whole, STRAIGHT_M))


def _check_closed(wall: Body, cut_m3: float) -> None:
    a, b, c = wall.corners.transpose(1, 0, 2)
    volume_m3 = (
        abs(float(np.einsum("ij,ij->i", a - a.mean(axis=0), np.cross(b - a.mean(axis=0), c - a.mean(axis=0))).sum()))
        / 6.0
    )
    if abs(cut_m3 - volume_m3) > OPEN_SHARE * max(volume_m3, cut_m3):
        raise BadInput(
            f"{wall.name or wall.global_id}: its surface encloses {volume_m3:.3f} m³, its sections {cut_m3:.3f} m³",
            "a closed surface",
            "repair the element in the model",
        )
