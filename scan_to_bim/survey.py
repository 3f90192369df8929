"""A scan reduced to what the comparison needs: one range image a station, in the scan's own frame.

The reduction is a single pass over the blocks of a cloud and does not depend on the pose, so a scan of any size is
decoded once. Memory is bounded by the cells of the images, not by the points of the scan.

An image is a cube map (Greene 1986, "Environment mapping and other applications of world projections"): six faces of
`size` x `size` cells around the scanner. Unlike azimuth and elevation it needs no trigonometry and has no poles.
A cell keeps the first point that fell into it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
from numba import njit

from bim.errors import BadScan
from bim.frames import FloatArray, IntArray

Float32Array = npt.NDArray[np.float32]

MAX_CELLS = 24_000_000
"""Cells of all images together: with their points about 450 MB."""
CELL_PER_SPACING = 0.75
"""Cell width over the angle between neighbouring rays, so that a regular grid keeps nearly every point."""
VOXEL_M = 0.02
"""Where scanner origins are unknown, one point is kept in each voxel of this edge, a multiple in a huge scan."""
MAX_VOXELS = 1 << 23
"""Points of unknown origin that are kept at most; one more, and the voxels double their edge."""
REACH_M = 5000.0
"""What is farther from its scanner, or from the middle of a scan without one, is no part of a site and left out."""
UNKNOWN_STATION = -1


class Block(Protocol):
    """A run of points: xyz (N, 3) float64 metres in the scan frame, station (N,) int32."""

    @property
    def xyz(self) -> FloatArray: ...

    @property
    def station(self) -> IntArray: ...


@dataclass(frozen=True)
class Survey:
    """Range images of every station, in the scan frame.

    points: (M, 3) float32 metres relative to `centre_m`. station: (M,) int32 index into `origins_m`, -1 where the
    scanner's position is unknown. origins_m: (S, 3) float64 relative to `centre_m`. Image s has
    6 * size[s]^2 cells from `start[s]` on in `cells`, each an index into `points` or -1.
    spacing_rad: (S,) angle between neighbouring rays. points_read: points that the scan gave.
    """

    centre_m: FloatArray
    points: Float32Array
    station: IntArray
    origins_m: FloatArray
    size: IntArray
    start: npt.NDArray[np.int64]
    cells: IntArray
    spacing_rad: FloatArray
    points_read: int


@njit(cache=True, inline="always")
def cube_cell(x: float, y: float, z: float, size: int) -> int:
    """The cell of direction (x, y, z), not all zero, in a cube map of `size` cells an edge."""
    ax, ay, az = abs(x), abs(y), abs(z)
    if ax >= ay and ax >= az:
        face, u, v, w = (0 if x > 0 else 1), y, z, ax
    elif ay >= az:
        face, u, v, w = (2 if y > 0 else 3), x, z, ay
    else:
        face, u, v, w = (4 if z > 0 else 5), x, y, az
    half = 0.5 * size
    column = min(int((u / w + 1.0) * half), size - 1)
    row = min(int((v / w + 1.0) * half), size - 1)
    return (face * size + row) * size + column


@njit(cache=True)
def _slots(station: IntArray, keys: npt.NDArray[np.int64]) -> IntArray:
    """Where each station key is in the sorted `keys`, -1 where it is not."""
    slots = np.empty(len(station), dtype=np.int32)
    key, slot = -1, UNKNOWN_STATION
    for i in range(len(station)):
        if i == 0 or station[i] != key:
            key = station[i]
            at = np.searchsorted(keys, key)
            slot = at if at < len(keys) and keys[at] == key else UNKNOWN_STATION
        slots[i] = slot
    return slots


@njit(cache=True)
def _fill(
    xyz: FloatArray,
    slots: IntArray,
    centre: FloatArray,
    origins: FloatArray,
    size: int,
    begun: npt.NDArray[np.bool_],
    cells: IntArray,
    points: Float32Array,
    owner: IntArray,
    count: int,
) -> int:
    """Put a block into the images, of which unused ones cost no memory; returns the number of points kept so far."""
    per_image = 6 * size * size
    for i in range(xyz.shape[0]):
        s = slots[i]
        if s < 0:
            continue
        x, y, z = xyz[i, 0] - centre[0], xyz[i, 1] - centre[1], xyz[i, 2] - centre[2]
        dx, dy, dz = x - origins[s, 0], y - origins[s, 1], z - origins[s, 2]
        if not 1e-4 < dx * dx + dy * dy + dz * dz < REACH_M * REACH_M:
            continue
        if not begun[s]:
            begun[s] = True
            cells[s * per_image : (s + 1) * per_image] = -1
        cell = s * per_image + cube_cell(dx, dy, dz, size)
        if cells[cell] < 0 and count < len(points):
            cells[cell] = count
            points[count, 0], points[count, 1], points[count, 2] = x, y, z
            owner[count] = s
            count += 1
    return count


def build_survey(
    blocks: Iterable[Block],
    origins_m: Mapping[int, tuple[float, float, float]],
    claimed: int,
    centre_m: FloatArray | None = None,
    max_cells: int = MAX_CELLS,
) -> Survey:
    """One pass over `blocks`, whose points are finite.

    `origins_m` gives scanner origins in the scan frame by station key; points of other keys have an unknown origin,
    stations without a point are left out. `claimed` is the most points that the scan can have. `centre_m` is chosen
    when it is not given. Raises BadScan when there is no point.
    """
    keys = np.array(sorted(origins_m), dtype=np.int64)
    origins = np.array([origins_m[int(key)] for key in keys], dtype=np.float64).reshape(-1, 3)
    iterator = iter(blocks)
    first = first_of(iterator)
    if centre_m is None:
        centre_m = centre_of(first, origins_m)
    images = _Images(centre_m, keys, origins - centre_m, max(claimed, 1), first, max_cells)
    images.add(first)
    for block in iterator:
        images.add(block)
    return images.survey()


def first_of(blocks: Iterator[Block]) -> Block:
    """The first block that holds a point. Raises BadScan when there is none."""
    first = next((block for block in blocks if len(block.xyz)), None)
    if first is None:
        raise BadScan("the scan holds no point", "at least one", "check the export")
    return first


def centre_of(first: Block, origins_m: Mapping[int, tuple[float, float, float]]) -> FloatArray:
    """Where the points of a scan are counted from (3,), in whole metres: amid its scanners, or its first points."""
    origins = [origins_m[key] for key in sorted(origins_m)]
    centre_m: FloatArray = np.round(np.mean(origins, axis=0) if origins else np.median(first.xyz, axis=0))
    return centre_m


def merge_surveys(surveys: Sequence[Survey]) -> Survey:
    """Surveys of one frame and one `centre_m` as one; their stations stay apart."""
    if len(surveys) == 1:
        return surveys[0]
    stations = np.cumsum([0, *(len(s.origins_m) for s in surveys)])
    points = np.cumsum([0, *(len(s.points) for s in surveys)])
    cells = np.cumsum([0, *(len(s.cells) for s in surveys)])
    return Survey(
        centre_m=surveys[0].centre_m,
        points=np.concatenate([s.points for s in surveys]),
        station=np.concatenate([_shifted(s.station, n) for s, n in zip(surveys, stations, strict=False)]),
        origins_m=np.concatenate([s.origins_m for s in surveys]),
        size=np.concatenate([s.size for s in surveys]),
        start=np.concatenate([s.start + n for s, n in zip(surveys, cells, strict=False)]),
        cells=np.concatenate([_shifted(s.cells, n) for s, n in zip(surveys, points, strict=False)]),
        spacing_rad=np.concatenate([s.spacing_rad for s in surveys]),
        points_read=sum(s.points_read for s in surveys),
    )


def _shifted(index: IntArray, by: int) -> IntArray:
    """Indices moved by `by`; -1 stays -1."""
    return np.where(index >= 0, index + np.int32(by), np.int32(-1)).astype(np.int32)


class _Images:
    """The images while they grow."""

    def __init__(
        self,
        centre: FloatArray,
        keys: npt.NDArray[np.int64],
        origins: FloatArray,
        claimed: int,
        first: Block,
        max_cells: int,
    ) -> None:
        self.centre, self.keys, self.origins = centre, keys, origins
        self.read = 0
        self.count = 0
        spacing = _ray_spacing(first, keys, origins + centre, claimed)
        affordable = np.sqrt(max_cells / 6 / max(len(keys), 1))
        self.size = int(np.clip(np.ceil(2.0 / (CELL_PER_SPACING * spacing)), 16, max(affordable, 16)))
        self.spacing = max(spacing, 2.0 / self.size)
        self.begun = np.zeros(len(keys), dtype=np.bool_)
        self.cells = np.empty(len(keys) * 6 * self.size**2, dtype=np.int32)
        most = min(len(self.cells), claimed)
        self.points = np.empty((most, 3), dtype=np.float32)
        self.owner = np.empty(most, dtype=np.int32)
        self.loose = _Voxels()

    def add(self, block: Block) -> None:
        self.read += len(block.xyz)
        slots = _slots(block.station, self.keys)
        self.count = _fill(
            block.xyz, slots, self.centre, self.origins, self.size, self.begun, self.cells, self.points, self.owner,
            self.count,
        )  # fmt: skip
        unknown = slots == UNKNOWN_STATION
        if unknown.any():
            loose = block.xyz[unknown] - self.centre
            self.loose.add(loose[(np.abs(loose) < REACH_M).all(axis=1)].astype(np.float32))

    def survey(self) -> Survey:
        seen = np.flatnonzero(self.begun)
        place = np.zeros(max(len(self.keys), 1), dtype=np.int32)
        place[seen] = np.arange(len(seen))
        images = self.cells.reshape(len(self.keys), 6 * self.size**2)
        known = Survey(
            centre_m=self.centre,
            points=self.points[: self.count],
            station=place[self.owner[: self.count]],
            origins_m=self.origins[seen],
            size=np.full(len(seen), self.size, dtype=np.int32),
            start=np.arange(len(seen), dtype=np.int64) * 6 * self.size**2,
            cells=self.cells if len(seen) == len(self.keys) else images[seen].ravel(),
            spacing_rad=np.full(len(seen), self.spacing),
            points_read=self.read,
        )
        loose = self.loose.points[: self.loose.count]
        if not len(loose):
            return known
        return replace(
            known,
            points=np.concatenate([known.points, loose]),
            station=np.concatenate([known.station, np.full(len(loose), UNKNOWN_STATION, dtype=np.int32)]),
        )


class _Voxels:
    """The first point of each voxel, in the order of the scan: a hash table of open addressing beside the points."""

    def __init__(self) -> None:
        self.edge_m = VOXEL_M
        self.count = 0
        self.points = np.empty((0, 3), dtype=np.float32)
        self._reserve(1 << 16)

    def _reserve(self, most: int) -> None:
        """Room for `most` points; what is kept is entered anew."""
        kept = self.points[: self.count]
        self.table = np.full(2 * most, -1, dtype=np.int32)
        self.points = np.empty((most, 3), dtype=np.float32)
        _, self.count = _enter(kept, np.float32(self.edge_m), self.table, self.points, 0)

    def add(self, xyz: Float32Array) -> None:
        """Enter points (N, 3) relative to the survey's centre, metres."""
        entered = 0
        while entered < len(xyz):
            taken, self.count = _enter(xyz[entered:], np.float32(self.edge_m), self.table, self.points, self.count)
            entered += taken
            if entered < len(xyz) and 2 * len(self.points) > MAX_VOXELS:
                self.edge_m *= 2
                self._reserve(len(self.points))
            elif entered < len(xyz):
                self._reserve(2 * len(self.points))


