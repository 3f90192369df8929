"""`sitewright print`: a wall of an IFC model into G-code, a picture and numbers, or a refusal with its reason."""

import json
from pathlib import Path

import numpy as np
import pytest

from bim.ifc_authoring import Author, Opening
from robots.printer_profiles import profile_names
from scan_to_bim.clouds import write_las
from sitewright.cli import run


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, str]:
    """A model's path, its wall with a door, and the lintel above the door."""
    author, path = Author("print", unit="mm"), tmp_path_factory.mktemp("model") / "wall.ifc"
    ground = author.storey("Ground", 0.0)
    door = Opening("door", "Door", 2.0, 1.0, 2.1)
    wall = author.wall(ground, "Wall", (1, 1), (1, 7), height_m=3.0, thickness_m=0.2, openings=[door])
    lintel = author.beam(ground, "Lintel", (1, 2.8, 2.2), (1, 4.2, 2.2), (0.2, 0.2))
    author.write(path)
    return str(path), wall.wall, lintel


def test_a_wall_becomes_gcode_a_picture_and_numbers(model: tuple[str, str, str], tmp_path: Path) -> None:
    path, wall, lintel = model
    code, picture, numbers = (tmp_path / name for name in ("wall.gcode", "wall.svg", "wall.json"))
    outputs = ["--gcode", str(code), "--picture", str(picture), "--json", str(numbers)]
    job = ["print", path, "--element", wall, "--profile", "gantry-generic", *outputs, "--quiet"]
    assert run([*job, "--lintel", lintel]) == 0
    found = json.loads(numbers.read_text(encoding="utf-8"))
    assert found["printable"]
    assert found["volume_m3"] == pytest.approx(3.0 * 6.0 * 0.2 - 2.1 * 0.2 - 0.042, rel=0.02)
    assert found["lintels"] == [{"global_id": lintel, "before_layer": 105}]
    assert code.read_text(encoding="utf-8").count(";LAYER:") == 150
    assert picture.read_bytes().startswith(b"<?xml")


def test_a_refusal_ends_with_4_and_its_reason_and_writes_no_gcode(
    model: tuple[str, str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, wall, _ = model
    code, numbers = tmp_path / "wall.gcode", tmp_path / "wall.json"
    job = [
        "print",
        path,
        "--element",
        wall,
        "--profile",
        "gantry-generic",
        "--gcode",
        str(code),
        "--json",
        str(numbers),
    ]
    assert run(job) == 4
    assert "would hang in the air" in capsys.readouterr().err
    assert not code.exists()
    assert "悬空" in json.loads(numbers.read_text(encoding="utf-8"))["refusals"][0]["zh"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--element", "0000000000000000000000"], "no element"),
        (["--profile", "none"], "no printer profile none"),
        (["--place", "1,2"], "four numbers"),
        (["--picture", "wall.bmp"], "format .bmp"),
    ],
)
def test_what_cannot_be_used_ends_with_2(
    model: tuple[str, str, str], change: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path, wall, lintel = model
    job = ["print", path, "--element", wall, "--lintel", lintel, "--profile", "gantry-generic", "--quiet"]
    assert run([*job, *change]) == 2
    assert words in capsys.readouterr().err


def test_the_machine_stands_where_it_is_placed(model: tuple[str, str, str], tmp_path: Path) -> None:
    path, wall, lintel = model
    numbers = tmp_path / "wall.json"
    job = ["print", path, "--element", wall, "--lintel", lintel, "--profile", "gantry-generic", "--json", str(numbers)]
    assert run([*job, "--quiet", "--place", "-4,0,0,0"]) == 0
    assert json.loads(numbers.read_text(encoding="utf-8"))["T_machine_site"][0][3] == pytest.approx(4.0)
    assert run([*job, "--quiet", "--place", "2,0,0,0"]) == 4


def test_a_scanned_layer_is_held_against_its_plan(
    model: tuple[str, str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, wall, lintel = model
    numbers, scan = tmp_path / "wall.json", tmp_path / "layer.las"
    job = ["print", path, "--element", wall, "--lintel", lintel, "--profile", "gantry-generic", "--json", str(numbers)]
    random = np.random.default_rng(1)
    top = random.uniform((0.9, 1.0, 0.2), (1.1, 3.0, 0.2), (60_000, 3))
    rest = random.uniform((0.9, 4.0, 0.2), (1.1, 7.0, 0.2), (90_000, 3))
    points = np.concatenate([top, rest]) + np.array([0.004, 0.0, 0.0])
    write_las(scan, points, np.zeros(len(points), np.int32))
    assert run([*job, "--scan", str(scan), "--layer", "10"]) == 0
    assert json.loads(numbers.read_text(encoding="utf-8"))["scanned"]["state"] == "built"
    assert "within 10 mm" in capsys.readouterr().out
    assert run([*job, "--scan", str(scan), "--layer", "10", "--tolerance-mm", "3"]) == 4
    assert run([*job, "--scan", str(scan), "--layer", "100", "--quiet"]) == 0
    assert json.loads(numbers.read_text(encoding="utf-8"))["scanned"]["state"] == "unseen"
    assert run([*job, "--scan", str(scan)]) == 2


def test_the_guide_names_every_profile_and_option() -> None:
    from typer.main import get_command

    from sitewright.cli import app

    page = (Path(__file__).parents[2] / "docs/guide/printing.md").read_text(encoding="utf-8")
    options = {option for each in get_command(app).commands["print"].params for option in each.opts}  # type: ignore[attr-defined]
    assert not {option for option in options if option.startswith("--") and option not in page}
    assert not {name for name in profile_names() if name not in page}
