"""LAS 1.2 to 1.4, LAZ and COPC, by the specifications of the ASPRS and of copc.io; `point_source_id` is the station."""

import datetime
import math
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import laspy
import numpy as np
import numpy.typing as npt
from laspy import DecompressionSelection

from bim.errors import BadScan
from bim.frames import FloatArray, IntArray
from scan_to_bim.clouds_source import BLOCK_POINTS, FARTHEST, FOOT_M, US_FOOT_M, Cloud, PointBlock, columns, room_for

NEEDED = DecompressionSelection.XY_RETURNS_CHANNEL | DecompressionSelection.Z | DecompressionSelection.POINT_SOURCE_ID
LAZ_POINTS_PER_BYTE = 100
"""More than any real file holds: LAZ spends at least this fraction of a byte on a point."""
VLR_BYTES, EVLR_BYTES = 54, 60
HEADER_BYTES = {2: 227, 3: 235, 4: 375}
PUBLISHED = datetime.date(2019, 7, 9)
"""A fixed creation date, so that the same points give the same bytes: that of LAS 1.4 R15."""
SCALES_M = (0.0001, 0.0005, 0.001, 0.01)


def open_las(path: Path) -> Cloud:
    """The points of a LAS, LAZ or COPC file. Raises BadScan where its header cannot be true."""
    count = _checked_count(path)
    # read_evlrs: a coordinate system may be kept behind the points.
    reader = laspy.open(path, laz_backend=laspy.LazBackend.Lazrs, decompression_selection=NEEDED)
    unit_m, remarks = _unit(reader.header)
    return Cloud(_kind(reader.header), count, _blocks(reader), unit_m, numbered=True, remarks=remarks)


def _blocks(reader: Any) -> Iterator[PointBlock]:
    scales, offsets = reader.header.scales, reader.header.offsets
    if not (2.0**31 * np.abs(scales) + np.abs(offsets) < FARTHEST).all():
        raise BadScan("coordinates whose scale or offset is no length", "a site on earth", "export the scan again")
    for chunk in reader.chunk_iterator(BLOCK_POINTS):
        record = chunk.array
        xyz = columns(record["X"], record["Y"], record["Z"])
        xyz *= scales
        xyz += offsets
        yield PointBlock(xyz, record["point_source_id"].astype(np.int32))


def _kind(header: Any) -> str:
    if any(vlr.user_id == "copc" for vlr in header.vlrs):
        return "COPC"
    return f"{'LAZ' if header.are_points_compressed else 'LAS'} {header.version}"


# --- What the header claims ------------------------------------------------------------------------------------------


def _checked_count(path: Path) -> int:
    """The number of points, when every count of the header fits into the file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(HEADER_BYTES[4])
    version = tuple(head[24:26])
    if len(version) < 2 or version[0] != 1 or len(head) < HEADER_BYTES.get(version[1], math.inf):
        found = f"a LAS header of version {'.'.join(map(str, version))} in {size} bytes"
        raise BadScan(found, "LAS 1.2, 1.3 or 1.4", "export the scan again")
    header_bytes, offset, vlrs, layout, record_bytes, count = struct.unpack_from("<HIIBHI", head, 94)
    if head[25] == 4:
        evlr_start, evlrs, long_count = struct.unpack_from("<QIQ", head, 235)
        room_for(evlrs, EVLR_BYTES, size - evlr_start if evlrs else 0, "extended records")
        count = long_count or count
    room_for(1, max(offset, header_bytes), size, "header with its records")
    room_for(vlrs, VLR_BYTES, offset - header_bytes, "variable length records")
    compressed = layout & 0x80
    room_for(count, 1 / LAZ_POINTS_PER_BYTE if compressed else record_bytes, size - offset, "points")
    return int(count)


# --- Units -----------------------------------------------------------------------------------------------------------

GEO_MODEL, GEO_PROJECTED, GEO_LINEAR_UNITS, GEO_VERTICAL_UNITS = 1024, 3072, 3076, 4099
GEOGRAPHIC = 2
EPSG_UNITS_M = {9001: 1.0, 9002: FOOT_M, 9003: US_FOOT_M}
Unit = tuple[float, float, float] | None


def _unit(header: Any) -> tuple[Unit, tuple[str, ...]]:
    """Metres in the units of x, y and z by the file's coordinate system, and what is left open."""
    records = [*header.vlrs, *(header.evlrs or ())]
    for record in records:
        if isinstance(record, laspy.vlrs.known.WktCoordinateSystemVlr) and record.string.strip("\0 "):
            return wkt_unit(record.string), ()
    keys = {
        key.id: key.value_offset
        for record in records
        if isinstance(record, laspy.vlrs.known.GeoKeyDirectoryVlr)
        for key in record.geo_keys
    }
    return _geokey_unit(keys)


