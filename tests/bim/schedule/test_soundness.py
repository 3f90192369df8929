"""What is wrong with a plan is named and never stops it."""

from datetime import datetime

import pytest

from bim.schedule.network import network
from bim.schedule.plan import HOUR_S, Plan, Relation, Task
from bim.schedule.soundness import examined

MONDAY = datetime(2026, 3, 2, 7)
FRIDAY = datetime(2026, 3, 6, 16)


def task(id_: str, name: str = "", start=MONDAY, finish=FRIDAY, **more) -> Task:
    return Task(id_, name, start, finish, **more)


def problems(tasks, relations=()) -> str:
    found = examined(Plan("p", "test", tuple(tasks), tuple(relations)))
    network(found)
    return "\n".join(f"{problem.en} {problem.zh}" for problem in found.problems)


def test_the_tasks_on_a_cycle_are_named_in_their_order():
    relations = [Relation("a", "b"), Relation("b", "c"), Relation("c", "a"), Relation("c", "d")]
    text = problems([task("a", "Dig"), task("b", "Pour"), task("c", "Cure"), task("d", "Strip")], relations)
    assert "a cycle: a Dig → b Pour → c Cure → a Dig" in text
    assert "Strip" not in text.split("a cycle")[1].split(";")[0]


def test_a_cycle_through_a_summary_is_found():
    tasks = [task("s", summary=True), task("a", parent="s"), task("b")]
    assert "a cycle" in problems(tasks, [Relation("s", "b"), Relation("b", "a")])


def test_a_task_that_waits_for_itself_is_a_cycle():
    assert "a cycle: a → a" in problems([task("a")], [Relation("a", "a")])


@pytest.mark.parametrize(
    ("tasks", "relations", "sentence"),
    [
        ([task("a")], [Relation("gone", "a")], "1 relations name a task that the plan does not hold (gone → a)"),
        ([task("a"), task("a")], [], "1 ids belong to several tasks (a)"),
        ([task("a", start=FRIDAY, finish=MONDAY)], [], "1 tasks finish before they start"),
        ([task("a", start=datetime(1, 1, 1), finish=MONDAY)], [], "1 tasks lie outside the years"),
        ([Task("a", "")], [], "1 tasks have no date"),
        ([task("a"), task("b")], [], "2 tasks wait for nothing and nothing waits for them"),
        ([task("a"), task("b")], [Relation("a", "b")], "1 tasks are planned to start before"),
    ],
)
def test_each_fault_has_its_sentence(tasks, relations, sentence):
    assert sentence in problems(tasks, relations)


def test_a_plan_without_a_calendar_works_as_its_dates_do():
    saturday = datetime(2026, 3, 7, 12)
    (calendar,) = examined(Plan("p", "test", (task("a", finish=saturday),))).calendars
    assert calendar.week == (((7 * HOUR_S, 12 * HOUR_S),),) * 6 + ((),)


def test_nothing_but_zeros_is_no_report():
    found = examined(Plan("p", "test", (task("a", percent=0.0), task("b", percent=0.0))))
    assert [each.percent for each in found.tasks] == [None, None]
    assert any("nobody has reported" in note.en for note in found.assumptions)


def test_a_zero_beside_a_report_is_a_report():
    found = examined(Plan("p", "test", (task("a", percent=0.4), task("b", percent=0.0))))
    assert [each.percent for each in found.tasks] == [0.4, 0.0]
