"""Plans in IFC, MS Project XML, Primavera XML and XER."""

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bim.errors import BadSchedule
from bim.ifc_authoring import Author, PlannedTask
from bim.isolation import Limits
from bim.schedule.calendars import FIVE_DAYS
from bim.schedule.ifc_schedule import Actual, with_actuals
from bim.schedule.msproject import read_msproject, to_msproject
from bim.schedule.plan import HOUR_S, Calendar, Kind, Plan, Relation, Task, from_payload, to_payload
from bim.schedule.reading import _parse, read_plan
from bim.schedule.xml_text import duration_s, parsed

SAMPLES = Path(__file__).parent / "samples"
XER = (SAMPLES / "river.xer").read_text(encoding="utf-8")
P6 = (SAMPLES / "river.xml").read_text(encoding="utf-8")
TABLE = "ID,Name,Duration,Start,Finish,Predecessors\n1,Walls,3 d,2026-03-02,2026-03-04,\n2,Roof,1 d,5.3.2026,,1FS+2 d\n"
SMALL = Limits(memory_bytes=1024**3, cpu_s=20, wall_s=60)
MORNING, EVENING = datetime(2026, 3, 2, 8), datetime(2026, 3, 4, 16)


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def rich_plan() -> Plan:
    """A plan that uses every field that MS Project XML can carry."""
    holiday = {date(2026, 3, 6): (), date(2026, 3, 7): ((9 * HOUR_S, 12 * HOUR_S),)}
    calendar = Calendar("1", "Site", FIVE_DAYS, holiday)
    house = Task("1", "House", MORNING, datetime(2026, 3, 12, 16), wbs="1", summary=True, key="1")
    walls = Task("2", "Walls & <slabs>", MORNING, EVENING, 24.0 * HOUR_S, parent="1", wbs="1.1", calendar="1",
                 baseline_start=MORNING, baseline_finish=EVENING, actual_start=MORNING, percent=0.5, cost=1234.5,
                 actual_cost=700.25, products=("3iHy1LOhfAtfLt80$LZBqn",), key="2", not_before=MORNING)  # fmt: skip
    done = Task("3", "Done", datetime(2026, 3, 12, 16), datetime(2026, 3, 12, 16), 0.0, parent="1", wbs="1.2",
                milestone=True, percent=0.0, key="3")  # fmt: skip
    relations = [Relation("2", "3", kind, lag) for kind, lag in zip(Kind, (0.0, 3600.0, -7200.0, 0.0), strict=True)]
    return Plan("Plan", "MS Project XML", (house, walls, done), tuple(relations), (calendar,), "1")


def test_a_plan_survives_ms_project_xml_whole():
    plan = rich_plan()
    back = read_msproject(parsed(to_msproject(plan), "p.xml"), "p")
    expected = replace(plan, tasks=tuple(replace(t, calendar="1" if t.calendar else "") for t in plan.tasks))
    assert back.relations == expected.relations
    assert back.calendars == expected.calendars
    for got, wanted in zip(back.tasks, expected.tasks, strict=True):
        assert got == wanted


def test_a_plan_survives_the_way_out_of_a_child_process():
    assert from_payload(to_payload(rich_plan())) == rich_plan()


def test_the_real_plan_of_157_tasks_comes_in(shared_data):
    plan = read_plan(shared_data / "schedule" / "Schependomlaan_msproject.xml")
    assert (len(plan.tasks), len(plan.relations), len(plan.calendars)) == (157, 48, 4)
    assert plan.tasks[40].name.startswith("Kanaalplaatvloer")
    assert plan.tasks[40].start == datetime(2015, 4, 13, 8)
    assert any(problem.en.endswith("(+41)") for problem in plan.problems)


def test_lags_of_ms_project_count_tenths_of_a_minute_or_percent():
    ends = "<PredecessorLink><PredecessorUID>1</PredecessorUID><Type>3</Type>"
    link = ends + "<LinkLag>{}</LinkLag><LagFormat>{}</LagFormat></PredecessorLink>"
    task = "<Task><UID>{0}</UID><ID>{0}</ID><Name>t</Name><Duration>PT8H0M0S</Duration>{1}</Task>"
    text = "<Project><Tasks>{}{}{}</Tasks></Project>".format(
        task.format(1, ""), task.format(2, link.format(4800, 7)), task.format(3, link.format(50, 19))
    )
    plan = read_msproject(parsed(text.encode(), "p"), "p")
    assert [(r.kind, r.lag_s) for r in plan.relations] == [
        (Kind.START_START, 8.0 * HOUR_S),
        (Kind.START_START, 4.0 * HOUR_S),
    ]


