"""What every reader of scans gives: a cloud that is opened but not yet read, and its points in blocks."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from bim.errors import BadScan
from bim.frames import FloatArray, IntArray

BLOCK_POINTS = 1_000_000
NO_STATION = -1
"""The station of points whose file does not number its scanner positions."""
FARTHEST = 1e10
"""A coordinate beyond this, in any unit, is no coordinate."""
FOOT_M, US_FOOT_M = 0.3048, 1200 / 3937


@dataclass(frozen=True)
class PointBlock:
    """A run of points. xyz: (N, 3) float64 in the file's unit, within `FARTHEST`. station: (N,) int32."""

    xyz: FloatArray
    station: IntArray


@dataclass(frozen=True)
class Cloud:
    """A scan file whose header was read and believed.

    points: how many the header claims, no more than the file has room for. unit_m: metres in its units of x, y and z,
    None where the file does not say. origins: scanner positions by station number, in the file's unit, where the file
    has them. numbered: points carry the number of their station.
    """

    kind: str
    points: int
    blocks: Iterator[PointBlock]
    unit_m: tuple[float, float, float] | None = None
    origins: Mapping[int, tuple[float, float, float]] = field(default_factory=dict)
    numbered: bool = False
    remarks: tuple[str, ...] = ()


def block(xyz: FloatArray, station: int = NO_STATION) -> PointBlock:
    """The finite ones of points (N, 3), all of one station."""
    finite = (np.abs(xyz) < FARTHEST).all(axis=1)
    kept = xyz if finite.all() else xyz[finite]
    return PointBlock(kept, np.full(len(kept), station, dtype=np.int32))


def columns(x: npt.NDArray[np.generic], y: npt.NDArray[np.generic], z: npt.NDArray[np.generic]) -> FloatArray:
    """Three columns (N,) of numbers as points (N, 3) float64."""
    xyz = np.empty((len(x), 3))
    xyz[:, 0], xyz[:, 1], xyz[:, 2] = x, y, z
    return xyz


def room_for(count: int, bytes_each: float, room: int, what: str) -> None:
    """Raise BadScan unless `count` records can be in `room` bytes."""
    if count < 0 or count * bytes_each > room:
        raise BadScan(
            f"the header claims {count} {what}",
            f"at most {math.floor(max(room, 0) / bytes_each)} in a file of this size",
            "copy or export the scan again",
        )


def text_blocks(lines: Iterator[bytes], xyz: Sequence[int], count: int) -> Iterator[PointBlock]:
    """Points of `count` lines of numbers, of which columns `xyz` are coordinates. Raises BadScan."""
    done = 0
    while done < count:
        try:
            rows = np.loadtxt(itertools.islice(lines, BLOCK_POINTS), comments=None, usecols=xyz, ndmin=2)
        except ValueError as error:
            raise BadScan(
                f"points that cannot be read: {error}"[:200], "a line of numbers each", "export it again"
            ) from None
        if not len(rows):
            raise BadScan(
                f"{count - done} points are missing", f"{count} as the header says", "copy or export it again"
            )
        done += len(rows)
        yield block(rows)
