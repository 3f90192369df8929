"""Scans: files of points become one survey. The only reader and writer of scans; everything is decoded in children.

A file is known by its first bytes, read once, block by block, and reduced to range images on the way, so that memory
does not grow with the number of its points. Scans of one site share a frame, and are read one by one or side by side,
on several machines too: `read_survey` is `frame_of`, `read_scan` of each, and `joined`.
"""

import csv
import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bim.arrays import Payload
from bim.errors import BadScan
from bim.frames import FloatArray
from bim.isolation import GIB, Limits, isolated
from scan_to_bim.clouds_e57 import open_e57
from scan_to_bim.clouds_las import open_las, write_las
from scan_to_bim.clouds_pcd import open_pcd, unpack_lzf
from scan_to_bim.clouds_ply import open_ply
from scan_to_bim.clouds_rosbag import open_rosbag
from scan_to_bim.clouds_source import NO_STATION, Cloud, PointBlock
from scan_to_bim.result import Input
from scan_to_bim.survey import MAX_CELLS, REACH_M, Survey, build_survey, centre_of, first_of, merge_surveys

__all__ = [
    "SCAN_LIMITS", "Frame", "OneScan", "Scan", "ScanFacts", "frame_of", "inspect_scan", "joined", "read_scan",
    "read_survey", "write_las",
]  # fmt: skip

SCAN_LIMITS = Limits(memory_bytes=3 * GIB, cpu_s=3600.0, wall_s=7200.0)
Origin = tuple[float, float, float]
Origins = Mapping[int, Origin]


@dataclass(frozen=True)
class Scan:
    """One or more scan files of one site as one survey, with what was left open and how it was settled."""

    survey: Survey
    inputs: tuple[Input, ...]
    assumptions: tuple[str, ...]


def read_survey(
    paths: Sequence[Path], stations: Path | None = None, unit_m: float | None = None, limits: Limits = SCAN_LIMITS
) -> Scan:
    """The scans of one site, which share a frame, as one survey in metres.

    `stations` names a CSV file with header station,x,y,z: scanner positions in the scan's frame and unit. `unit_m`:
    metres in the scan's unit, for what the files do not say. Raises BadScan.
    """
    if not paths:
        raise BadScan("no scan was given", "at least one", "name a scan file")
    frame = frame_of(paths[0], len(paths), stations, unit_m, limits)
    return joined(frame, [read_scan(path, frame, limits) for path in paths])


@dataclass(frozen=True)
class Frame:
    """What the scans of one site share.

    origins: scanner positions by station, as the file `stations` has them, in the scans' unit. unit_m: metres in it,
    for what the files do not say. centre_m: (3,) metres, where points are counted from; None leaves it to the only
    scan. max_cells: cells that the range images of one scan may have.
    """

    origins: Origins
    stations: str | None
    unit_m: float | None
    centre_m: FloatArray | None
    max_cells: int


@dataclass(frozen=True)
class OneScan:
    """One file of points, read."""

    survey: Survey
    input: Input
    assumptions: tuple[str, ...]


