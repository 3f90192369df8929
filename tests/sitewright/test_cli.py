"""`compare` as a person or a script meets it: exit codes, one line on stderr, files whole or not at all."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bim.frames import invert, rigid, transform
from bim.ifc import read_building
from bim.ifc_authoring import Author
from bim.model import Building
from bim.verdict import State
from scan_to_bim.clouds import write_las
from scan_to_bim.simulate import SimulatedScanner, simulate_scan
from scan_to_bim.simulated_site import Truth, stand
from sitewright.cli import run

STATIONS = np.array([[3.0, 2.0, 1.6], [1.2, 2.2, 1.6], [5.0, 0.5, 1.5], [5.2, 3.4, 1.5], [7.6, -1.0, 1.6]])
T_SITE_SCAN = invert(rigid(np.array([0.0, 0.0, 0.7]), np.array([12.0, -3.0, 1.0])))
OUTPUTS = ("json", "html", "ifc", "bcf", "glb")
SHIFTED, MISSING = "South", "Pier"


def author(width_m: float = 6.0) -> Author:
    """A room with a wing, two inner walls, a post and a pier: no turn of it looks like itself."""
    made = Author("Room")
    ground = made.storey("Ground", 0.0)
    made.slab(ground, "Floor", [(0, 0), (width_m, 0), (width_m, 4), (0, 4)], 0.2, top_m=0.0)
    for name, start, end in (
        (SHIFTED, (0, -0.1), (width_m, -0.1)),
        ("North", (0, 4.1), (width_m, 4.1)),
        ("West", (-0.1, 0), (-0.1, 4)),
        ("East", (width_m + 0.1, 0), (width_m + 0.1, 4)),
        ("Wing", (width_m + 0.2, -1.9), (width_m + 3, -1.9)),
        ("Partition", (2.05, 0), (2.05, 2.6)),
        ("Screen", (4.2, 1.0), (5.9, 1.0)),
    ):
        made.wall(ground, name, start, end, height_m=3.0, thickness_m=0.2)
    made.column(ground, "Post", (1.0, 3.2), (0.3, 0.3), 3.0)
    made.column(ground, MISSING, (4.6, 2.8), (0.4, 0.4), 3.0)
    made.slab(ground, "Ceiling", [(0, 0), (width_m, 0), (width_m, 4), (0, 4)], 0.2, top_m=3.2)
    return made


def truth_of(building: Building) -> list[Truth]:
    told = {
        SHIFTED: Truth(State.DISPLACED, shift_m=(0.0, 0.06, 0.0)),
        MISSING: Truth(State.ABSENT, fraction=0.0),
    }
    return [told.get(element.name, Truth(State.BUILT)) for element in building.elements]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, another model, a scan in a frame of its own, its stations and a file that is no scan."""
    folder = tmp_path_factory.mktemp("site")
    author().write(folder / "model.ifc")
    author(width_m=9.7).write(folder / "other.ifc")
    building = read_building([folder / "model.ifc"], cache=None)
    site = stand(building, truth_of(building))
    scan = simulate_scan(site, STATIONS, SimulatedScanner(step_rad=0.008), np.random.default_rng(3))
    write_las(folder / "scan.laz", transform(invert(T_SITE_SCAN), scan.xyz), scan.station)
    rows = [f"{n},{x},{y},{z}" for n, (x, y, z) in enumerate(transform(invert(T_SITE_SCAN), STATIONS), 1)]
    (folder / "stations.csv").write_text("\n".join(["station,x,y,z", *rows]))
    (folder / "noise.laz").write_bytes(b"LASF" + bytes(500))
    return folder


@pytest.fixture(autouse=True)
def _a_home_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITEWRIGHT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def compare(files: Path, *more: object, model: str = "model.ifc", scan: str = "scan.laz") -> int:
    arguments = ["compare", files / model, "--scan", files / scan, "--stations", files / "stations.csv", *more]
    return run([str(each) for each in arguments])


def without_time(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text())
    del document["timing_s"], document["peak_memory_bytes"]
    return document


def test_every_report_is_written_and_a_second_run_says_the_same(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare(files, *(each for kind in OUTPUTS for each in (f"--{kind}", f"out.{kind}"))) == 0
    states = {each["name"]: each["state"] for each in without_time(tmp_path / "out.json")["elements"]}
    assert states.pop(SHIFTED) == "displaced"
    assert states.pop(MISSING) == "absent"
    assert set(states.values()) == {"built"}
    assert "displaced" in capsys.readouterr().out
    assert (tmp_path / "out.html").read_text().startswith("<!DOCTYPE html>")
    assert (tmp_path / "out.ifc").read_bytes().startswith(b"ISO-10303-21;")
    assert (tmp_path / "out.glb").read_bytes().startswith(b"glTF")
    with zipfile.ZipFile(tmp_path / "out.bcf") as archive:
        assert archive.testzip() is None
    assert compare(files, "--json", "again.json", "--quiet", "--max-displaced", "0") == 4
    assert without_time(tmp_path / "again.json") == without_time(tmp_path / "out.json")
    said = capsys.readouterr()
    assert said.out == ""
    assert "1 elements are displaced" in said.err


def test_a_scan_of_another_building_ends_with_3_and_writes_nothing(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare(files, "--json", "out.json", model="other.ifc") == 3
    assert not (tmp_path / "out.json").exists()
    assert len(capsys.readouterr().err.strip().splitlines()[-1]) > 20


@pytest.mark.parametrize(
    ("more", "model", "scan", "sentence"),
    [
        ((), "none.ifc", "scan.laz", "no file"),
        ((), "model.ifc", "none.laz", "no file"),
        ((), "stations.csv", "scan.laz", "stations.csv"),
        ((), "model.ifc", "noise.laz", "noise.laz: a LAS header"),
        (("--json", "none/out.json"), "model.ifc", "scan.laz", "cannot write"),
        (("--tolerance-mm", "-1"), "model.ifc", "scan.laz", "greater than or equal to 0.1"),
        (("--tolerances", "none"), "model.ifc", "scan.laz", "none"),
        (("--schedule", "stations.csv"), "model.ifc", "scan.laz", "stations.csv"),
        (("--date", "yesterday"), "model.ifc", "scan.laz", "yesterday"),
        (("--pose", "none.json"), "model.ifc", "scan.laz", "none.json"),
        (("--colour",), "model.ifc", "scan.laz", "--colour"),
    ],
)
def test_bad_input_ends_with_2_and_one_line_that_names_it(
    files: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: tuple[str, ...],
    model: str,
    scan: str,
    sentence: str,
) -> None:
    before = sorted(tmp_path.iterdir())
    assert compare(files, "--html", "out.html", *more, model=model, scan=scan) == 2
    *_, line = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("sitewright: ")
    assert sentence in line
    assert not (tmp_path / "out.html").exists()
    assert [each for each in sorted(tmp_path.iterdir()) if each.name != "cache"] == before


def test_an_output_that_is_an_input_is_refused(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = (files / "model.ifc").read_bytes()
    assert compare(files, "--ifc", files / "model.ifc") == 2
    assert "both read and written" in capsys.readouterr().err
    assert (files / "model.ifc").read_bytes() == model
