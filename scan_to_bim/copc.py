"""A scan as COPC: one file of LAZ whose octree lets a viewer fetch only what it looks at, by byte ranges.

Memory does not grow with the number of points. A node that has too many for memory keeps a random sample of them and
spools the rest to eight files, one a child; from where all points fit, the subtree is built in memory. A random sample
of a scan looks like the scan. Format: COPC 1.0 (copc.io), LAS 1.4 R15 point record format 6, coordinates in metres.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import copclib
import numpy as np
import numpy.typing as npt

from bim.arrays import Payload
from bim.errors import BadScan
from bim.isolation import Limits, isolated
from scan_to_bim.clouds import SCAN_LIMITS, open_cloud
from scan_to_bim.clouds_source import BLOCK_POINTS, PointBlock

NODE_POINTS, FEW_POINTS = 30_000, 3_000
"""A node holds about so many; a child with few is taken in by its parent, because every node is a request."""
IN_MEMORY_POINTS = 2_000_000
DEEPEST = 16
"""So many points in a cube of a 65,536th of the scan are the same point."""
SCALE_M = 0.001
REACH_STEPS = 2**31 - 1
POINT_FORMAT, RECORD_BYTES = 6, 30
SEED = 7
Points = npt.NDArray[np.void]
SPOOLED = np.dtype([("xyz", "<i4", 3), ("station", "<u2")])
RECORD = np.dtype({
    "names": ["xyz", "returns", "station"],
    "formats": [("<i4", 3), "u1", "<u2"],
    "offsets": [0, 14, 20],
    "itemsize": RECORD_BYTES,
})  # fmt: skip
ONE_OF_ONE = 0b0001_0001
"""Return number and number of returns."""
Key = tuple[int, int, int, int]


@dataclass(frozen=True)
class CopcFacts:
    """What was written. bounds_m: lowest and highest corner in the scan's frame."""

    points: int
    nodes: int
    bounds_m: tuple[tuple[float, ...], tuple[float, ...]]


def write_copc(scan: Path, target: Path, unit_m: float | None = None, limits: Limits = SCAN_LIMITS) -> CopcFacts:
    """Write a scan of any known format as COPC, in metres, in its own frame; the same input gives the same points.

    `unit_m`: metres in the scan's unit, for files that do not say. Spools beside `target`, about 14 bytes a point.
    Raises BadScan; `target` is then not there.
    """
    try:
        found = isolated(
            _convert, scan, target, unit_m, limits, limits=limits, failure=BadScan, what=f"scan {scan.name}"
        )
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    low, high = found["bounds_m"]
    return CopcFacts(found["points"], found["nodes"], (tuple(low), tuple(high)))


# --- In the child ----------------------------------------------------------------------------------------------------


def _convert(scan: Path, target: Path, unit_m: float | None, limits: Limits) -> Payload:
    cloud = open_cloud(scan)
    if cloud.points * SPOOLED.itemsize > limits.memory_bytes:
        found = f"{scan.name} holds {cloud.points} points"
        raise BadScan(found, f"at most {limits.memory_bytes // SPOOLED.itemsize}", "split it, or raise the limit")
    scale = np.array((unit_m,) * 3 if unit_m else cloud.unit_m or (1.0, 1.0, 1.0))
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".copc-") as folder:
        pile = _Pile(Path(folder) / "0")
        offset_m = _spooled(cloud.blocks, scale, pile)
        if not pile.count:
            raise BadScan(f"{scan.name} holds no point", "at least one", "check the export")
        octree = _Octree(target, pile, offset_m)
        octree.grow((0, 0, 0, 0), pile)
        octree.writer.Close()
    low, high = (offset_m + SCALE_M * corner for corner in (pile.low, pile.high))
    return {"points": octree.points, "nodes": octree.nodes, "bounds_m": [low.tolist(), high.tolist()]}


class _Pile:
    """Points in a file, with their number and bounds in steps."""

    def __init__(self, path: Path) -> None:
        self.path, self.count = path, 0
        self.low, self.high = np.full(3, REACH_STEPS), np.full(3, -REACH_STEPS)
        self._file: IO[bytes] = path.open("wb")

    def add(self, points: Points) -> None:
        """Append points of `SPOOLED`."""
        self._file.write(points.tobytes())
        self.count += len(points)
        self.low = np.minimum(self.low, points["xyz"].min(axis=0, initial=REACH_STEPS))
        self.high = np.maximum(self.high, points["xyz"].max(axis=0, initial=-REACH_STEPS))

    def blocks(self) -> Iterator[Points]:
        """All points, block by block; the file is gone after that."""
        self._file.close()
        with self.path.open("rb") as file:
            while content := file.read(BLOCK_POINTS * SPOOLED.itemsize):
                yield np.frombuffer(content, SPOOLED)
        self.path.unlink()


