"""One layer's section into beads: as few runs without a stop as there are separate pieces.

A section is filled with rings that follow its outline, from each face inwards. Neighbouring rings of a piece are joined
where they pass each other, and a layer of one piece ends where it began, so that the next layer goes on without a stop
and every point waits equally long for the bead above it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
import shapely.ops

from bim.frames import FloatArray
from robots.printer_profiles import Bead

JOIN = 1.5
"""Rings closer than this many bead widths are joined by a bead."""
TINY_M = 1e-9
LEAST_PIECE = 4.0
"""A ring shorter than this many bead widths is not laid."""


def thickness_m(piece: shapely.Polygon) -> float:
    """Thickness of a piece that is a band of even thickness, branching or closed, as the walls of a plan are.

    A band of length l and thickness t with h holes has the area A = l t and the perimeter P = 2 l + 2 (1 - h) t, exact
    for straight bands that meet at right angles; so t solves 2 (1 - h) t^2 - P t + 2 A = 0.
    """
    a, p, area = 2.0 * (1 - len(piece.interiors)), piece.length, piece.area
    root = math.sqrt(max(p * p - 8.0 * a * area, 0.0))
    return float(4.0 * area / (p + root))


def bead_fit(piece: shapely.Polygon, bead: Bead) -> tuple[int, float]:
    """Beads from each face to the middle, and their width, that fill a piece exactly (or its shells, if so many)."""
    thickness = thickness_m(piece)
    if bead.shells:
        return bead.shells, bead.width_m
    count = max(round(thickness / (2.0 * bead.width_m)), 1)
    return count, thickness / (2.0 * count)


def runs_of(section: shapely.MultiPolygon, bead: Bead, start: FloatArray | None) -> list[tuple[FloatArray, float]]:
    """Runs of a layer, each (N, 2), with their bead's width, in working order.

    The first begins nearest `start`; without one, in the middle of a long side.
    """
    rings = [ring for piece in section.geoms for ring in _rings(piece, *bead_fit(piece, bead))]
    runs: list[tuple[FloatArray, float]] = []
    here = start
    while rings:
        begin = rings[0].middle_of_longest_side() if here is None else here
        runs.append(_chain(rings, begin, alone=not runs))
        here = runs[-1][0][-1]
    if len(runs) == 1:
        runs[0] = (_apart(np.vstack([runs[0][0], runs[0][0][:1]])), runs[0][1])
    return runs


@dataclass(frozen=True, eq=False)
class _Ring:
    line: shapely.LineString
    width: float
    piece: shapely.Polygon

    def middle_of_longest_side(self) -> FloatArray:
        points = np.asarray(self.line.coords)
        longest = int(np.argmax(np.hypot(*np.diff(points, axis=0).T).round(6)))
        middle: FloatArray = 0.5 * (points[longest] + points[longest + 1])
        return middle

    def nearest(self, to: FloatArray) -> FloatArray:
        return np.asarray(self.line.interpolate(self.line.project(shapely.Point(to))).coords[0])

    def begun_at(self, begin: FloatArray) -> FloatArray:
        """The ring's points, beginning and ending at a point on it."""
        at = self.line.project(shapely.Point(begin))
        parts = [shapely.ops.substring(self.line, at, self.line.length), shapely.ops.substring(self.line, 0.0, at)]
        return _apart(np.concatenate([np.asarray(part.coords) for part in parts]))


def _apart(points: FloatArray) -> FloatArray:
    """Without points that are where the one before is: a step of no length has no direction."""
    apart: FloatArray = points[np.concatenate([[True], np.hypot(*np.diff(points, axis=0).T) > TINY_M])]
    return apart


def _rings(piece: shapely.Polygon, count: int, width: float) -> Iterator[_Ring]:
    for k in range(count):
        for part in shapely.get_parts(piece.buffer(-(k + 0.5) * width, join_style="mitre")):
            for ring in (part.exterior, *part.interiors):
                if ring.length >= LEAST_PIECE * width:
                    yield _Ring(shapely.LineString(ring.coords), width, piece)


def _chain(rings: list[_Ring], here: FloatArray, *, alone: bool) -> tuple[FloatArray, float]:
    """Takes rings off the list, each beside the one before, as one run."""
    ring = rings.pop(_nearest(rings, here))
    width = ring.width
    laid = [ring.begun_at(ring.nearest(here))]
    while rings:
        beside = rings[_nearest(rings, laid[-1][0])]
        begin = beside.nearest(laid[-1][0])
        if beside.piece is not ring.piece or np.hypot(*(begin - laid[-1][0])) > JOIN * width:
            break
        rings.remove(beside)
        laid = [*laid[:-1], _shortened(laid[-1], width), beside.begun_at(begin)]
    if len(laid) > 1 and alone and not rings:
        # What the way back to the start will cover is left out of the last ring.
        laid[-1] = _shortened(laid[-1], 2.0 * (len(laid) - 1) * width)
    return _apart(np.concatenate(laid)), width


def _nearest(rings: Sequence[_Ring], here: FloatArray) -> int:
    point = shapely.Point(here)
    return int(np.argmin([ring.line.distance(point) for ring in rings]))


def _shortened(points: FloatArray, by_m: float) -> FloatArray:
    line = shapely.LineString(points)
    return np.asarray(shapely.ops.substring(line, 0.0, max(line.length - by_m, 0.5 * line.length)).coords)
