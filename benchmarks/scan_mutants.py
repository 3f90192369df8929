"""Scans of every format, broken in seeded ways: each ends as a survey or as one BadScan, and in time."""

import os
import shutil
import struct
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import copclib
import laspy
import numpy as np
import pye57
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from bim.errors import BadScan
from bim.frames import FloatArray, IntArray
from bim.isolation import GIB, Limits
from scan_to_bim.clouds import read_survey, write_las

LIMITS = Limits(memory_bytes=GIB, cpu_s=5.0, wall_s=10.0)
MUTANTS = 400
"""Of each format."""
STATIONS = np.array([[2.0, 2.0, 1.5], [6.0, 4.0, 1.6]])
CRC_TABLE = np.arange(256, dtype=np.uint32)
for _ in range(8):
    CRC_TABLE = np.where(CRC_TABLE & 1, (CRC_TABLE >> 1) ^ np.uint32(0x82F63B78), CRC_TABLE >> 1)
BIG_NUMBERS = (0, 2**16 - 1, 2**31 - 1, 2**32 - 1, 2**40, 2**63 - 1)


def measure(shared: Path) -> dict[str, Any]:
    """How many mutants of each format ended how, and the longest that one took."""
    counts: dict[str, Counter[str]] = {}
    slowest_s = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for name, sample in write_samples(Path(folder)).items():
            counts[name] = Counter()
            for outcome, seconds in outcomes(sample, MUTANTS, np.random.default_rng(1)):
                counts[name][outcome] += 1
                slowest_s = max(slowest_s, seconds)
    return {"mutants": {name: dict(count) for name, count in counts.items()}, "slowest_s": round(slowest_s, 2)}


def outcomes(sample: Path, count: int, rng: np.random.Generator) -> Iterator[tuple[str, float]]:
    """How reading each of `count` mutants of a file ends, "read" or "refused", and after how many seconds."""
    original = sample.read_bytes()
    mutant = sample.with_name(f"mutant{sample.suffix}")
    for _ in range(count):
        mutant.write_bytes(mutated(original, rng))
        start = time.perf_counter()
        try:
            read_survey([mutant], unit_m=1.0, limits=LIMITS)
            outcome = "read"
        except BadScan:
            outcome = "refused"
        yield outcome, time.perf_counter() - start
    mutant.unlink()


def mutated(original: bytes, rng: np.random.Generator) -> bytes:
    """A broken copy: bytes changed, most of them in the first kilobyte, or the end cut off, or a number that lies."""
    data = bytearray(original)
    head = min(len(data), 1024)
    match rng.integers(4):
        case 0:
            return bytes(data[: rng.integers(len(data))])
        case 1:
            for at in rng.integers(len(data), size=rng.integers(1, 20)):
                data[at] = rng.integers(256)
        case 2:
            for at in rng.integers(head, size=rng.integers(1, 6)):
                data[at] ^= 1 << rng.integers(8)
        case _:
            width, code = ((2, "<H"), (4, "<I"), (8, "<Q"))[rng.integers(3)]
            at = int(rng.integers(max(head - width, 1)))
            lie = BIG_NUMBERS[rng.integers(len(BIG_NUMBERS))] % 2 ** (8 * width)
            data[at : at + width] = struct.pack(code, lie)
    return sealed(bytes(data)) if original.startswith(b"ASTM-E57") and rng.random() < 0.7 else bytes(data)


