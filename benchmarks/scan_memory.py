"""Memory and time of reading LAZ of 10, 30 and 100 million points: memory stands still, time grows in proportion."""

import resource
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import laspy
import numpy as np

from bim.frames import FloatArray, IntArray
from scan_to_bim.clouds import read_survey
from scan_to_bim.clouds_las import open_las

COUNTS = (10_000_000, 30_000_000, 100_000_000)
STATIONS = np.array([[10.0 + 20.0 * i, 15.0 + 10.0 * (i % 2), 1.6] for i in range(10)])
HALL_M = np.array([220.0, 40.0, 8.0])
RUN = 1_000_000


def measure(shared: Path) -> dict[str, Any]:
    """Peak memory of the child that reads, and CPU seconds a million points, beside those of decoding alone."""
    return {f"{count // 10**6} M": _read(count) for count in COUNTS}


def _read(count: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        scan, stations = Path(folder) / "scan.laz", Path(folder) / "stations.csv"
        write_points(
            scan, (run for station in range(len(STATIONS)) for run in scanned(station, count // len(STATIONS)))
        )
        rows = [f"{i},{x},{y},{z}" for i, (x, y, z) in enumerate(STATIONS.tolist(), 1)]
        stations.write_text("\n".join(["station,x,y,z", *rows]), encoding="utf-8")
        start = time.process_time()
        for _ in open_las(scan).blocks:
            pass
        decoding_s = time.process_time() - start
        before_s = _children_s()
        survey = read_survey([scan], stations).survey
        reading_s = _children_s() - before_s
    return {
        "child_peak_bytes": 1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss,
        "child_cpu_s_per_million": round(reading_s / count * 1e6, 4),
        "decoding_cpu_s_per_million": round(decoding_s / count * 1e6, 4),
        "points_kept": len(survey.points),
    }


def _children_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def write_points(path: Path, runs: Iterable[tuple[FloatArray, IntArray]]) -> None:
    """A scan as LAZ, from runs of points (N, 3) in metres and their stations (N,)."""
    header = laspy.LasHeader(version="1.4", point_format=6)
    header.scales = np.full(3, 0.001)
    with laspy.open(path, "w", header=header) as writer:
        for xyz, station in runs:
            points = laspy.ScaleAwarePointRecord.zeros(len(xyz), header=header)
            points.X, points.Y, points.Z = np.rint(xyz * 1000).astype(np.int32).T
            points.point_source_id = station.astype(np.uint16)
            writer.write_points(points)


def scanned(station: int, count: int) -> Iterator[tuple[FloatArray, IntArray]]:
    """A hall of 220 x 40 x 8 m as a station sees it with so many points, in the order of its rays."""
    for start in range(0, count, RUN):
        at = np.arange(start, min(start + RUN, count))
        yield _walls(at, count, STATIONS[station]), np.full(len(at), station + 1, dtype=np.int32)


def _walls(at: "np.ndarray[Any, np.dtype[np.int64]]", count: int, origin: FloatArray) -> FloatArray:
    """Where rays number `at` of `count` from `origin` leave the hall: columns of a spherical scan."""
    rows = int(np.sqrt(count / 2))
    azimuth = 2 * np.pi * (at // rows + 0.5) / (count / rows)
    elevation = np.pi * ((at % rows + 0.5) / rows - 0.5)
    level = np.cos(elevation)
    ray = np.column_stack([level * np.cos(azimuth), level * np.sin(azimuth), np.sin(elevation)])
    distance = np.where(ray > 0, (HALL_M - origin) / ray, -origin / ray).min(axis=1)
    walls: FloatArray = origin + ray * np.minimum(distance, 300.0)[:, None]
    return walls
