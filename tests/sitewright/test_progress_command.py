"""The command `progress` as a person or a script meets it: one plan, two scans, and every file that comes out."""

import csv
import json
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import typer

from bim.errors import BadInput
from bim.ifc import read_building
from bim.ifc_authoring import Author, PlannedTask
from bim.schedule.reading import read_plan
from sitewright.progress import progress

PLAN = (
    ("t1", "Walls", datetime(2026, 3, 2, 8), datetime(2026, 3, 6, 16), ()),
    ("t2", "=Roof()", datetime(2026, 3, 9, 8), datetime(2026, 3, 13, 16), ("t1",)),
)
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def run(*arguments: object) -> None:
    app = typer.Typer(rich_markup_mode=None)
    app.command()(progress)
    app([str(each) for each in arguments], standalone_mode=False)


@pytest.fixture(autouse=True)
def _a_home_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITEWRIGHT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Two walls, then a roof slab, with a schedule in the model that knows them."""
    made = Author("House")
    ground = made.storey("Ground", 0.0)
    walls = [
        made.wall(ground, name, (0, y), (6, y), height_m=2.8, thickness_m=0.3).wall for name, y in (("A", 0), ("B", 4))
    ]
    roof = made.slab(ground, "Roof", [(0, 0), (6, 0), (6, 4), (0, 4)], 0.2, top_m=3.0)
    built = (tuple(walls), (roof,))
    made.schedule("Programme", [PlannedTask(*row, ids) for row, ids in zip(PLAN, built, strict=True)])
    made.write(tmp_path / "house.ifc")
    return tmp_path / "house.ifc"


def compared(path: Path, model: Path, **states: str) -> str:
    whole = {"built": 1.0, "absent": 0.0}
    elements = [
        {
            "global_id": each.global_id,
            "name": each.name,
            "storey": each.storey,
            "state": states[each.name],
            "confidence": 0.97,
            "completion": whole.get(states[each.name]),
        }
        for each in read_building([model]).elements
    ]
    path.write_text(json.dumps({"elements": elements}))
    return str(path)


@pytest.fixture
def written(model: Path, tmp_path: Path) -> Path:
    """Everything that the command writes, of a scan with one wall and one with both and no roof."""
    first = compared(tmp_path / "first.json", model, A="built", B="absent", Roof="unseen")
    second = compared(tmp_path / "second.json", model, A="unseen", B="built", Roof="absent")
    outputs = [
        each for kind in ("json", "csv", "xlsx", "html", "msproject", "ifc") for each in (f"--{kind}", f"out.{kind}")
    ]
    scans = ("--verdicts", f"{first}@2026-03-04", "--verdicts", f"{second}@2026-03-11")
    run(model, *scans, "--date", "2026-03-11", *outputs, "--quiet")
    return tmp_path


def document(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "out.json").read_text())
    return found


def test_the_json_tells_each_task_from_what_is_known_to_what_is_unseen(written: Path) -> None:
    found = document(written)
    walls, roof = found["tasks"]
    assert (walls["percent"], walls["elements"], walls["actual_start"][:10], walls["actual_finish"][:10]) == (
        {"low": 1.0, "high": 1.0}, 2, "2026-03-04", "2026-03-11",
    )  # fmt: skip
    assert (roof["percent"], roof["status"]) == ({"low": 0.0, "high": 0.0}, "late")
    assert found["critical_path"] == [walls["id"], roof["id"]]
    assert found["linked_share"] == 1.0
    pv, ev, spi = (found["earned_value"][key] for key in ("pv", "ev", "spi"))
    assert ev["low"] == ev["high"] == 40.0
    assert spi["low"] == pytest.approx(40.0 / pv["low"])
    assert found["earned_value"]["cpi"] is None


def test_the_table_for_spreadsheets_holds_no_formula(written: Path) -> None:
    rows = list(csv.DictReader((written / "out.csv").read_text("utf-8-sig").splitlines()))
    assert [row["% low"] for row in rows] == ["100.0", "0.0"]
    assert rows[1]["Name"] == "'=Roof()"


def test_the_workbook_holds_the_tasks_as_text_and_numbers(written: Path) -> None:
    with zipfile.ZipFile(written / "out.xlsx") as book:
        names = book.namelist()
        strings = "".join(ElementTree.fromstring(book.read("xl/sharedStrings.xml")).itertext())
        sheets = [ElementTree.fromstring(book.read(name)) for name in names if name.startswith("xl/worksheets/sheet")]
    assert "Walls" in strings
    assert "=Roof()" in strings
    assert not [cell for sheet in sheets for cell in sheet.iter(f"{SHEET}f")]


def test_planners_get_their_plan_back_with_what_the_scans_proved(written: Path) -> None:
    for name in ("out.msproject", "out.ifc"):
        file = written / name
        back = read_plan(file.rename(written / "back.xml") if name == "out.msproject" else file)
        walls, roof = (task for task in back.tasks if not task.summary)
        assert (walls.percent, roof.percent or 0.0) == (1.0, 0.0)
        assert walls.actual_finish is not None
        assert walls.actual_finish.date().isoformat() == "2026-03-11"
        assert roof.actual_start is None


def test_the_page_shows_gantt_curve_and_matrix_in_both_languages(written: Path) -> None:
    page = (written / "out.html").read_text("utf-8")
    assert page.count("<svg") >= 3
    assert "关键" in page
    assert "=Roof()" in page
    assert "http-equiv" in page


def test_the_same_input_gives_the_same_bytes(written: Path, model: Path) -> None:
    again = [str(written / f"{name}.json") for name in ("first", "second")]
    run(model, "--verdicts", f"{again[0]}@2026-03-04", "--verdicts", f"{again[1]}@2026-03-11", "--date", "2026-03-11",
        "--json", "again.json", "--html", "again.html", "--quiet")  # fmt: skip
    for kind in ("json", "html"):
        assert (written / f"again.{kind}").read_bytes() == (written / f"out.{kind}").read_bytes()


def test_the_day_that_a_comparison_says_counts_without_being_given(model: Path, tmp_path: Path) -> None:
    file = compared(tmp_path / "one.json", model, A="built", B="built", Roof="absent")
    Path(file).write_text(json.dumps({"date": "2026-03-05", **json.loads(Path(file).read_text())}))
    run(model, "--verdicts", file, "--date", "2026-03-11", "--json", "out.json", "--quiet")
    assert document(tmp_path)["tasks"][0]["actual_finish"][:10] == "2026-03-05"


def files(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir() if each.name != "cache")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--date", "soon"), "a date such as"),
        (("--date", "2026-03-11", "--json", "same", "--csv", "same"), "same name"),
        (("--date", "2026-03-11", "--json", "no/folder/out.json"), "cannot write"),
        (("--date", "2026-03-11", "--verdicts", "absent.json"), "no file"),
        (("--date", "2026-03-11", "--rules", "absent.toml"), "no file"),
    ],
)
def test_mistakes_end_with_what_to_do_and_write_nothing(
    arguments: tuple[str, ...], said: str, model: Path, tmp_path: Path
) -> None:
    before = files(tmp_path)
    with pytest.raises(BadInput, match=said):
        run(model, *arguments)
    assert files(tmp_path) == before


def test_an_ifc_schedule_is_needed_to_write_one_and_nothing_else_is_written_then(tmp_path: Path) -> None:
    (tmp_path / "plan.csv").write_text("ID,Name,Start,Finish\n1,Walls,2026-03-02,2026-03-06\n")
    with pytest.raises(BadInput, match="no IFC work schedule"):
        run("plan.csv", "--date", "2026-03-11", "--json", "out.json", "--ifc", "out.ifc")
    assert not (tmp_path / "out.json").exists()