def _spooled(blocks: Iterator[PointBlock], scale: npt.NDArray[np.float64], pile: _Pile) -> npt.NDArray[np.float64]:
    """The offset (3,) in metres, whole, about which the pile's steps are."""
    offset_m: npt.NDArray[np.float64] | None = None
    for block in blocks:
        xyz_m = block.xyz * scale
        if offset_m is None and len(xyz_m):
            offset_m = np.floor(np.median(xyz_m, axis=0))
        steps = np.rint((xyz_m - (0.0 if offset_m is None else offset_m)) / SCALE_M)
        near = (np.abs(steps) < REACH_STEPS).all(axis=1)
        points = np.zeros(int(near.sum()), SPOOLED)
        points["xyz"], points["station"] = steps[near], np.maximum(block.station[near], 0)
        pile.add(points)
    return np.zeros(3) if offset_m is None else offset_m


class _Octree:
    """The file while it grows, node by node."""

    def __init__(self, target: Path, root: _Pile, offset_m: npt.NDArray[np.float64]) -> None:
        self.low = root.low.astype(np.int64)
        self.span = int((root.high.astype(np.int64) - self.low).max()) + 1
        self.points = self.nodes = 0
        self._random = np.random.default_rng(SEED)
        self.writer = copclib.FileWriter(str(target), self._described(root, offset_m))

    def grow(self, key: Key, pile: _Pile) -> None:
        """Write the node `key` and all below it."""
        if pile.count <= IN_MEMORY_POINTS or key[0] == DEEPEST:
            self._grow_in_memory(key, self._random.permutation(np.concatenate(list(pile.blocks()))))
            return
        children = [_Pile(pile.path.with_name(f"{pile.path.name}{i}")) for i in range(8)]
        kept = []
        for block in pile.blocks():
            chosen = self._random.random(len(block)) * pile.count < NODE_POINTS
            kept.append(block[chosen])
            for child, points in zip(children, self._split(key, block[~chosen]), strict=True):
                child.add(points)
        self._write(key, np.concatenate(kept))
        for i, child in enumerate(children):
            if child.count:
                self.grow(_child(key, i), child)

    def _grow_in_memory(self, key: Key, shuffled: Points) -> None:
        if len(shuffled) <= NODE_POINTS or key[0] == DEEPEST:
            self._write(key, shuffled)
            return
        parts = self._split(key, shuffled[NODE_POINTS:])
        few = [points for points in parts if len(points) <= FEW_POINTS]
        self._write(key, np.concatenate([shuffled[:NODE_POINTS], *few]))
        for i, points in enumerate(parts):
            if len(points) > FEW_POINTS:
                self._grow_in_memory(_child(key, i), points)

    def _split(self, key: Key, points: Points) -> list[Points]:
        """Points by the child that they belong to, in their order."""
        cell = (points["xyz"] - self.low) * (2 << key[0]) // self.span & 1
        child = cell @ np.array([1, 2, 4])
        return [points[child == i] for i in range(8)]

    def _write(self, key: Key, points: Points) -> None:
        records = np.zeros(len(points), RECORD)
        records["xyz"], records["station"], records["returns"] = points["xyz"], points["station"], ONE_OF_ONE
        content = np.frombuffer(records.tobytes(), np.int8)
        self.writer.AddNode(copclib.VoxelKey(*key), copclib.VectorChar(content))
        self.points += len(points)
        self.nodes += 1

    def _described(self, root: _Pile, offset_m: npt.NDArray[np.float64]) -> Any:
        config = copclib.CopcConfigWriter(POINT_FORMAT, copclib.Vector3(*[SCALE_M] * 3), copclib.Vector3(*offset_m))
        half_m = 0.5 * self.span * SCALE_M
        info = config.copc_info
        info.center_x, info.center_y, info.center_z = (offset_m + self.low * SCALE_M + half_m).tolist()
        info.halfsize, info.spacing = half_m, 2 * half_m / round(NODE_POINTS**0.5)
        header = config.las_header
        header.min = copclib.Vector3(*(offset_m + root.low * SCALE_M))
        header.max = copclib.Vector3(*(offset_m + root.high * SCALE_M))
        return config


def _child(key: Key, i: int) -> Key:
    level, x, y, z = key
    return level + 1, 2 * x + (i & 1), 2 * y + (i >> 1 & 1), 2 * z + (i >> 2)