@njit(cache=True)
def _enter(xyz: Float32Array, edge: np.float32, table: IntArray, points: Float32Array, count: int) -> tuple[int, int]:
    """Enter points until `points` is full; returns how many of `xyz` are done with, and how many points are kept."""
    mask = len(table) - 1
    for i in range(len(xyz)):
        a, b, c = np.floor(xyz[i, 0] / edge), np.floor(xyz[i, 1] / edge), np.floor(xyz[i, 2] / edge)
        # Teschner et al. 2003, "Optimized spatial hashing for collision detection of deformable objects".
        slot = ((np.int64(a) * 73856093) ^ (np.int64(b) * 19349663) ^ (np.int64(c) * 83492791)) & mask
        while table[slot] >= 0:
            other = points[table[slot]]
            if np.floor(other[0] / edge) == a and np.floor(other[1] / edge) == b and np.floor(other[2] / edge) == c:
                break
            slot = (slot + 1) & mask
        if table[slot] < 0:
            if count == len(points):
                return i, count
            table[slot] = count
            points[count] = xyz[i]
            count += 1
    return len(xyz), count


def _ray_spacing(first: Block, keys: npt.NDArray[np.int64], origins: FloatArray, claimed: int) -> float:
    """Angle between neighbouring rays: that of consecutive points where the file keeps the scanner's order, else
    that of as many rays spread over the whole sphere."""
    by_count = float(np.sqrt(4 * np.pi * max(len(keys), 1) / claimed))
    if not len(keys):
        return by_count
    slot = np.minimum(np.searchsorted(keys, first.station[:50_000]), len(keys) - 1)
    ray = first.xyz[:50_000] - origins[slot]
    ray = ray / np.maximum(np.linalg.norm(ray, axis=1, keepdims=True), 1e-9)
    consecutive = np.linalg.norm(np.diff(ray, axis=0), axis=1)
    by_order = float(np.median(consecutive)) if len(consecutive) else by_count
    return by_order if 0.1 * by_count < by_order < by_count else by_count
