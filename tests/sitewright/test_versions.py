"""The command `versions`: what differs, and which verdicts still hold."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer

from bim.errors import BadInput
from bim.ifc import read_building
from bim.ifc_authoring import Author
from sitewright.versions import versions


def run(*arguments: object) -> None:
    app = typer.Typer(rich_markup_mode=None)
    app.command()(versions)
    app([str(each) for each in arguments], standalone_mode=False)


@pytest.fixture(autouse=True)
def _a_home_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITEWRIGHT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def model(path: Path, *walls: tuple[str, float]) -> Path:
    """Walls of 6 m, named, each at a y of its own."""
    made = Author("House")
    ground = made.storey("Ground", 0.0)
    for name, y in walls:
        made.wall(ground, name, (0, y), (6, y), height_m=2.8, thickness_m=0.3)
    made.write(path)
    return path


def compared(path: Path, of: Path) -> Path:
    """What `compare --json` says of a building of which everything stands."""
    entry = {
        "state": "built", "completion": 1.0, "completion_low": 0.9, "completion_high": 1.0, "observable": 0.9,
        "confidence": 0.97, "evidence": {"present": 9, "absent": 0, "occluded": 1, "not_covered": 0},
        "reason": "It stands.", "reason_zh": "已建成。",
        "deviation": {"translation_m": [0.001, 0, 0], "rotation_rad": [0, 0, 0], "sigma_m": 0.001, "rms_m": 0.002,
                      "p95_m": 0.004, "within_tolerance": True, "clause": {"en": "page 3", "zh": "第 3 页"}},
    }  # fmt: skip
    elements = [{"global_id": each.global_id, **entry} for each in read_building([of]).elements]
    path.write_text(json.dumps({"date": "2026-03-06", "elements": elements, "assumptions": ["So it was."]}))
    return path


def answer(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_differences_name_what_was_added_removed_and_moved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = model(tmp_path / "old.ifc", ("A", 0.0), ("B", 4.0))
    new = model(tmp_path / "new.ifc", ("A", 0.5), ("B", 4.0), ("C", 9.0))
    run(old, new, "--json", tmp_path / "there.json", "--language", "zh")
    run(new, old, "--json", tmp_path / "back.json", "--quiet")
    there, back = answer(tmp_path / "there.json"), answer(tmp_path / "back.json")
    assert [each["what"] for each in there["differences"]] == ["added", "moved"]
    assert [each["what"] for each in back["differences"]] == ["removed", "moved"]
    assert (there["old_elements"], there["new_elements"], there["unchanged"], back["unchanged"]) == (2, 3, 1, 1)
    assert "新增 1" in capsys.readouterr().out


def test_verdicts_are_carried_where_place_and_shape_are_the_same(tmp_path: Path) -> None:
    old = model(tmp_path / "old.ifc", ("A", 0.0), ("B", 4.0))
    new = model(tmp_path / "new.ifc", ("A", 0.0), ("B", 4.5))
    verdicts = compared(tmp_path / "c.json", old)
    run(old, new, "--verdicts", verdicts, "--carry", tmp_path / "carried.json", "--quiet")
    carried = answer(tmp_path / "carried.json")
    state = {each["name"]: each["state"] for each in carried["elements"]}
    assert state == {"A": "built", "B": "unseen"}
    kept = next(each for each in carried["elements"] if each["name"] == "A")
    assert kept["deviation"] == answer(verdicts)["elements"][0]["deviation"]
    assert carried["date"] == "2026-03-06"
    assert carried["assumptions"][0] == "So it was."


def test_verdicts_of_another_model_are_refused(tmp_path: Path) -> None:
    old = model(tmp_path / "old.ifc", ("A", 0.0))
    other = compared(tmp_path / "c.json", old)
    other.write_text(other.read_text().replace('"global_id": "', '"global_id": "x'))
    with pytest.raises(BadInput, match="lack 1 elements"):
        run(old, old, "--verdicts", other, "--carry", tmp_path / "carried.json")
    assert not (tmp_path / "carried.json").exists()


def test_verdicts_without_a_place_for_them_are_a_mistake(tmp_path: Path) -> None:
    old = model(tmp_path / "old.ifc", ("A", 0.0))
    with pytest.raises(BadInput, match="come together"):
        run(old, old, "--verdicts", compared(tmp_path / "c.json", old))
