"""PLY: ASCII and binary of both byte orders; the vertices of its element `vertex`."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from bim.errors import BadScan
from scan_to_bim.clouds_source import BLOCK_POINTS, Cloud, PointBlock, block, columns, room_for, text_blocks

MOST_HEADER_LINES, MOST_LINE_BYTES, MOST_DIGITS = 1000, 4096, 20
LIST = "list"
ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2",
    "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4",
    "double": "f8", "float64": "f8",
}  # fmt: skip


@dataclass(frozen=True)
class _Element:
    """A table of the file: its name, number of rows and columns as (name, numpy type)."""

    name: str
    count: int
    columns: list[tuple[str, str]]


def open_ply(path: Path) -> Cloud:
    """The vertices of a PLY file; their unit is unknown. Raises BadScan."""
    with path.open("rb") as file:
        order, elements = _header(file)
        start = file.tell()
    at = next((i for i, element in enumerate(elements) if element.name == "vertex"), None)
    if at is None:
        raise BadScan(f"{path.name} has no element vertex", "points", "export the cloud with its points")
    vertex, room = elements[at], path.stat().st_size - start
    if order == "":
        room_for(vertex.count, 2 * len(vertex.columns), room + 1, "points")
        if at:
            raise BadScan("something comes before the points of an ASCII file", "the points first", "export as binary")
        return Cloud("PLY", vertex.count, _text(path, start, vertex))
    before = sum(element.count * _dtype(element, order).itemsize for element in elements[:at])
    room_for(vertex.count, _dtype(vertex, order).itemsize, room - before, "points")
    return Cloud("PLY", vertex.count, _binary(path, start + before, vertex.count, _dtype(vertex, order)))


def _binary(path: Path, start: int, count: int, dtype: "np.dtype[np.void]") -> Iterator[PointBlock]:
    with path.open("rb") as file:
        file.seek(start)
        for done in range(0, count, BLOCK_POINTS):
            rows = np.fromfile(file, dtype, min(BLOCK_POINTS, count - done))
            yield block(columns(rows["x"], rows["y"], rows["z"]))


def _text(path: Path, start: int, vertex: _Element) -> Iterator[PointBlock]:
    names = [name for name, _ in vertex.columns]
    with path.open("rb") as file:
        file.seek(start)
        yield from text_blocks(
            itertools.islice(file, vertex.count), [names.index(axis) for axis in "xyz"], vertex.count
        )


def _dtype(element: _Element, order: str) -> "np.dtype[np.void]":
    if any(kind == LIST for _, kind in element.columns):
        raise BadScan(f"element {element.name} has a list", "plain numbers up to the points", "export the points alone")
    return np.dtype([(name, order + kind) for name, kind in element.columns])


def _header(file: IO[bytes]) -> tuple[str, list[_Element]]:
    """The byte order, empty for ASCII, and the elements; the file is then at the first of their rows."""
    order: str | None = None
    elements: list[_Element] = []
    for line in itertools.islice(iter(lambda: file.readline(MOST_LINE_BYTES), b""), MOST_HEADER_LINES):
        match line.decode("ascii", "replace").split():
            case ["end_header"]:
                return _believed(order, elements)
            case ["format", name, _] if name in ORDERS:
                order = ORDERS[name]
            case ["element", name, count] if count.isdecimal() and len(count) < MOST_DIGITS:
                elements.append(_Element(name, int(count), []))
            case ["property", kind, *_, name] if elements and (kind == LIST or kind in TYPES):
                elements[-1].columns.append((name, TYPES.get(kind, LIST)))
            case ["ply" | "comment" | "obj_info", *_] | []:
                pass
            case _:
                raise _broken(line)
    raise _broken(b"no end")


def _believed(order: str | None, elements: list[_Element]) -> tuple[str, list[_Element]]:
    if order is None:
        raise _broken(b"no format")
    return order, [_sound(element) for element in elements]


def _sound(element: _Element) -> _Element:
    names = [name for name, _ in element.columns]
    if len(set(names)) < len(names) or (element.name == "vertex" and not {"x", "y", "z"} <= set(names)):
        found = f"element {element.name} has the columns {', '.join(names)}"[:200]
        raise BadScan(found, "x, y and z, each once", "export the cloud again")
    return element


def _broken(line: bytes) -> BadScan:
    found = line.decode("ascii", "replace").strip()[:80]
    return BadScan(f"a PLY header with: {found}", "format, element and property lines", "export the cloud again")
