"""The commands: tasks from files, planned; and some minutes of a site, simulated."""

import json
from pathlib import Path

import pytest

from bim.ifc_authoring import Author
from robots.journal import Journal
from sitewright.cli import run

FLEET = """
robots:
- {robot_id: marker_1, kind: rover, adapter: simulated, tools: [marker], kinds: [layout], radius_m: 0.35,
   home: [2.0, 2.0, 0.0, 0.0], certified_stop: true}
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A floor that stands, a wall that does not, one robot, a programme."""
    author = Author("Shed")
    level = author.storey("Ground", 0.0)
    slab = author.slab(level, "Slab", [(0, 0), (10, 0), (10, 6), (0, 6)], 0.3)
    wall = author.wall(level, "Partition", (3, 4), (7, 4), 2.5, 0.1).wall
    author.write(tmp_path / "model.ifc")
    elements = [
        {"global_id": guid, "ifc_class": ifc_class, "name": name, "storey": "Ground", "state": state}
        for guid, ifc_class, name, state in (
            (slab, "IfcSlab", "Slab", "built"),
            (wall, "IfcWall", "Partition", "absent"),
        )
    ]
    (tmp_path / "compare.json").write_text(json.dumps({"elements": elements}))
    (tmp_path / "fleet.yaml").write_text(FLEET)
    (tmp_path / "plan.csv").write_text(
        "ID,Name,Duration,Start,Finish\n1,Ground: interior walls,5 days,2026-05-04 07:00,2026-05-08 16:00\n"
    )
    return tmp_path


def tasks(files: Path, *more: str) -> int:
    given = ["--verdicts", str(files / "compare.json"), "--fleet", str(files / "fleet.yaml"), "--date", "2026-05-04"]
    return run(["tasks", str(files / "model.ifc"), *given, "--json", str(files / "tasks.json"), *more])


def test_tasks_are_proposed_planned_and_explained(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tasks(files) == 0
    found = json.loads((files / "tasks.json").read_text())
    (task,) = found["tasks"]
    assert (task["kind"], task["state"], task["robot_id"], task["waits_for"]) == (
        "layout",
        "proposed",
        "marker_1",
        None,
    )
    assert task["why"]["en"]
    assert task["why"]["zh"]
    (visit,) = found["plan"]["visits"]
    assert visit["start"] > "2026-05-04T07:00"
    assert visit["why"]["en"].startswith("the only robot that can")
    assert found["plan"]["gap"] == 0.0
    assert "1 tasks planned, 0 wait" in capsys.readouterr().out


def test_the_table_speaks_chinese(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tasks(files, "--language", "zh") == 0
    assert "已排 1 个任务" in capsys.readouterr().out


def test_only_what_is_due_soon_is_built(files: Path) -> None:
    assert tasks(files, "-q", "--schedule", str(files / "plan.csv")) == 0
    (task,) = json.loads((files / "tasks.json").read_text())["tasks"]
    assert task["due"] == "2026-05-08T16:00:00+00:00"
    later = (files / "plan.csv").read_text().replace("2026-05-0", "2026-08-0")
    (files / "plan.csv").write_text(later)
    assert tasks(files, "-q", "--schedule", str(files / "plan.csv")) == 0
    assert json.loads((files / "tasks.json").read_text())["tasks"] == []


def test_the_rules_of_the_site_say_where_material_lies_and_what_needs_no_approval(files: Path) -> None:
    rules = {"kinds": {"layout": {"approve": True}}, "bricks": ["partition"], "store_m": {"Ground": [1.0, 5.0]}}
    (files / "rules.yaml").write_text(json.dumps(rules))
    assert tasks(files, "-q", "--rules", str(files / "rules.yaml")) == 0
    found = {task["kind"]: task for task in json.loads((files / "tasks.json").read_text())["tasks"]}
    assert {kind: task["state"] for kind, task in found.items()} == {
        "layout": "approved",
        "transport": "proposed",
        "brick": "proposed",
    }
    assert found["transport"]["targets_m"][0][:2] == [1.0, 5.0]
    assert set(found["brick"]["after_tasks"]) == {found["layout"]["task_id"], found["transport"]["task_id"]}


def test_planning_again_leaves_a_task_with_its_robot_and_does_nothing_twice(files: Path) -> None:
    one = FLEET.strip().splitlines()[1:]
    twin = [line.replace("marker_1", "marker_2").replace("2.0, 2.0", "8.0, 2.0") for line in one]
    (files / "fleet.yaml").write_text("\n".join(["robots:", *one, *twin]))
    assert tasks(files, "-q") == 0
    first = json.loads((files / "tasks.json").read_text())
    (visit,) = first["plan"]["visits"]
    other = {"marker_1": "marker_2", "marker_2": "marker_1"}[visit["robot_id"]]
    (files / "before.json").write_text(json.dumps({**first, "plan": {"visits": [{**visit, "robot_id": other}]}}))
    assert tasks(files, "-q", "--before", str(files / "before.json")) == 0
    (again,) = json.loads((files / "tasks.json").read_text())["plan"]["visits"]
    assert again["robot_id"] == other
    journal = Journal(files / "data" / "journal")
    journal.write({"task": visit["task_id"], "step": "finish"})
    journal.close()
    assert tasks(files, "-q", "--data", str(files / "data")) == 0
    assert json.loads((files / "tasks.json").read_text())["tasks"] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kinds: {scan: {aprove: true}}", "aprove"),
        ("kinds: {dig: {approve: true}}", "dig"),
        ("kinds: {scan: {approve: please}}", "true or false"),
        ("store_m: {Ground: [1]}", "x and y"),
        ("course_m: -1", "above 0"),
        ("[]", "rules.yaml"),
        ("{", "rules.yaml"),
    ],
)
def test_rules_that_cannot_be_meant_are_refused(
    files: Path, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (files / "rules.yaml").write_text(text)
    assert tasks(files, "--rules", str(files / "rules.yaml")) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("fleet.yaml", "robots: []", "a fleet without robots"),
        ("fleet.yaml", FLEET.replace("home: [2.0, 2.0, 0.0, 0.0], ", ""), "has no home"),
        ("compare.json", '{"elements": []}', "names no element of the model"),
    ],
)
def test_what_cannot_be_planned_is_refused(
    files: Path, name: str, text: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (files / name).write_text(text)
    assert tasks(files) == 2
    assert words in capsys.readouterr().err


def test_minutes_of_a_site_pass_in_moments(tmp_path: Path) -> None:
    summary = tmp_path / "summary.json"
    assert run(["simulate", "--hours", "0.1", "--folder", str(tmp_path / "site"), "--json", str(summary), "-q"]) == 0
    found = json.loads(summary.read_text())
    assert found["tasks"]["done"] > 0
    assert found["targets"]["worked"] > 0
    assert found["targets"]["twice"] == 0
    assert sum(found["driven_m"].values()) > 1.0
    assert min(found["battery"].values()) < 1.0
    assert (tmp_path / "site/scanned/scan.laz").exists()
