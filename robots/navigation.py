"""Where a robot can go on each storey, and how far it is: a map made from the model and what stands of it.

A cell is free when a floor stands under it and nothing that stands, or that nobody has looked at, comes nearer than
the robot's radius between its lowest and its highest part. Doors are passed, stairs and edges are not. Storeys are
connected by no way that a robot could go. Ways are shortest ways over free cells (Dijkstra), in metres.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt, label
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from bim.frames import FloatArray
from bim.model import Storey
from bim.verdict import Reason, State
from robots.site_state import BoolArray, Looking, SiteState

CELL_M = 0.1
CUTS_M = (0.12, 0.5, 1.0)
"""Heights above the floor at which the robot's body meets things."""
STEP_M = 0.1
"""A floor that lies further from the storey's level is a step or another level."""
PASSED = ("IfcDoor",)
REACH_M = 1.2
"""How far from where it stands a robot can work."""
STRAIGHT, SLANTED = 1.0, 2.0**0.5
NEIGHBOURS = ((0, 1, STRAIGHT), (1, 0, STRAIGHT), (1, 1, SLANTED), (1, -1, SLANTED))


@dataclass(frozen=True)
class StoreyMap:
    """One storey. low_m: (2,) corner of cell (0, 0). floor, free, part: (X, Y); part numbers what hangs together."""

    storey: str
    elevation_m: float
    low_m: FloatArray
    floor: BoolArray
    free: BoolArray
    part: npt.NDArray[np.int32]
    cell_m: float = CELL_M

    def cell(self, point: Sequence[float]) -> tuple[int, int]:
        """The cell of a point of the site frame, which may lie outside the map."""
        x, y = np.floor((np.asarray(point[:2]) - self.low_m) / CELL_M).astype(int)
        return int(x), int(y)

    def standpoint(self, point: Sequence[float], reach_m: float = REACH_M) -> tuple[int, int] | None:
        """The free cell nearest to a point within reach, None for none."""
        x, y = self.cell(point)
        span = int(np.ceil(reach_m / CELL_M))
        rows = np.arange(max(x - span, 0), min(x + span + 1, self.free.shape[0]))
        columns = np.arange(max(y - span, 0), min(y + span + 1, self.free.shape[1]))
        near = np.argwhere(self.free[np.ix_(rows, columns)])
        if not len(near):
            return None
        near += [rows[0], columns[0]]
        away_m = CELL_M * np.hypot(*(near - [x, y]).T)
        if away_m.min() > reach_m:
            return None
        best = near[np.argmin(away_m)]
        return int(best[0]), int(best[1])

    def centre(self, cell: tuple[int, int]) -> tuple[float, float, float]:
        """The middle of a cell on the floor."""
        x, y = self.low_m + CELL_M * (np.array(cell) + 0.5)
        return float(x), float(y), self.elevation_m

    def why_not(self, point: Sequence[float]) -> Reason:
        """Why no robot gets near a point that has no standpoint."""
        x, y = self.cell(point)
        inside = 0 <= x < self.floor.shape[0] and 0 <= y < self.floor.shape[1]
        if not inside or not self.floor[x, y]:
            return Reason(f"no floor stands there on {self.storey}", f"{self.storey} 该处没有已建成的楼面")
        return Reason(f"no room for the robot there on {self.storey}", f"{self.storey} 该处空间不足，机器人无法进入")


def storey_maps(site: SiteState, radius_m: float) -> tuple[StoreyMap, ...]:
    """A map a storey for robots of this radius."""
    solid = (site.stands | site.masked(State.UNSEEN)) & ~site.of_class(*PASSED)
    floors = Looking(site, site.masked(State.BUILT, State.DISPLACED))
    return tuple(_storey_map(site, storey, solid, floors, radius_m) for storey in site.building.storeys)


def _storey_map(site: SiteState, storey: Storey, solid: BoolArray, floors: Looking, radius_m: float) -> StoreyMap:
    vertices = site.building.mesh.vertices
    low = np.floor(vertices[:, :2].min(axis=0)) - CELL_M
    shape = tuple(np.ceil((vertices[:, :2].max(axis=0) + 1.0 - low) / CELL_M).astype(int))
    corners = site.building.mesh.corners[solid[site.building.mesh.element]]
    blocked = np.zeros(shape, bool)
    for height_m in CUTS_M:
        _mark(blocked, outline(corners, storey.elevation_m + height_m), low)
    floor = _floor(floors, storey.elevation_m, low, blocked.shape)
    # Edges of the floor are kept as far away from as walls.
    free = CELL_M * distance_transform_edt(~blocked & floor) > radius_m
    return StoreyMap(storey.name, storey.elevation_m, low, floor, free, label(free, np.ones((3, 3)))[0])


