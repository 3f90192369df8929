"""Tasks find their elements, and say by which way."""

from datetime import datetime
from pathlib import Path

import pytest

from bim.errors import BadInput
from bim.ifc import read_building
from bim.model import Element
from bim.schedule.linking import Links, Way, link
from bim.schedule.plan import Plan, Task
from bim.schedule.reading import read_plan
from bim.schedule.rules import Rules, default_rules, read_rules

GUIDS = [f"{n:022d}" for n in range(8)]
NOTHING = Rules()


def element(n: int, ifc_class: str, name: str = "", storey: str = "00 Ground", system: str | None = None) -> Element:
    return Element(GUIDS[n], ifc_class, name, storey, system, 0, 1.0, 1.0)


ELEMENTS = [
    element(0, "IfcWall", "outer leaf"),
    element(1, "IfcWallStandardCase", "inner leaf"),
    element(2, "IfcWall", "outer leaf", "01 First"),
    element(3, "IfcColumn", "C1"),
    element(4, "IfcPipeSegment", "P", system="Heating"),
]


def task(id_: str, name: str = "", day: int = 2, **more) -> Task:
    return Task(id_, name, datetime(2026, 3, day, 8), datetime(2026, 3, day + 1, 16), **more)


def linked(*tasks: Task, rules: Rules = NOTHING, defaults: Rules = NOTHING, assigned=None, form: str = "CSV") -> Links:
    return link(Plan("p", form, tasks), ELEMENTS, rules, defaults, assigned)


def rules(tmp_path: Path, text: str) -> Rules:
    path = tmp_path / "rules.toml"
    path.write_text(text, encoding="utf-8")
    return read_rules(path)


def of(links: Links, task: str) -> tuple[tuple[int, ...], Way]:
    found = links.of(task)
    return found.elements, found.way


def test_by_the_guids_of_the_plan():
    assert of(linked(task("a", products=(GUIDS[3],))), "a") == ((3,), Way.GUID)
    assert of(linked(task("a", products=(GUIDS[3],)), form="IFC work schedule"), "a") == ((3,), Way.IFC)


def test_by_the_work_schedule_in_a_model():
    assert of(linked(task("a"), assigned={"a": (GUIDS[0], GUIDS[2])}), "a") == ((0, 2), Way.IFC)


def test_by_activity_codes():
    coded = task("a", codes={"class": "IfcWall", "storey": "00 ground"})
    assert of(linked(coded), "a") == ((0, 1), Way.CODE)
    assert of(linked(task("b", codes={"system": "Heating"})), "b") == ((4,), Way.CODE)


def test_a_storey_alone_says_nothing_of_the_trade():
    assert of(linked(task("a", codes={"storey": "00 Ground"})), "a") == ((), Way.NONE)


def test_by_class_and_name_where_guids_match_nothing():
    named = task("a", products=("3iHy1LOhfAtfLt80$LZBqn",), parts=(("IfcWallStandardCase", "Outer Leaf"),))
    links = linked(named)
    assert of(links, "a") == ((0, 2), Way.NAME)
    assert any("1 elements that are not in the model" in note.en for note in links.notes)


def test_by_a_rule_of_the_project(tmp_path):
    text = '[[rule]]\ntask = ["Brick*", "Masonry*"]\nclass = "IfcWall"\nname = "outer*"\nstorey = "01*"\n'
    assert of(linked(task("a", "masonry north"), rules=rules(tmp_path, text)), "a") == ((2,), Way.RULE)


def test_the_storey_that_a_task_or_its_summary_names(tmp_path):
    text = '[[rule]]\ntask = "walls*"\nclass = "IfcWall"\nstorey = "in task"\n'
    storey = Task("s", "01 First", summary=True)
    links = linked(storey, task("a", "Walls", parent="s"), task("b", "Walls 00 Ground"), task("c", "Walls"),
                   rules=rules(tmp_path, text))  # fmt: skip
    assert [of(links, t)[0] for t in "abc"] == [(2,), (0, 1), ()]


def test_the_nth_of_tasks_with_one_name(tmp_path):
    text = "".join(
        f'[[rule]]\ntask = "Walls"\nnth = {n}\nclass = "IfcWall"\nstorey = "{storey}"\n'
        for n, storey in ((1, "00*"), (2, "01*"))
    )
    links = linked(task("late", "Walls", day=9), task("early", "Walls", day=2), rules=rules(tmp_path, text))
    assert (of(links, "early")[0], of(links, "late")[0]) == ((0, 1), (2,))


def test_by_hand_before_everything_else(tmp_path):
    text = f'[[link]]\ntask = "a"\nelements = ["{GUIDS[4]}"]\n'
    assert of(linked(task("a", products=(GUIDS[0],)), rules=rules(tmp_path, text)), "a") == ((4,), Way.HAND)


@pytest.mark.parametrize("name", ["00 Ground: columns", "00 Ground 柱施工", "Kolommen 00 Ground"])
def test_common_names_count_where_nothing_else_does(name):
    assert of(linked(task("a", name), defaults=default_rules()), "a") == ((3,), Way.DEFAULT)


def test_what_is_not_linked_is_said():
    links = linked(task("a", products=(GUIDS[0],)), task("b", "Survey"))
    assert (links.linked_share, links.element_share) == (0.5, 0.2)
    assert "1 of 2 tasks lead to no element" in links.notes[0].en
    assert "4 of 5 elements belong to no task" in links.notes[1].en


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[[rule]", "is no rule file"),
        ('[[rules]]\ntask = "a"', "unknown rules"),
        ('[[rule]]\ntask = "a"\nclas = "IfcWall"', "unknown clas"),
        ('[[rule]]\ntask = "a"', "a rule with only task"),
        ('[[rule]]\ntask = "a"\nclass = 3', "class = 3"),
        ('[[rule]]\ntask = "a"\nclass = "IfcWall"\nnth = 0', "nth = 0"),
        ('rule = "a"', "no list of tables"),
        ("[[link]]\nelements = []", "a link without a task"),
        ("a = " + "[" * 50_000, ""),
    ],
)
def test_a_wrong_rule_file_is_refused_by_what_is_wrong(tmp_path, text, sentence):
    with pytest.raises(BadInput) as caught:
        rules(tmp_path, text)
    assert sentence in str(caught.value)


def test_the_event_log_of_a_real_building_finds_the_suppliers_elements_by_name_and_class(shared_data):
    models = [shared_data / "ifc" / f"Schependomlaan_{name}.ifc" for name in ("masonry", "floors", "steel")]
    elements = read_building(models).elements
    plan = read_plan(shared_data / "schedule" / "Schependomlaan_eventlog.csv")
    links = link(plan, elements, NOTHING, NOTHING)
    ways = {links.of(each.id).way for each in plan.tasks}
    assert ways == {Way.NAME, Way.NONE}
    assert 0.3 < links.linked_share < 0.9
    assert links.element_share > 0.7
