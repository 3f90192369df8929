"""PCD 0.7 of the Point Cloud Library: ASCII, binary, and binary compressed with LZF."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from numba import njit

from bim.errors import BadScan
from scan_to_bim.clouds_source import BLOCK_POINTS, NO_STATION, Cloud, PointBlock, block, columns, room_for, text_blocks

MOST_HEADER_LINES, MOST_LINE_BYTES = 100, 65536
LZF_RATIO = 100
"""LZF makes at most 264 bytes of 3."""
VIEWPOINT_STATION = 0
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class _Header:
    """columns: name, numpy type and numbers of each field. viewpoint: position, then quaternion. start: of the data."""

    columns: list[tuple[str, str, int]]
    points: int
    viewpoint: tuple[float, ...]
    data: str
    start: int

    @property
    def dtype(self) -> "np.dtype[np.void]":
        return np.dtype([(f"{i} {name}", kind, (n,)) for i, (name, kind, n) in enumerate(self.columns)])

    @property
    def xyz(self) -> list[int]:
        """Which fields are the coordinates."""
        names = [name if n == 1 else "" for name, _, n in self.columns]
        if any(names.count(axis) != 1 for axis in "xyz"):
            raise _broken("FIELDS", "x, y and z, once and each one number")
        return [names.index(axis) for axis in "xyz"]


def open_pcd(path: Path) -> Cloud:
    """The points of a PCD file; their unit is unknown. Its viewpoint is the scanner position unless it is the default.

    Raises BadScan.
    """
    header = _header(path)
    room = path.stat().st_size - header.start
    reader = {"ascii": _text, "binary": _binary, "binary_compressed": _compressed}.get(header.data)
    if reader is None:
        raise _broken(f"DATA {header.data}", "ascii, binary or binary_compressed")
    if header.data != "binary_compressed":
        each = 2 * sum(n for *_, n in header.columns) if header.data == "ascii" else header.dtype.itemsize
        room_for(header.points, each, room + 1, "points")
    x, y, z, *turn = header.viewpoint
    known = (x, y, z) != (0.0, 0.0, 0.0) or turn != [1.0, 0.0, 0.0, 0.0]
    origins = {VIEWPOINT_STATION: (x, y, z)} if known else {}
    blocks = reader(path, header, VIEWPOINT_STATION if known else NO_STATION)
    return Cloud("PCD", header.points, blocks, origins=origins)


def _text(path: Path, header: _Header, station: int) -> Iterator[PointBlock]:
    first = list(itertools.accumulate((n for *_, n in header.columns), initial=0))
    with path.open("rb") as file:
        file.seek(header.start)
        lines = itertools.islice(file, header.points)
        for part in text_blocks(lines, [first[i] for i in header.xyz], header.points):
            yield block(part.xyz, station)


def _binary(path: Path, header: _Header, station: int) -> Iterator[PointBlock]:
    names = header.dtype.names or ()
    with path.open("rb") as file:
        file.seek(header.start)
        for done in range(0, header.points, BLOCK_POINTS):
            rows = np.fromfile(file, header.dtype, min(BLOCK_POINTS, header.points - done))
            yield block(columns(*(rows[names[i]][:, 0] for i in header.xyz)), station)


def _compressed(path: Path, header: _Header, station: int) -> Iterator[PointBlock]:
    """All numbers of the first field, then all of the second, and so on, packed as one."""
    size = path.stat().st_size - header.start - 8
    packed_bytes, plain_bytes = np.fromfile(path, "<u4", 2, offset=header.start).tolist() if size > 0 else (1, 0)
    room_for(packed_bytes, 1, size, "compressed bytes")
    room_for(plain_bytes, 1, LZF_RATIO * packed_bytes, "bytes, once unpacked")
    if plain_bytes != header.points * header.dtype.itemsize:
        raise BadScan(f"{plain_bytes} bytes of points", f"{header.points * header.dtype.itemsize}", "export it again")
    packed = np.fromfile(path, np.uint8, packed_bytes, offset=header.start + 8)
    plain = np.empty(plain_bytes, dtype=np.uint8)
    if unpack_lzf(packed, plain) != plain_bytes:
        raise BadScan("its compressed points cannot be unpacked", "whole LZF data", "copy or export the scan again")
    xyz = [_column(plain, header, i) for i in header.xyz]
    for done in range(0, header.points, BLOCK_POINTS):
        yield block(columns(*(axis[done : done + BLOCK_POINTS] for axis in xyz)), station)


def _column(plain: Bytes, header: _Header, i: int) -> npt.NDArray[np.generic]:
    kind = header.columns[i][1]
    start = header.points * sum(np.dtype(k).itemsize * n for _, k, n in header.columns[:i])
    return np.frombuffer(plain, kind, header.points, start)


@njit(cache=True)
def unpack_lzf(packed: Bytes, plain: Bytes) -> int:
    """Unpack LibLZF data into `plain`; returns how many bytes were made, -1 for data that is broken.

    A control byte below 32 announces that many bytes and one more as they are; any other a run to repeat: length in
    its upper three bits, seven of which mean that a byte more follows, and distance in the lower five and the next.
    """
    at, made = 0, 0
    while at < len(packed):
        control = int(packed[at])
        at += 1
        if control < 32:
            length = control + 1
            if at + length > len(packed) or made + length > len(plain):
                return -1
            plain[made : made + length] = packed[at : at + length]
            at += length
        else:
            length = control >> 5
            if at + 1 + (length == 7) > len(packed):
                return -1
            if length == 7:
                length += int(packed[at])
                at += 1
            back = made - ((control & 31) << 8) - int(packed[at]) - 1
            at += 1
            length += 2
            if back < 0 or made + length > len(plain):
                return -1
            for i in range(length):
                plain[made + i] = plain[back + i]
        made += length
    return made


def _header(path: Path) -> _Header:
    entries: dict[str, list[str]] = {}
    with path.open("rb") as file:
        for line in itertools.islice(iter(lambda: file.readline(MOST_LINE_BYTES), b""), MOST_HEADER_LINES):
            key, *values = line.decode("ascii", "replace").split() or ["#"]
            entries[key.upper()] = values
            if key.upper() == "DATA":
                break
        start = file.tell()
    try:
        return _parsed(entries, start)
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise _broken(f"{type(error).__name__} {error}"[:80], "FIELDS, SIZE, TYPE, WIDTH, HEIGHT and DATA") from None


def _parsed(entries: dict[str, list[str]], start: int) -> _Header:
    fields = entries["FIELDS"]
    counts = [int(n) for n in entries.get("COUNT", ["1"] * len(fields))]
    kinds = [f"<{letter.lower()}{int(size)}" for letter, size in zip(entries["TYPE"], entries["SIZE"], strict=True)]
    if any(np.dtype(kind).kind not in "iuf" for kind in kinds) or min(counts) < 1 or max(counts) > MOST_LINE_BYTES:
        raise ValueError("TYPE or COUNT")
    viewpoint = tuple(float(v) for v in entries.get("VIEWPOINT", ["0", "0", "0", "1", "0", "0", "0"]))
    if len(viewpoint) != 7 or not np.isfinite(viewpoint).all():
        raise ValueError("VIEWPOINT")
    points = int(entries["WIDTH"][0]) * int(entries["HEIGHT"][0])
    if points < 0 or points != int(entries.get("POINTS", [str(points)])[0]):
        raise ValueError("POINTS")
    return _Header(list(zip(fields, kinds, counts, strict=True)), points, viewpoint, entries["DATA"][0], start)


def _broken(found: str, expected: str) -> BadScan:
    return BadScan(f"a PCD header with an unusable {found}", expected, "export the cloud again")
