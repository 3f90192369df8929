"""A comparison by value, and its scans, which any machines that reach the files may read side by side.

Light to import: processes of their own read them.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bim.isolation import Limits
from scan_to_bim.clouds import Frame, OneScan, frame_of, read_scan
from web.files import Files


@dataclass(frozen=True)
class Wanted:
    """A comparison by value: every machine that reaches the files can do it. Files are (SHA-256, name)."""

    files_url: str
    models: tuple[tuple[str, str], ...]
    scans: tuple[tuple[str, str], ...]
    stations: tuple[str, ...]
    """SHA-256 of the lists of stations; ids are those of the points."""
    unit_m: float | None
    pose: list[list[float]] | None
    tolerance_m: float
    at: datetime


def frame_wanted(wanted: Wanted, limits: Limits) -> Frame:
    """What the scans of a comparison share. Raises BadScan."""
    with files_at_hand(wanted) as (files, folder):
        first, stations = files.named(*wanted.scans[0], folder), stations_of(files, wanted.stations, folder)
        return frame_of(first, len(wanted.scans), stations, wanted.unit_m, limits)


def scans_wanted(wanted: Wanted, numbers: Sequence[int], frame: Frame, limits: Limits) -> list[OneScan]:
    """Some of the scans of a comparison. Raises BadScan."""
    with files_at_hand(wanted) as (files, folder):
        return [read_scan(files.named(*wanted.scans[n], folder / f"scan-{n}"), frame, limits) for n in numbers]


@contextmanager
def files_at_hand(wanted: Wanted) -> Iterator[tuple[Files, Path]]:
    """The files of a comparison, and a folder to lay them out in."""
    with tempfile.TemporaryDirectory(prefix="sitewright-compare-") as name:
        yield Files(wanted.files_url), Path(name)


def stations_of(files: Files, shas: tuple[str, ...], folder: Path) -> Path | None:
    """All station lists as one; ids are those of the points."""
    lists = [files.read(sha).splitlines() for sha in shas]
    if not lists:
        return None
    path = folder / "stations.csv"
    path.write_bytes(b"\n".join([*lists[0], *(line for each in lists[1:] for line in each[1:])]) + b"\n")
    return path