def _geokey_unit(keys: dict[int, int]) -> tuple[Unit, tuple[str, ...]]:
    if keys.get(GEO_MODEL) == GEOGRAPHIC:
        raise _in_degrees()
    level = EPSG_UNITS_M.get(keys.get(GEO_LINEAR_UNITS, 0))
    if level is None:
        code = keys.get(GEO_PROJECTED)
        return None, () if code is None else (
            f"it names the coordinate system EPSG:{code}, whose unit was not looked up",
        )
    return (level, level, EPSG_UNITS_M.get(keys.get(GEO_VERTICAL_UNITS, 0), level)), ()


def wkt_unit(text: str) -> Unit:
    """Metres in the units of x, y and z of a coordinate system in well-known text, 1 or 2; None where it has none.

    Source: OGC 12-063r5 and 01-009. Raises BadScan for angles, in which nothing can be compared.
    """
    level = _unit_of(text, ("PROJCS", "PROJCRS", "PROJECTEDCRS", "GEOCCS", "LOCAL_CS", "ENGCRS", "ENGINEERINGCRS"))
    if level is None:
        if re.search(r"\bGEOGCS\b|\bGEOGCRS\b|\bGEOGRAPHICCRS\b|\bGEODCRS\b", text, re.IGNORECASE):
            raise _in_degrees()
        return None
    height = _unit_of(text, ("VERT_CS", "VERTCRS", "VERTICALCRS"))
    return level, level, height or level


WORD = re.compile(r'"(?:[^"]|"")*"|[\[\](),]|[^\s\[\](),"]+')
INNER = ("UNIT", "LENGTHUNIT")


def _unit_of(text: str, owners: tuple[str, ...]) -> float | None:
    """The factor of the unit that belongs to a node of `owners` itself or to its axes."""
    nodes: list[str] = []
    factor: float | None = None
    words = WORD.findall(text)
    for i, word in enumerate(words):
        if word in "[(" and i:
            nodes.append(words[i - 1].upper())
        elif word in "])" and nodes:
            nodes.pop()
        elif nodes and nodes[-1] in INNER and words[i - 1] == "," and words[i - 3] in "[(":
            parents = [n for n in nodes[:-1] if n not in ("AXIS", "CS")]
            if parents and parents[-1] in owners:
                factor = _positive(word) or factor
    return factor


def _positive(word: str) -> float | None:
    try:
        value = float(word)
    except ValueError:
        return None
    return value if 1e-6 < value < 1e6 else None


def _in_degrees() -> BadScan:
    return BadScan("the coordinates are degrees", "lengths", "export the scan in a projected coordinate system")


# --- Writing ---------------------------------------------------------------------------------------------------------


def write_las(path: Path, xyz: FloatArray, station: IntArray) -> None:
    """Write points (N, 3), metres, and the numbers (N,) of their stations: LAZ where `path` ends so, else LAS 1.4.

    The same points give the same bytes. Coordinates are kept to 0.1 mm, less where the site is wider than 200 km.
    """
    header = laspy.LasHeader(version="1.4", point_format=6)
    header.creation_date = PUBLISHED
    header.generating_software = "Sitewright"
    header.offsets = np.floor(xyz.mean(axis=0)) if len(xyz) else np.zeros(3)
    reach_m = float(np.abs(xyz - header.offsets).max(initial=0.0))
    header.scales = np.full(3, next(s for s in SCALES_M if reach_m / s < 2**31 or s == SCALES_M[-1]))
    with laspy.open(path, "w", header=header, laz_backend=laspy.LazBackend.Lazrs) as writer:
        for start in range(0, len(xyz), BLOCK_POINTS):
            part = slice(start, start + BLOCK_POINTS)
            writer.write_points(_packed(header, xyz[part], station[part]))


def _packed(header: Any, xyz: FloatArray, station: npt.NDArray[np.integer[Any]]) -> Any:
    points = laspy.ScaleAwarePointRecord.zeros(len(xyz), header=header)
    raw = np.rint((xyz - header.offsets) / header.scales).astype(np.int32)
    points.X, points.Y, points.Z = raw.T
    points.point_source_id = station.astype(np.uint16)
    points.return_number[:] = points.number_of_returns[:] = 1
    return points