def sealed(data: bytes) -> bytes:
    """An E57 file whose pages have right checksums (CRC-32C) again, so that what is broken reaches the parser."""
    pages = np.frombuffer(data[: len(data) // 1024 * 1024], np.uint8).reshape(-1, 1024).copy()
    crc = np.full(len(pages), 0xFFFFFFFF, dtype=np.uint32)
    for column in pages[:, :1020].T:
        crc = (crc >> 8) ^ CRC_TABLE[(crc ^ column) & 0xFF]
    pages[:, 1020:] = (~crc).astype(">u4").view(np.uint8).reshape(-1, 4)
    return pages.tobytes()


# --- Samples ---------------------------------------------------------------------------------------------------------


def room(count: int = 3000) -> tuple[FloatArray, IntArray]:
    """Points (N, 3) on the walls of a room of 8 x 6 x 3 m, and which of two stations saw each, 1 or 2."""
    rng = np.random.default_rng(7)
    xyz = rng.uniform(0.0, 1.0, (count, 3)) * [8.0, 6.0, 3.0]
    side = rng.integers(6, size=count)
    xyz[np.arange(count), side % 3] = np.where(side < 3, 0.0, np.array([8.0, 6.0, 3.0])[side % 3])
    return xyz, np.sort(rng.integers(1, 3, count)).astype(np.int32)


def write_samples(folder: Path) -> dict[str, Path]:
    """The same small room in every format."""
    xyz, station = room()
    writers: dict[str, Callable[[Path], None]] = {
        "room.las": lambda path: write_las(path, xyz, station),
        "room.laz": lambda path: write_las(path, xyz, station),
        "room.copc.laz": lambda path: write_copc(path, xyz, station),
        "room.e57": lambda path: write_e57(path, xyz, station),
        "ascii.ply": lambda path: write_ply(path, xyz, "ascii"),
        "little.ply": lambda path: write_ply(path, xyz, "binary_little_endian"),
        "big.ply": lambda path: write_ply(path, xyz, "binary_big_endian"),
        "ascii.pcd": lambda path: write_pcd(path, xyz, "ascii"),
        "binary.pcd": lambda path: write_pcd(path, xyz, "binary"),
        "compressed.pcd": lambda path: write_pcd(path, xyz, "binary_compressed"),
        "bag.db3": lambda path: write_bag_file(path, xyz, StoragePlugin.SQLITE3),
        "bag.mcap": lambda path: write_bag_file(path, xyz, StoragePlugin.MCAP),
    }
    for name, write in writers.items():
        write(folder / name)
    return {name: folder / name for name in writers}


def write_copc(path: Path, xyz: FloatArray, station: IntArray, spacing_m: float = 1.0) -> None:
    """COPC by copclib: a node has the first point of each cell, its children the rest at half the spacing."""
    low, half = xyz.min(axis=0), float(np.ptp(xyz, axis=0).max()) / 2 + 1e-3
    config = copclib.CopcConfigWriter(6, copclib.Vector3(0.001, 0.001, 0.001), copclib.Vector3(0, 0, 0))
    config.copc_info.spacing, config.copc_info.halfsize = spacing_m, half
    config.copc_info.center_x, config.copc_info.center_y, config.copc_info.center_z = (low + half).tolist()
    config.las_header.min, config.las_header.max = (copclib.Vector3(*corner) for corner in (low, xyz.max(axis=0)))
    writer = copclib.FileWriter(str(path), config)
    left = np.arange(len(xyz))
    for depth in range(12):
        cell_m = spacing_m / 2**depth
        cell = np.floor((xyz[left] - low) / cell_m).astype(np.int64)
        _, first = np.unique(cell, axis=0, return_index=True)
        chosen = left[np.sort(first)] if depth < 11 else left
        node = np.floor((xyz[chosen] - low) / (2 * half / 2**depth)).astype(np.int64)
        keys, where = np.unique(node, axis=0, return_inverse=True)
        for i, (x, y, z) in enumerate(keys.tolist()):
            mine = chosen[where.ravel() == i]
            raw = _las_records(xyz[mine], station[mine]).tobytes()
            writer.AddNode(copclib.VoxelKey(depth, x, y, z), copclib.VectorChar(np.frombuffer(raw, np.int8)))
        left = np.setdiff1d(left, chosen)
        if not len(left):
            break
    writer.Close()


def _las_records(xyz: FloatArray, station: IntArray) -> "np.ndarray[Any, Any]":
    header = laspy.LasHeader(version="1.4", point_format=6)
    points = laspy.PackedPointRecord.zeros(len(xyz), header.point_format)
    points["X"], points["Y"], points["Z"] = np.rint(xyz / 0.001).astype(np.int32).T
    points["point_source_id"] = station
    return points.array


def write_e57(path: Path, xyz: FloatArray, station: IntArray) -> None:
    """A scan a station, turned by a right angle and standing at the station."""
    file = pye57.E57(str(path), mode="w")
    for number, origin in enumerate(STATIONS, 1):
        x, y, z = (xyz[station == number] - origin).T
        data = {"cartesianX": y, "cartesianY": -x, "cartesianZ": z}
        file.write_scan_raw(data, rotation=np.array([np.sqrt(0.5), 0, 0, np.sqrt(0.5)]), translation=origin)
    file.close()


def write_ply(path: Path, xyz: FloatArray, order: str) -> None:
    """A PLY file with a grey value a point and an element behind the points."""
    lines = ["ply", f"format {order} 1.0", f"element vertex {len(xyz)}", *(f"property double {axis}" for axis in "xyz")]
    lines += ["property uchar grey", "element face 1", "property list uchar int vertex_indices", "end_header", ""]
    kind = ">" if order == "binary_big_endian" else "<"
    rows = np.zeros(len(xyz), np.dtype([("xyz", f"{kind}f8", 3), ("grey", "u1")]))
    rows["xyz"] = xyz
    body = rows.tobytes() + struct.pack(f"{kind}B3i", 3, 0, 1, 2)
    if order == "ascii":
        body = "".join(f"{x:.4f} {y:.4f} {z:.4f} 7\n" for x, y, z in xyz).encode() + b"3 0 1 2\n"
    path.write_bytes("\n".join(lines).encode() + body)


def write_pcd(path: Path, xyz: FloatArray, data: str, viewpoint: str = "0 0 0 1 0 0 0") -> None:
    """A PCD file of float coordinates and an intensity."""
    head = "# .PCD v0.7\nVERSION 0.7\nFIELDS x y z intensity\nSIZE 4 4 4 4\nTYPE F F F F\nCOUNT 1 1 1 1\n"
    head += f"WIDTH {len(xyz)}\nHEIGHT 1\nVIEWPOINT {viewpoint}\nPOINTS {len(xyz)}\nDATA {data}\n"
    table = np.column_stack([xyz, np.ones(len(xyz))]).astype("<f4")
    match data:
        case "ascii":
            body = "".join(f"{x:.4f} {y:.4f} {z:.4f} {i:.0f}\n" for x, y, z, i in table).encode()
        case "binary":
            body = table.tobytes()
        case _:
            plain = table.T.tobytes()
            packed = b"".join(bytes([len(p := plain[i : i + 32]) - 1]) + p for i in range(0, len(plain), 32))
            body = struct.pack("<II", len(packed), len(plain)) + packed
    path.write_bytes(head.encode() + body)


def write_bag_file(path: Path, xyz: FloatArray, storage: StoragePlugin) -> None:
    """The one file of a bag."""
    folder = path.with_name(f"{path.name}.bag")
    write_bag(folder, [xyz], [STATIONS[0]], storage)
    (data,) = folder.glob(f"*{path.suffix}")
    os.replace(data, path)
    shutil.rmtree(folder)


def write_bag(folder: Path, clouds: list[FloatArray], places: list[FloatArray], storage: StoragePlugin) -> None:
    """Clouds (N, 3) of the frame map, recorded a second apart by a lidar at `places`, looking the way of the map."""
    store = get_typestore(Stores.ROS2_HUMBLE)
    types = store.types
    make = {name.rsplit("/", 1)[1]: kind for name, kind in types.items()}
    writer = Writer(folder, version=9, storage_plugin=storage)
    writer.open()
    try:
        moved = writer.add_connection("/tf", "tf2_msgs/msg/TFMessage", typestore=store)
        scans = writer.add_connection("/points", "sensor_msgs/msg/PointCloud2", typestore=store)
        for second, (xyz, place) in enumerate(zip(clouds, places, strict=True)):
            stamp = make["Time"](sec=second, nanosec=0)
            pose = make["Transform"](
                translation=make["Vector3"](*map(float, place)), rotation=make["Quaternion"](0.0, 0.0, 0.0, 1.0)
            )
            link = make["TransformStamped"](make["Header"](stamp, "map"), "lidar", pose)
            transforms = types["tf2_msgs/msg/TFMessage"](transforms=[link])
            writer.write(moved, second * 10**9, store.serialize_cdr(transforms, "tf2_msgs/msg/TFMessage"))
            cloud = types["sensor_msgs/msg/PointCloud2"](
                header=make["Header"](stamp, "lidar"),
                height=1,
                width=len(xyz),
                fields=[make["PointField"](axis, 4 * i, 7, 1) for i, axis in enumerate("xyz")],
                is_bigendian=False,
                point_step=16,
                row_step=16 * len(xyz),
                data=np.pad((xyz - place).astype("<f4"), ((0, 0), (0, 1))).view(np.uint8).ravel(),
                is_dense=False,
            )
            writer.write(scans, second * 10**9, store.serialize_cdr(cloud, "sensor_msgs/msg/PointCloud2"))
    finally:
        writer.close()