def with_exception(fields: str, more: str = "") -> Plan:
    exception = "<Exception><Name>Off</Name><TimePeriod><FromDate>{}</FromDate><ToDate>{}</ToDate></TimePeriod>{}"
    off = (
        exception.format("2026-12-25T00:00:00", "2029-01-10T23:59:00", fields)
        + "<DayWorking>0</DayWorking></Exception>"
    )
    calendar = f"<Calendar><UID>1</UID><Name>Site</Name><Exceptions>{off}</Exceptions></Calendar>"
    task = f"<Task><UID>1</UID><ID>1</ID><Name>t</Name><Duration>PT8H0M0S</Duration>{more}</Task>"
    text = f"<Project><Calendars>{calendar}</Calendars><Tasks>{task}</Tasks></Project>"
    return read_msproject(parsed(text.encode(), "p"), "p")


@pytest.mark.parametrize(
    ("fields", "days"),
    [
        ("<Type>2</Type><Month>11</Month><MonthDay>25</MonthDay>", [date(y, 12, 25) for y in (2026, 2027, 2028)]),
        ("<Type>4</Type><MonthDay>3</MonthDay><Period>12</Period>", [date(2027, 12, 3), date(2028, 12, 3)]),
        ("<Type>4</Type><MonthDay>31</MonthDay><Period>6</Period>", [date(y, 12, 31) for y in (2026, 2027, 2028)]),
        (
            "<Type>6</Type><DaysOfWeek>32</DaysOfWeek><EnteredByOccurrences>1</EnteredByOccurrences>"
            "<Occurrences>2</Occurrences>",
            [date(2026, 12, 25), date(2027, 1, 1)],
        ),
        ("<Type>1</Type><Period>400</Period>", [date(2026, 12, 25), date(2028, 1, 29)]),
    ],
)
def test_a_holiday_that_comes_again_is_off_each_time(fields, days):
    assert list(with_exception(fields).calendars[0].exceptions) == days


def test_a_holiday_by_position_is_named_and_not_guessed():
    plan = with_exception("<Type>3</Type><Month>4</Month><MonthItem>4</MonthItem><MonthPosition>4</MonthPosition>")
    assert plan.calendars[0].exceptions == {}
    assert "1 calendar exceptions recur in a way that is not read" in plan.problems[0].en


def test_a_deadline_that_no_forecast_uses_is_named():
    (problem,) = with_exception(
        "<Type>1</Type><Period>400</Period>", "<Deadline>2026-12-30T17:00:00</Deadline>"
    ).problems
    assert "1 tasks have a deadline" in problem.en


BOMB = '<?xml version="1.0"?><!DOCTYPE p [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Project>&b;</Project>'


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("bomb.xml", BOMB, "no plain XML"),
        ("cut.xml", "<Project><Tasks><Task>", "no plain XML"),
        ("other.xml", "<svg/>", "with the root svg"),
        ("empty.xml", "<Project><Tasks/></Project>", "holds no task"),
        ("plan.mpp", b"\xd0\xcf\x11\xe0" + b"0" * 600, "binary Office file"),
        ("plan.xlsx", b"PK\x03\x04[Content_Types].xml", "Excel workbook"),
        ("model.ifc", "ISO-10303-21;", ""),
        ("nothing.csv", "", "without known columns"),
        ("noise.bin", bytes(range(256)) * 4, ""),
    ],
)
def test_what_is_no_plan_is_refused_with_one_clear_error(tmp_path, name, content, sentence):
    with pytest.raises(BadSchedule) as caught:
        read_plan(write(tmp_path, name, content), SMALL)
    assert sentence in str(caught.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(BadSchedule, match="cannot be opened"):
        read_plan(tmp_path / "none.xml")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 3), st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=12))
