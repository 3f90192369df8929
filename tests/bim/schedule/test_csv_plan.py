"""Tables of tasks, as people and programs export them."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bim.errors import BadSchedule
from bim.schedule.csv_plan import read_csv
from bim.schedule.csv_values import Link, parse_duration, parse_moment, parse_number, parse_predecessors
from bim.schedule.plan import DAY_S, HOUR_S, Kind
from bim.schedule.reading import read_plan

DAY = 8 * HOUR_S


def at_date(text, order="dmy"):
    found = parse_moment(text, order)
    return found and found.at


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-02", datetime(2026, 3, 2)),
        ("2026-03-02 07:30:00", datetime(2026, 3, 2, 7, 30)),
        ("2026-03-02T07:30", datetime(2026, 3, 2, 7, 30)),
        ("02.03.2026", datetime(2026, 3, 2)),
        ("2-3-2026", datetime(2026, 3, 2)),
        ("Mon 2/3/26 5:00 PM", datetime(2026, 3, 2, 17)),
        ("2026年3月2日", datetime(2026, 3, 2)),
        ("2026年3月2日 下午 5:00", datetime(2026, 3, 2, 17)),
        ("2026/3/2 8:00", datetime(2026, 3, 2, 8)),
        ("02-Mar-26 A", datetime(2026, 3, 2)),
        ("March 2, 2026", datetime(2026, 3, 2)),
    ],
)
def test_a_date_is_read_as_it_is_written(text, moment):
    assert at_date(text) == moment


@pytest.mark.parametrize("text", ["", "soon", "31.02.2026", "2026-13-01", "99/99/9999", "NA"])
def test_what_is_no_date_is_none(text):
    assert parse_moment(text) is None


@pytest.mark.parametrize(
    ("text", "seconds", "elapsed"),
    [
        ("8 days", 8 * DAY, False), ("1 day?", DAY, False), ("3天", 3 * DAY, False), ("2.5 d", 2.5 * DAY, False),
        ("4,5 hrs", 4.5 * HOUR_S, False), ("2 wks", 10 * DAY, False), ("1 mon", 20 * DAY, False),
        ("3 个工作日", 3 * DAY, False), ("2 edays", 2 * DAY_S, True), ("90 min", 5400, False), ("5", 5 * DAY, False),
        ("-2 days", -2 * DAY, False), ("3 Tage", 3 * DAY, False),
    ],
)  # fmt: skip
def test_a_duration_has_a_unit_in_any_language(text, seconds, elapsed):
    assert parse_duration(text, DAY) == (seconds, elapsed)


@pytest.mark.parametrize(
    ("text", "number"),
    [("1.234,56 €", 1234.56), ("$1,234.56", 1234.56), ("1 234,5", 1234.5), ("45 %", 45.0), ("1,234,567", 1234567.0)],
)
def test_a_number_may_have_a_decimal_comma(text, number):
    assert parse_number(text) == number


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("12", [Link("12")]),
        ("12FS+3 days", [Link("12", lag_s=3 * DAY)]),
        ("12SS-1 wk;14FF", [Link("12", Kind.START_START, -5 * DAY), Link("14", Kind.FINISH_FINISH)]),
        ("1.10,A-20", [Link("1.10"), Link("A-20")]),
        ("12FS+1,5 d; 14", [Link("12", lag_s=1.5 * DAY), Link("14")]),
        ("12EA+2 Tage", [Link("12", lag_s=2 * DAY)]),
        ("12FS+3 个工作日，14", [Link("12", lag_s=3 * DAY), Link("14")]),
        ("12FS+2 edays", [Link("12", lag_s=2 * DAY_S, elapsed=True)]),
    ],
)
def test_predecessors_carry_type_and_lag(text, links):
    assert parse_predecessors(text, {"12", "14", "1.10", "A-20"}, DAY) == links


@given(st.text(max_size=60))
def test_no_text_breaks_the_values_of_a_cell(text):
    parse_moment(text)
    parse_number(text)
    parse_duration(text, DAY)
    parse_predecessors(text, set(), DAY)


CHINESE = """编号,任务名称,工期,开始时间,完成时间,前置任务
1,土方开挖,3天,2026年3月2日,2026年3月4日,
2,混凝土垫层,2天,2026年3月5日,2026年3月6日,1
"""
GERMAN = """Nr;Vorgangsname;Dauer;Anfang;Ende;Vorgänger
1;Gründung;3 Tage;02.03.2026;04.03.2026;
2;Wände;2 Tage;05.03.2026;06.03.2026;1EA
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_chinese_tables_come_in_whatever_their_encoding(encoding):
    plan = read_csv(CHINESE.encode(encoding), "计划")
    assert [task.name for task in plan.tasks] == ["土方开挖", "混凝土垫层"]
    assert plan.tasks[1].start == datetime(2026, 3, 5, 8)
    assert [(r.before, r.after) for r in plan.relations] == [("1", "2")]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_german_tables_come_in_whatever_their_encoding(encoding):
    plan = read_csv(GERMAN.encode(encoding), "Plan")
    assert [task.name for task in plan.tasks] == ["Gründung", "Wände"]
    assert plan.tasks[0].finish == datetime(2026, 3, 4, 16)
    assert plan.tasks[1].duration_s == 2 * DAY


def test_american_dates_are_recognised_by_a_day_beyond_12():
    plan = read_csv(b"ID,Name,Start,Finish\n1,a,3/2/2026,3/13/2026\n", "p")
    assert plan.tasks[0].start == datetime(2026, 3, 2, 8)


def test_an_ambiguous_order_of_day_and_month_is_said():
    plan = read_csv(b"ID,Name,Start,Finish\n1,a,3/2/2026,4/2/2026\n", "p")
    assert any("day or the month" in note.en for note in plan.assumptions)


def test_rows_of_one_id_are_one_task_with_several_elements():
    head = b"Task ID,Task Name,Start,Finish,GUID,IfcClass\n"
    rows = b"A,Walls,2026-03-02,2026-03-04,3iHy1LOhfAtfLt80$LZBqn,IfcWall\nA,Walls,,,0n3uFweoDDvekPpYzTttt4,IfcWall\n"
    (task,) = read_csv(head + rows, "p").tasks
    assert task.products == ("3iHy1LOhfAtfLt80$LZBqn", "0n3uFweoDDvekPpYzTttt4")


def test_outline_levels_make_summaries():
    text = b"ID,Name,Start,Finish,Outline Level\n1,House,,,1\n2,Walls,2026-03-02,2026-03-04,2\n"
    house, walls = read_csv(text, "p").tasks
    assert (house.summary, walls.parent) == (True, "1")


def test_a_table_without_known_columns_is_refused(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BadSchedule, match="without known columns"):
        read_plan(tmp_path / "x.csv")


def test_the_event_log_of_a_real_building_comes_in(shared_data):
    plan = read_plan(shared_data / "schedule" / "Schependomlaan_eventlog.csv")
    assert len(plan.tasks) == 72
    assert sum(len(task.products) for task in plan.tasks) > 3600
    stairs = next(task for task in plan.tasks if task.id == "ST00440")
    assert stairs.start == datetime(2015, 6, 17, 8)
    assert ("IfcStair", "trappen") in stairs.parts
