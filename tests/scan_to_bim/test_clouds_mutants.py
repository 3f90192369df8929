"""Broken scans of every format: a survey or one BadScan, in time, and nothing left behind."""

import struct
import tempfile
from pathlib import Path

import numpy as np
import psutil
import pytest

from benchmarks.scan_mutants import LIMITS, outcomes, room, write_samples
from bim.errors import BadScan
from scan_to_bim.clouds import inspect_scan, read_survey, write_las

MUTANTS = 40
SAMPLES = [
    "room.las", "room.laz", "room.copc.laz", "room.e57", "ascii.ply", "little.ply", "big.ply", "ascii.pcd",
    "binary.pcd", "compressed.pcd", "bag.db3", "bag.mcap",
]  # fmt: skip


@pytest.mark.parametrize("name", SAMPLES)
def test_a_broken_scan_is_read_or_refused_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (scratch := tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    sample = write_samples(tmp_path)[name]
    before, children = sorted(tmp_path.rglob("*")), psutil.Process().children()
    ends = {outcome for outcome, _ in outcomes(sample, MUTANTS, np.random.default_rng(20))}
    assert "refused" in ends
    assert sorted(tmp_path.rglob("*")) == before
    assert set(psutil.Process().children()) <= set(children)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_scan_cut_anywhere_is_refused(tmp_path: Path, name: str) -> None:
    sample = write_samples(tmp_path)[name]
    whole = sample.read_bytes()
    cut = tmp_path / f"cut{sample.suffix}"
    for share in (0.01, 0.3, 0.6):
        cut.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(BadScan):
            read_survey([cut], limits=LIMITS)


LIES = {
    "points": (247, "<Q", 2**40),
    "variable length records": (100, "<I", 2**32 - 1),
    "extended records": (243, "<I", 2**32 - 1),
    "where points start": (96, "<I", 2**32 - 1),
    "bytes a point": (105, "<H", 2**16 - 1),
    "scale": (131, "<d", float("nan")),
    "offset": (155, "<d", float("inf")),
    "version": (25, "<B", 9),
}


@pytest.mark.parametrize("name", ["scan.las", "scan.laz"])
@pytest.mark.parametrize("lie", LIES)
def test_a_las_header_that_lies_is_refused(tmp_path: Path, name: str, lie: str) -> None:
    path = tmp_path / name
    write_las(path, *room(100))
    data = bytearray(path.read_bytes())
    at, code, value = LIES[lie]
    struct.pack_into(code, data, at, value)
    path.write_bytes(data)
    for read in (lambda: read_survey([path], limits=LIMITS), lambda: inspect_scan(path, LIMITS)):
        with pytest.raises(BadScan):
            read()


def test_an_e57_whose_xml_defines_entities_is_refused(tmp_path: Path) -> None:
    path = write_samples(tmp_path)["room.e57"]
    data = path.read_bytes()
    path.write_bytes(data.replace(b'<?xml version="1.0"', b"<!DOCTYPE bomb [ ]>"))
    with pytest.raises(BadScan, match="entities"):
        read_survey([path], limits=LIMITS)