def test_broken_files_are_read_or_refused_and_nothing_else(tmp_path, which, changes):
    """The parsers themselves, without the child process that would hide a crash of theirs as a refusal."""
    data = bytearray([to_msproject(rich_plan()), XER.encode(), P6.encode(), TABLE.encode()][which])
    for place, value in changes:
        data[place % len(data)] = value
    try:
        plan = _parse(write(tmp_path, "mutant", bytes(data)))
    except BadSchedule:
        return
    to_payload(plan)


# --- IFC --------------------------------------------------------------------------------------------------------------


def test_the_schedule_of_buildingsmart_comes_in_with_its_products_and_calendar(shared_data):
    plan = read_plan(shared_data / "ifc" / "bSI_construction-scheduling-task.ifc")
    by_name = {task.name: task for task in plan.tasks}
    assert len(plan.tasks) == 8
    assert by_name["Ground Level"].summary
    assert by_name["Wall #2"].start == datetime(2010, 9, 22, 8)
    assert len(by_name["Wall #2"].products) == 1
    assert plan.calendars[0].week == FIVE_DAYS
    assert len(plan.relations) == 7


def demo_ifc(folder: Path) -> tuple[Path, str]:
    model = Author("Test")
    storey = model.storey("00", 0.0)
    column = model.column(storey, "C", (0.0, 0.0), (0.3, 0.3), 3.0)
    begin, end = MORNING, EVENING
    tasks = [PlannedTask("A", "Columns", begin, end, (), (column,)), PlannedTask("B", "Later", end, end, ("A",))]
    model.schedule("Programme", tasks)
    model.write(folder / "m.ifc")
    return folder / "m.ifc", column


def test_a_task_in_ifc_names_the_elements_that_it_brings_about(tmp_path):
    path, column = demo_ifc(tmp_path)
    plan = read_plan(path)
    assert [(task.id, task.products) for task in plan.tasks] == [("A", (column,)), ("B", ())]
    assert plan.relations == (Relation("A", "B"),)


def test_an_ifc_schedule_takes_actuals_and_leaves_out_a_completion_of_zero(tmp_path):
    path, _ = demo_ifc(tmp_path)
    first, second = read_plan(path).tasks
    actuals = [Actual(first.key, 0.6, MORNING, None), Actual(second.key, 0.0, None, None)]
    updated = write(tmp_path, "out.ifc", with_actuals(path, actuals, SMALL))
    a, b = read_plan(updated).tasks
    assert (a.percent, a.actual_start, a.actual_finish) == (0.6, MORNING, None)
    assert (b.percent, b.actual_start) == (None, None)
    assert b"IFCTASKTIME" in updated.read_bytes()


def test_times_and_assignments_of_ifc2x3_come_in():
    walls, roof = read_plan(SAMPLES / "ifc2x3.ifc").tasks
    assert (walls.id, walls.start, walls.finish, walls.percent) == ("W1", MORNING, datetime(2026, 3, 4), 0.5)
    assert walls.products == ("0" * 21 + "8",)
    assert (roof.id, roof.start) == ("R1", None)


def test_a_holiday_in_ifc_comes_again_each_year_and_not_on_the_days_between(tmp_path, shared_data):
    text = (shared_data / "ifc" / "bSI_construction-scheduling-task.ifc").read_text()
    (line,) = [each for each in text.splitlines() if "IFCWORKCALENDAR(" in each]
    number, _, rest = line.partition("=")
    head, _, kind = rest.rpartition(",")
    times, _, _ = head.rpartition(",")
    off = (
        "#9001=IFCRECURRENCEPATTERN(.YEARLY_BY_DAY_OF_MONTH.,(25),$,(12),$,$,$,$);"
        "#9002=IFCWORKTIME('Christmas',$,$,#9001,'2010-01-01','2012-12-31');"
        "#9003=IFCRECURRENCEPATTERN(.YEARLY_BY_POSITION.,$,(1),(5),-1,$,$,$);"
        "#9004=IFCWORKTIME('May',$,$,#9003,'2010-01-01','2012-12-31');"
    )
    text = text.replace(line, f"{off}{number}={times},(#9002,#9004),{kind}")
    plan = read_plan(write(tmp_path, "off.ifc", text))
    assert list(plan.calendars[0].exceptions) == [date(year, 12, 25) for year in (2010, 2011, 2012)]
    assert any("not read and count as ordinary days: May" in problem.en for problem in plan.problems)