def outline(corners: FloatArray, height_m: float) -> FloatArray:
    """Segments (S, 2, 2) in which triangles meet a level."""
    above = corners[..., 2] > height_m
    crossing = corners[above.any(axis=1) & ~above.all(axis=1)]
    above = crossing[..., 2] > height_m
    lone = np.argmax(above == (above.sum(axis=1) == 1)[:, None], axis=1)
    a, b, c = (crossing[np.arange(len(crossing)), (lone + k) % 3] for k in range(3))
    ends = []
    for other in (b, c):
        share = (height_m - a[:, 2]) / (other[:, 2] - a[:, 2])
        ends.append(a[:, :2] + share[:, None] * (other - a)[:, :2])
    segments: FloatArray = np.stack(ends, axis=1)
    return segments


def _mark(blocked: BoolArray, segments: FloatArray, low: FloatArray) -> None:
    """Block every cell that a segment passes."""
    if not len(segments):
        return
    steps = np.maximum(2, np.ceil(np.linalg.norm(segments[:, 1] - segments[:, 0], axis=1) / (CELL_M / 3)).astype(int))
    of = np.repeat(np.arange(len(segments)), steps)
    share = (np.arange(len(of)) - np.repeat(np.cumsum(steps) - steps, steps)) / (steps[of] - 1)
    points = segments[of, 0] + share[:, None] * (segments[of, 1] - segments[of, 0])
    x, y = np.floor((points - low) / CELL_M).astype(int).T
    blocked[x, y] = True


def _floor(floors: Looking, elevation_m: float, low: FloatArray, shape: tuple[int, ...]) -> BoolArray:
    """(X, Y) cells under which a floor stands at the storey's level."""
    x, y = (low[k] + CELL_M * (np.arange(shape[k]) + 0.5) for k in (0, 1))
    plan = np.array(np.meshgrid(x, y, indexing="ij")).reshape(2, -1).T
    above = np.column_stack([plan, np.full(len(plan), elevation_m + CUTS_M[0])])
    distance, _ = floors.first_hit(above, np.array([0.0, 0.0, -1.0]))
    found: BoolArray = (np.abs(distance - CUTS_M[0]) <= STEP_M).reshape(shape[0], shape[1])
    return found


# --- Ways -------------------------------------------------------------------------------------------------------------

Place = tuple[str, tuple[int, int]]
"""A storey and a free cell of it."""


def distances_m(maps: Sequence[StoreyMap], places: Sequence[Place]) -> FloatArray:
    """(P, P) metres between places; infinite between parts that do not hang together."""
    metres = np.full((len(places), len(places)), np.inf)
    for each in maps:
        mine = [k for k, (storey, _) in enumerate(places) if storey == each.storey]
        if mine:
            cells = np.array([np.ravel_multi_index(places[k][1], each.free.shape) for k in mine])
            starts, of = np.unique(cells, return_inverse=True)
            found = dijkstra(_graph(each.free), directed=False, indices=starts)
            metres[np.ix_(mine, mine)] = CELL_M * found[of][:, cells]
    return metres


def way(storey: StoreyMap, start: tuple[int, int], goal: tuple[int, int]) -> FloatArray | None:
    """Middles (W, 2) of the cells of the shortest way between two free cells, None where there is none."""
    a, b = (int(np.ravel_multi_index(cell, storey.free.shape)) for cell in (start, goal))
    length, before = dijkstra(_graph(storey.free), directed=False, indices=a, return_predecessors=True)
    if not np.isfinite(length[b]):
        return None
    cells = [b]
    while cells[-1] != a:
        cells.append(int(before[cells[-1]]))
    found: FloatArray = storey.low_m + CELL_M * (
        np.column_stack(np.unravel_index(cells[::-1], storey.free.shape)) + 0.5
    )
    return found


def _graph(free: BoolArray) -> coo_array:
    number = np.arange(free.size).reshape(free.shape)
    rows, columns, lengths = [], [], []
    for dx, dy, length in NEIGHBOURS:
        here = (slice(0, free.shape[0] - dx), slice(max(0, -dy), free.shape[1] - max(0, dy)))
        there = (slice(dx, None), slice(max(0, dy), free.shape[1] + min(0, dy)))
        both = free[here] & free[there]
        rows.append(number[here][both])
        columns.append(number[there][both])
        lengths.append(np.full(int(both.sum()), length))
    parts = np.concatenate(lengths), (np.concatenate(rows), np.concatenate(columns))
    return coo_array(parts, shape=(free.size, free.size)).tocsr()
