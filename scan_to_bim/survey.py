"""A scan reduced to what the comparison needs: one range image a station, in the scan's own frame.

The reduction is a single pass over the blocks of a cloud and does not depend on the pose, so a scan of any size is
decoded once. Memory is bounded by the cells of the images, not by the points of the scan.

An image is a cube map (Greene 1986, "Environment mapping and other applications of world projections"): six faces of
`size` x `size` cells around the scanner. Unlike azimuth and elevation it needs no trigonometry and has no poles.
A cell keeps the first point that fell into it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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
"""Where scanner origins are unknown, one point is kept in each voxel of this edge."""
UNKNOWN_STATION = -1


class Block(Protocol):
    """A run of points: xyz (N, 3) float64 metres in the scan frame, station (N,) int32."""

    xyz: FloatArray
    station: IntArray


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
def _fill(
    xyz: FloatArray,
    station: IntArray,
    centre: FloatArray,
    origins: FloatArray,
    size: IntArray,
    start: npt.NDArray[np.int64],
    cells: IntArray,
    points: Float32Array,
    owner: IntArray,
    count: int,
) -> int:
    """Put a block into the images; returns the number of points kept so far."""
    for i in range(xyz.shape[0]):
        s = station[i]
        if s < 0:
            continue
        x, y, z = xyz[i, 0] - centre[0], xyz[i, 1] - centre[1], xyz[i, 2] - centre[2]
        dx, dy, dz = x - origins[s, 0], y - origins[s, 1], z - origins[s, 2]
        if not (dx * dx + dy * dy + dz * dz > 1e-4):
            continue
        cell = start[s] + cube_cell(dx, dy, dz, size[s])
        if cells[cell] < 0:
            cells[cell] = count
            points[count, 0], points[count, 1], points[count, 2] = x, y, z
            owner[count] = s
            count += 1
    return count


def build_survey(blocks: Iterable[Block], origins_m: Mapping[int, tuple[float, float, float]], claimed: int) -> Survey:
    """One pass over `blocks`.

    `origins_m` gives scanner origins in the scan frame by station key; points of other keys have an unknown origin.
    `claimed` is the number of points that the scan says it has; it only sizes the images. Raises BadScan when there
    is no point.
    """
    keys = np.array(sorted(origins_m), dtype=np.int64)
    origins = np.array([origins_m[int(key)] for key in keys], dtype=np.float64).reshape(-1, 3)
    iterator = iter(blocks)
    first = next((block for block in iterator if len(block.xyz)), None)
    if first is None:
        raise BadScan("the scan holds no point", "at least one", "check the export")
    centre = np.round(origins.mean(axis=0) if len(origins) else np.median(first.xyz, axis=0))
    images = _Images(centre, keys, origins - centre, max(claimed, 1), first)
    voxels: set[int] = set()
    loose: list[Float32Array] = []
    images.add(first, voxels, loose)
    for block in iterator:
        images.add(block, voxels, loose)
    return images.survey(loose)


class _Images:
    """The images while they grow."""

    def __init__(
        self, centre: FloatArray, keys: npt.NDArray[np.int64], origins: FloatArray, claimed: int, first: Block
    ):
        self.centre, self.keys, self.origins = centre, keys, origins
        self.read = 0
        self.count = 0
        spacing = _ray_spacing(first, keys, origins + centre, claimed)
        affordable = np.sqrt(MAX_CELLS / 6 / max(len(keys), 1))
        size = np.clip(np.ceil(2.0 / (CELL_PER_SPACING * spacing)), 16, max(affordable, 16))
        self.spacing = np.full(len(keys), max(spacing, 2.0 / size))
        self.size = np.full(len(keys), size, dtype=np.int32)
        ends = np.cumsum(6 * self.size.astype(np.int64) ** 2)
        self.start = np.concatenate([np.zeros(1, dtype=np.int64), ends])
        self.cells = np.full(int(self.start[-1]), -1, dtype=np.int32)
        self.points = np.empty((int(self.start[-1]), 3), dtype=np.float32)
        self.owner = np.empty(int(self.start[-1]), dtype=np.int32)

    def add(self, block: Block, voxels: set[int], loose: list[Float32Array]) -> None:
        self.read += len(block.xyz)
        index = np.full(len(block.station), UNKNOWN_STATION, dtype=np.int32)
        if len(self.keys):
            slot = np.minimum(np.searchsorted(self.keys, block.station), len(self.keys) - 1)
            known = self.keys[slot] == block.station
            index[known] = slot[known]
            self.count = _fill(
                block.xyz, index, self.centre, self.origins, self.size, self.start, self.cells, self.points,
                self.owner, self.count,
            )  # fmt: skip
        if (index == UNKNOWN_STATION).any():
            loose.append(_new_voxels(block.xyz[index == UNKNOWN_STATION] - self.centre, voxels))

    def survey(self, loose: list[Float32Array]) -> Survey:
        unknown = np.concatenate([np.empty((0, 3), dtype=np.float32), *loose])
        return Survey(
            centre_m=self.centre,
            points=np.concatenate([self.points[: self.count], unknown]),
            station=np.concatenate([self.owner[: self.count], np.full(len(unknown), UNKNOWN_STATION, dtype=np.int32)]),
            origins_m=self.origins,
            size=self.size,
            start=self.start[:-1],
            cells=self.cells,
            spacing_rad=self.spacing,
            points_read=self.read,
        )


def _new_voxels(xyz: FloatArray, seen: set[int]) -> Float32Array:
    """The first point of each voxel that was not seen before; marks them as seen."""
    cell = np.floor(xyz / VOXEL_M).astype(np.int64) + (1 << 20)
    key = (cell[:, 0] << 42) | (cell[:, 1] << 21) | cell[:, 2]
    unique, where = np.unique(key, return_index=True)
    fresh = np.array([k not in seen for k in unique.tolist()], dtype=bool)
    seen.update(unique[fresh].tolist())
    return xyz[np.sort(where[fresh])].astype(np.float32)


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
