"""E57 (ASTM E2807-11): several scans, each with the pose that takes its points into the file's frame."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pye57
from pye57 import libe57

from bim.errors import BadScan
from bim.frames import FloatArray, transform
from scan_to_bim.clouds_source import BLOCK_POINTS, NO_STATION, Cloud, PointBlock, block, columns, room_for

PAGE_BYTES, CHECKSUM_BYTES = 1024, 4
MOST_XML_BYTES = 64 * 1024**2
LEAST_POINT_BYTES = 1 / 8
METRES = (1.0, 1.0, 1.0)
CARTESIAN = ("cartesianX", "cartesianY", "cartesianZ")
SPHERICAL = ("sphericalRange", "sphericalAzimuth", "sphericalElevation")
IDENTITY_ALONE = (
    "its only scan has a pose that moves nothing, as unified clouds have; the scanner position was taken to be unknown"
)


@dataclass(frozen=True)
class _Scan:
    """One scan of a file. T_file_scan: (4, 4), None without a pose. invalid: the field that marks bad points."""

    node: Any
    count: int
    fields: tuple[str, ...]
    invalid: str | None
    T_file_scan: FloatArray | None


def open_e57(path: Path) -> Cloud:
    """The points of all scans of an E57 file in the file's own frame, metres. Raises BadScan."""
    size = path.stat().st_size
    _check_claims(path, size)
    image = pye57.E57(str(path))
    scans = [_scan(image.data3d[i]) for i in range(image.scan_count)]
    points = sum(scan.count for scan in scans)
    room_for(points, LEAST_POINT_BYTES, size, "points")
    posed = {i: scan.T_file_scan for i, scan in enumerate(scans, 1) if scan.T_file_scan is not None}
    alone = len(scans) == len(posed) == 1 and np.array_equal(posed[1], np.eye(4))
    origins = {} if alone else {i: _origin(T) for i, T in posed.items()}
    remarks = (IDENTITY_ALONE,) if alone else ()
    return Cloud("E57", points, _blocks(image, scans, set(origins)), METRES, origins, remarks=remarks)


def _origin(T_file_scan: FloatArray) -> tuple[float, float, float]:
    x, y, z = T_file_scan[:3, 3].tolist()
    return x, y, z


def _blocks(image: Any, scans: list[_Scan], known: set[int]) -> Iterator[PointBlock]:
    for number, scan in enumerate(scans, 1):
        if scan.count:
            yield from _scan_blocks(image, scan, number if number in known else NO_STATION)


def _scan_blocks(image: Any, scan: _Scan, station: int) -> Iterator[PointBlock]:
    fields = [*scan.fields, *([scan.invalid] if scan.invalid else [])]
    data, buffers = image.make_buffers(fields, min(scan.count, BLOCK_POINTS))
    reader = scan.node["points"].reader(buffers)
    left = scan.count
    while left > 0 and (read := reader.read()):
        left -= read
        xyz = columns(*(data[field][:read] for field in scan.fields))
        if scan.invalid:
            xyz = xyz[data[scan.invalid][:read] == 0]
        if scan.fields == SPHERICAL:
            xyz = _cartesian(xyz)
        yield block(xyz if scan.T_file_scan is None else transform(scan.T_file_scan, xyz), station)
    if left > 0:
        raise BadScan(f"{left} points are missing", f"{scan.count} in a scan", "copy or export the scan again")


def _cartesian(polar: FloatArray) -> FloatArray:
    """Range, azimuth and elevation (N, 3), metres and radians, as points."""
    distance, azimuth, elevation = polar.T
    level = distance * np.cos(elevation)
    return columns(level * np.cos(azimuth), level * np.sin(azimuth), distance * np.sin(elevation))


def _scan(node: Any) -> _Scan:
    points = node["points"]
    prototype = libe57.StructureNode(points.prototype())
    for fields, invalid in ((CARTESIAN, "cartesianInvalidState"), (SPHERICAL, "sphericalInvalidState")):
        if all(prototype.isDefined(field) for field in fields):
            flag = invalid if prototype.isDefined(invalid) else None
            return _Scan(node, points.childCount(), fields, flag, _pose(node))
    raise BadScan("a scan has no coordinates", f"{', '.join(CARTESIAN)} or {', '.join(SPHERICAL)}", "export it again")


def _pose(node: Any) -> FloatArray | None:
    if not node.isDefined("pose"):
        return None
    pose, T = node["pose"], np.eye(4)
    if pose.isDefined("translation"):
        T[:3, 3] = [pose["translation"][axis].value() for axis in "xyz"]
    if pose.isDefined("rotation"):
        T[:3, :3] = quaternion_matrix(np.array([pose["rotation"][part].value() for part in "wxyz"]))
    if not np.isfinite(T).all():
        raise BadScan("the pose of a scan is not a number", "finite ones", "export the scan again")
    return T


def quaternion_matrix(quaternion: FloatArray) -> FloatArray:
    """Rotation matrix (3, 3) of a quaternion (4,), w first. Raises BadScan unless its length is about 1."""
    length = float(np.linalg.norm(quaternion))
    if not 0.9 < length < 1.1:
        raise BadScan(f"a rotation is a quaternion of length {length:.3g}", "length 1", "export the scan again")
    w, x, y, z = quaternion / length
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def _check_claims(path: Path, size: int) -> None:
    """Raise BadScan where the file header cannot be true, or its XML defines entities."""
    with path.open("rb") as file:
        head = file.read(48)
        if len(head) < 48:
            raise BadScan("an E57 header cut short", "48 bytes", "copy or export the scan again")
        length, xml_start, xml_bytes, page_bytes = struct.unpack_from("<QQQQ", head, 16)
        room_for(length, 1, size, "bytes")
        room_for(xml_start + xml_bytes, 1, size, "bytes up to the end of its XML section")
        room_for(xml_bytes, 1, MOST_XML_BYTES, "bytes of XML")
        if page_bytes != PAGE_BYTES:
            raise BadScan(f"pages of {page_bytes} bytes", f"pages of {PAGE_BYTES} bytes", "export the scan again")
        file.seek(xml_start - xml_start % PAGE_BYTES)
        pages = file.read(2 * PAGE_BYTES + xml_bytes + xml_bytes // (PAGE_BYTES // CHECKSUM_BYTES - 1))
    text = b"".join(pages[i : i + PAGE_BYTES - CHECKSUM_BYTES] for i in range(0, len(pages), PAGE_BYTES))
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise BadScan("its XML section defines entities", "plain XML", "export the scan again")