# --- Primavera --------------------------------------------------------------------------------------------------------


def test_an_xer_file_comes_in(tmp_path):
    plan = read_plan(write(tmp_path, "p.xer", XER.encode("cp1252")))
    riverside, structure, a, b, done = plan.tasks
    assert (riverside.summary, structure.parent, a.parent) == (True, riverside.id, structure.id)
    assert (a.name, a.percent, a.cost, a.actual_cost) == ("Gründung", 0.4, 1500.5, 320.0)
    assert a.not_before == MORNING
    assert b.codes == {"storey": "00 Ground", "class": "IfcWall"}
    assert done.milestone
    assert plan.relations == (Relation("A100", "A101"), Relation("A101", "A102", Kind.FINISH_FINISH, 8.0 * HOUR_S))
    assert any("task 999" in problem.en for problem in plan.problems)


def test_of_several_projects_the_largest_is_read_and_the_others_are_named(tmp_path):
    rows = XER.splitlines()
    for mark in ("%T\tPROJECT", "%T\tTASK"):
        at = rows.index(mark)
        if mark.endswith("TASK"):
            rows[at + 1] += "\tproj_id"
            for n in range(at + 2, at + 5):
                rows[n] += "\t" * (rows[at + 1].count("\t") - rows[n].count("\t") - 1) + "\t1"
            other = rows[at + 2].replace("100\t", "200\t", 1)
            rows.insert(at + 5, other.removesuffix("1") + "2")
        else:
            rows.insert(at + 3, "%R\t2\tQUAY\t7")
    plan = read_plan(write(tmp_path, "two.xer", "\n".join(rows).encode("cp1252")))
    assert [task.id for task in plan.tasks if not task.summary] == ["A100", "A101", "A102"]
    assert any("1 more projects, which are left out: QUAY" in problem.en for problem in plan.problems)


def test_of_several_projects_in_xml_too(tmp_path):
    other = "<Project><Name>Quay</Name><Activity><ObjectId>9</ObjectId><Id>Q1</Id></Activity></Project>"
    plan = read_plan(write(tmp_path, "two.xml", P6.replace("<Project>", other + "<Project>", 1)))
    assert plan.name == "River"
    assert any("left out: Quay" in problem.en for problem in plan.problems)


def test_a_calendar_of_xer_has_shifts_and_exceptions(tmp_path):
    (calendar,) = read_plan(write(tmp_path, "p.xer", XER.encode("cp1252"))).calendars
    shifts = ((8 * HOUR_S, 12 * HOUR_S), (13 * HOUR_S, 17 * HOUR_S))
    assert calendar.week == (shifts,) * 5 + ((),) * 2
    assert calendar.exceptions == {date(2026, 3, 6): ()}


def test_an_xer_file_in_chinese_comes_in(tmp_path):
    plan = read_plan(
        write(tmp_path, "p.xer", XER.replace("Gründung", "基础工程").replace("Wände", "墙体").encode("gb18030"))
    )
    assert [task.name for task in plan.leaves][:2] == ["基础工程", "墙体"]


def test_primavera_xml_comes_in(tmp_path):
    plan = read_plan(write(tmp_path, "p.xml", P6))
    structure, columns, beams = plan.tasks
    assert (structure.summary, columns.parent) == (True, structure.id)
    assert (columns.id, columns.percent, columns.codes) == ("A100", 0.25, {"zone": "North"})
    assert (columns.baseline_start, beams.baseline_start) == (datetime(2026, 2, 2, 8), None)
    assert plan.relations == (Relation("A100", "A101", Kind.START_START, 16.0 * HOUR_S),)


def test_the_last_minute_of_primavera_is_worked_too(tmp_path):
    (calendar,) = read_plan(write(tmp_path, "p.xml", P6)).calendars
    assert calendar.week[0] == ((8 * HOUR_S, 17 * HOUR_S),)
    assert calendar.exceptions == {date(2026, 3, 9): ()}


def test_durations_of_xml_count_working_days():
    assert duration_s("P0Y0M1DT16H0M0S", 8 * HOUR_S) == 24 * HOUR_S
    assert duration_s("-PT30M") == -1800
    assert duration_s("soon") is None