def frame_of(
    first: Path, scans: int, stations: Path | None = None, unit_m: float | None = None, limits: Limits = SCAN_LIMITS
) -> Frame:
    """What the scans of one site share, by the first points of the first of them. Raises BadScan."""
    origins = _stations(stations, limits) if stations else {}
    centre_m = _centre(first, origins, unit_m, limits) if scans > 1 else None
    return Frame(origins, stations.name if stations else None, unit_m, centre_m, MAX_CELLS // scans)


def read_scan(path: Path, frame: Frame, limits: Limits = SCAN_LIMITS) -> OneScan:
    """One of the scans of a site. Raises BadScan."""
    _load_kernels()
    with _naming(path):
        found = isolated(_survey_of, path, frame, limits=limits, failure=BadScan, what=_what(path))
    survey = Survey(**{name: found[name] for name in Survey.__dataclass_fields__})
    return OneScan(survey, Input(str(path), _sha256(path), points=found["claimed"]), tuple(found["assumptions"]))


def joined(frame: Frame, scans: Sequence[OneScan]) -> Scan:
    """The scans of a site, in the order in which they were given, as one. Raises BadScan."""
    names = [Path(scan.input.path).name for scan in scans]
    _check_stations_used(frame, scans)
    _check_one_frame(names, scans)
    return Scan(
        survey=merge_surveys([scan.survey for scan in scans]),
        inputs=tuple(scan.input for scan in scans),
        assumptions=(*(a for scan in scans for a in scan.assumptions), *_shared_stations(names, scans)),
    )


@dataclass(frozen=True)
class ScanFacts:
    """What a scan file holds and what is wrong with it, as plain values.

    bounds_m: lowest and highest corner in metres. stations: scanner positions that points are marked with.
    unit: metres in its unit, None where the file does not say and metres are assumed.
    """

    path: str
    format: str
    points: int
    bounds_m: tuple[Origin, Origin]
    stations: int
    unit: float | None
    sha256: str
    problems: tuple[str, ...]


def inspect_scan(path: Path, limits: Limits = SCAN_LIMITS) -> ScanFacts:
    """Read all of a scan file and tell what is there. Raises BadScan where it cannot be read."""
    with _naming(path):
        found = isolated(_facts, path, limits=limits, failure=BadScan, what=_what(path))
    low, high = ((float(x), float(y), float(z)) for x, y, z in found["bounds_m"])
    return ScanFacts(
        path=str(path),
        format=found["kind"],
        points=found["points"],
        bounds_m=(low, high),
        stations=found["stations"],
        unit=found["unit"],
        sha256=_sha256(path),
        problems=tuple(found["problems"]),
    )


# --- In the parent ---------------------------------------------------------------------------------------------------


def _centre(path: Path, origins: Origins, unit_m: float | None, limits: Limits) -> FloatArray:
    with _naming(path):
        found = isolated(_centre_of, path, origins, unit_m, limits=limits, failure=BadScan, what=_what(path))
    centre_m: FloatArray = np.array(found["centre_m"])
    return centre_m


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Of several scans, a refusal names the one that it is about."""
    try:
        yield
    except BadScan as error:
        if path.name in error.found:
            raise
        raise BadScan(f"{path.name}: {error.found}", error.expected, error.action) from error


def _what(path: Path) -> str:
    return f"scan {path.name}"


def _sha256(path: Path) -> str:
    """Of a file, or of the files of a folder one after another in the order of their names."""
    digest = hashlib.sha256()
    for part in sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]:
        with part.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest() if path.is_dir() else b"")
            if not path.is_dir():
                return hashlib.file_digest(file, "sha256").hexdigest()
    return digest.hexdigest()


def _load_kernels() -> None:
    """Compile or load what the children run, once: they are forked with it."""
    here = PointBlock(np.ones((1, 3)), np.array([1], dtype=np.int32))
    for origins in ({}, {1: (0.0, 0.0, 0.0)}):
        build_survey([here], origins, 1)
    unpack_lzf(np.zeros(2, dtype=np.uint8), np.zeros(1, dtype=np.uint8))


def _check_stations_used(frame: Frame, scans: Sequence[OneScan]) -> None:
    if frame.stations and not any(len(scan.survey.origins_m) for scan in scans):
        raise BadScan(
            f"no point of the scans carries a station number of {frame.stations}",
            "a point_source_id that its column station lists, or one row for scans without station numbers",
            "correct the file, or leave it out",
        )


MOST_APART_M = 1000.0


def _check_one_frame(names: Sequence[str], scans: Sequence[OneScan]) -> None:
    boxes = [(scan.survey.points.min(axis=0), scan.survey.points.max(axis=0)) for scan in scans]
    for name, (low, high) in zip(names[1:], boxes[1:], strict=True):
        gap_m = float(np.maximum(low - boxes[0][1], boxes[0][0] - high).max())
        if gap_m > MOST_APART_M:
            raise BadScan(
                f"{name} lies {gap_m / 1000:.1f} km from {names[0]}",
                "scans of one site in one frame",
                "export them in the same coordinates, or compare them one by one",
            )


def _shared_stations(names: Sequence[str], scans: Sequence[OneScan]) -> tuple[str, ...]:
    places = [{tuple(origin) for origin in scan.survey.origins_m.tolist()} for scan in scans]
    return tuple(
        f"{len(both)} scanner positions are named by both {names[a]} and {names[b]}; "
        "the points of both were taken to be seen from them."
        for b in range(len(names))
        for a in range(b)
        if (both := places[a] & places[b])
    )


# --- In the child ----------------------------------------------------------------------------------------------------

UNIT_ADVICE = "give the unit, as in --scan-unit m or --scan-unit cm"
LARGEST_M = 100.0
"""A scan whose every extent is more than this many units, and which states no unit, is not taken to be in metres."""


def _survey_of(path: Path, frame: Frame) -> Payload:
    cloud, blocks, origins_m = _in_metres(path, frame.origins, frame.unit_m)
    survey = build_survey(blocks, origins_m, cloud.points, frame.centre_m, frame.max_cells)
    unit_m = frame.unit_m
    extent = _extent(survey)
    if not unit_m and not cloud.unit_m and extent.min() > LARGEST_M:
        raise _unit_needed(path, extent)
    assumptions = [f"{path.name}: {a}." for a in _assumptions(cloud, survey, unit_m)]
    return vars(survey) | {"claimed": cloud.points, "assumptions": assumptions}


def _centre_of(path: Path, origins: Origins, unit_m: float | None) -> Payload:
    _, blocks, origins_m = _in_metres(path, origins, unit_m)
    return {"centre_m": centre_of(first_of(blocks), origins_m).tolist()}


def _in_metres(path: Path, origins: Origins, unit_m: float | None) -> tuple[Cloud, Iterator[PointBlock], Origins]:
    """The cloud, its blocks in metres, and its scanners' positions in metres by the station that points carry."""
    cloud = open_cloud(path)
    scale = np.array((unit_m,) * 3 if unit_m else cloud.unit_m or (1.0, 1.0, 1.0))
    origins_m = {key: _scaled_origin(o, scale) for key, o in (cloud.origins or _numbered(origins, cloud)).items()}
    return cloud, _scaled(cloud.blocks, scale), origins_m


def open_cloud(path: Path) -> Cloud:
    """The reader for a file, chosen by its first bytes. Raises BadScan for what is no scan."""
    if (path / "metadata.yaml").is_file():
        return open_rosbag(path)
    if not path.is_file():
        raise BadScan(f"{path.name} is not a file", "a scan file or the folder of a rosbag2", "correct the path")
    with path.open("rb") as file:
        return _opened(path, file.read(16))


OPENERS: tuple[tuple[bytes, Callable[[Path], Cloud]], ...] = (
    (b"LASF", open_las),
    (b"ASTM-E57", open_e57),
    (b"ply\n", open_ply),
    (b"ply\r\n", open_ply),
    (b"# .PCD", open_pcd),
    (b"VERSION", open_pcd),
    (b"SQLite format 3", open_rosbag),
    (b"\x89MCAP", open_rosbag),
)


def _opened(path: Path, magic: bytes) -> Cloud:
    for start, opener in OPENERS:
        if magic.startswith(start):
            return opener(path)
    found = "is empty" if not magic else "is no scan that Sitewright knows"
    raise BadScan(f"{path.name} {found}", "LAS, LAZ, COPC, E57, PLY, PCD or rosbag2", "export it in one of these")


def _numbered(origins: Origins, cloud: Cloud) -> Origins:
    """Scanner positions by the numbers that the cloud's points carry."""
    if len(origins) == 1:
        (only,) = origins.values()
        # LAS: a point_source_id of 0 says that the point comes from this very file.
        return {**origins, 0: only} if cloud.numbered else {NO_STATION: only}
    return origins if cloud.numbered else {}


def _scaled(blocks: Iterator[PointBlock], scale: FloatArray) -> Iterator[PointBlock]:
    return blocks if (scale == 1.0).all() else (replace(block, xyz=block.xyz * scale) for block in blocks)


def _scaled_origin(origin: Origin, scale: FloatArray) -> Origin:
    x, y, z = (np.array(origin) * scale).tolist()
    return x, y, z


def _extent(survey: Survey) -> FloatArray:
    """Extent (3,) of the points, metres. Raises BadScan where all of them are one."""
    extent = np.ptp(survey.points, axis=0) if len(survey.points) else np.zeros(3)
    if not extent.any():
        found = f"all points are at one place or more than {REACH_M / 1000:.0f} km from the scanner or the other scans"
        raise BadScan(found, "the surfaces of a site", "check the export and the stations file")
    return extent


def _unit_needed(path: Path, extent: FloatArray) -> BadScan:
    found = f"{path.name} states no unit and measures {' x '.join(f'{e:.0f}' for e in extent)} of it"
    return BadScan(found, "a site in metres", UNIT_ADVICE)


def _assumptions(cloud: Cloud, survey: Survey, unit_m: float | None) -> Iterator[str]:
    yield from cloud.remarks
    if not unit_m and not cloud.unit_m:
        yield "its unit is not stated; metres were assumed"
    unknown = float((survey.station < 0).mean())
    if unknown:
        yield f"the scanner position is unknown for {'all' if unknown == 1.0 else f'{unknown:.0%} of the'} points kept"


def _facts(path: Path) -> Payload:
    cloud = open_cloud(path)
    scale = np.array(cloud.unit_m or (1.0, 1.0, 1.0))
    low, high, read, seen = np.full(3, np.inf), np.full(3, -np.inf), 0, set[int]()
    for block in _scaled(cloud.blocks, scale):
        low, high = (
            np.minimum(low, block.xyz.min(axis=0, initial=np.inf)),
            np.maximum(high, block.xyz.max(axis=0, initial=-np.inf)),
        )
        read += len(block.xyz)
        seen |= set(np.unique(block.station).tolist())
    if not read:
        raise BadScan(f"{path.name} holds no point", "at least one", "check the export")
    return {
        "kind": cloud.kind,
        "points": cloud.points,
        "bounds_m": [low.tolist(), high.tolist()],
        "stations": len(seen - {NO_STATION, 0}),
        "unit": cloud.unit_m[0] if cloud.unit_m else None,
        "problems": list(_problems(cloud, read, low, high)),
    }


def _problems(cloud: Cloud, read: int, low: FloatArray, high: FloatArray) -> Iterator[str]:
    yield from cloud.remarks
    if read < cloud.points:
        yield f"{cloud.points - read} of {cloud.points} points have no usable coordinates"
    if not cloud.unit_m:
        yield "the unit is not stated; metres would be assumed"
        if (high - low).min() > LARGEST_M:
            yield f"it is too large for a site in metres; {UNIT_ADVICE}"
    if not (cloud.origins or cloud.numbered):
        yield "scanner positions are not in the file; a stations file can give one"


# --- Scanner positions -----------------------------------------------------------------------------------------------

COLUMNS = ["station", "x", "y", "z"]
MOST_STATIONS_BYTES = 4 * 1024**2


def _stations(path: Path, limits: Limits) -> Origins:
    found = isolated(_station_rows, path, limits=limits, failure=BadScan, what=f"stations file {path.name}")
    return {int(key): (x, y, z) for key, x, y, z in found["rows"]}


def _station_rows(path: Path) -> Payload:
    if not path.is_file() or path.stat().st_size > MOST_STATIONS_BYTES:
        raise BadScan(f"{path.name} is no file or larger than 4 MB", "a short CSV file", "name the stations file")
    text = path.read_bytes().decode("utf-8-sig", errors="replace")
    rows = list(csv.reader(text.splitlines()))
    if not rows or [cell.strip().lower() for cell in rows[0]] != COLUMNS:
        found_header = ",".join(rows[0]) if rows else "nothing"
        raise BadScan(f"{path.name} row 1: {found_header}"[:200], "the header station,x,y,z", "add the header")
    found: dict[int, list[float]] = {}
    for number, row in enumerate(rows[1:], 2):
        if row:
            _add_station(found, path, number, row)
    if not found:
        raise BadScan(f"{path.name} lists no station", "a row for each scanner position", "add them")
    return {"rows": [[key, *xyz] for key, xyz in found.items()]}


def _add_station(found: dict[int, list[float]], path: Path, number: int, row: Sequence[str]) -> None:
    where = f"{path.name} row {number}: {','.join(row)}"[:200]
    try:
        key, x, y, z = int(row[0]), *map(float, row[1:])
    except (ValueError, IndexError):
        raise BadScan(where, "a whole number and three lengths", "correct the row") from None
    if not (0 <= key < 2**31 and all(map(math.isfinite, (x, y, z)))):
        raise BadScan(where, "a station number from 0 on and finite lengths", "correct the row")
    if key in found:
        raise BadScan(where, f"one row for station {key}", "leave one of them")
    found[key] = [x, y, z]
