"""Primavera P6 XER into a plan: tab-separated tables in one file, calendars in a notation of their own."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

from bim.schedule.columns import field_of, with_field
from bim.schedule.csv_plan import decoded
from bim.schedule.plan import DAY_S, HOUR_S, Calendar, Day, Kind, Plan, Relation, Task
from bim.schedule.soundness import left_out
from bim.schedule.xml_text import moment, second_of_day
from bim.verdict import Reason

Row = Mapping[str, str]
Tables = Mapping[str, Sequence[Row]]

KINDS = {"PR_FS": Kind.FINISH_START, "PR_SS": Kind.START_START, "PR_FF": Kind.FINISH_FINISH, "PR_SF": Kind.START_FINISH}
MILESTONES, SUMMARIES = {"TT_Mile", "TT_FinMile"}, {"TT_WBS"}
START_CONSTRAINTS = {"CS_MSO", "CS_MSOA", "CS_MANDSTART"}
PER_PROJECT = {"PROJECT", "PROJWBS", "TASK", "TASKPRED"}
EXCEL_EPOCH = date(1899, 12, 30)
_ENTRY = re.compile(r"\(\d+\|\|([^()|]+)\(([^()]*)\)")


def read_xer(data: bytes, name: str) -> Plan:
    """The plan of an XER file; work packages become summary tasks with ids `WBS …`."""
    tables, problems = _one_project(_tables(decoded(data)))
    ids = {row.get("task_id", ""): row.get("task_code") or row.get("task_id", "") for row in tables["TASK"]}
    codes, costs = _codes(tables), _costs(tables)
    tasks = [
        _task(row, ids, codes[row.get("task_id", "")], costs.get(row.get("task_id", ""))) for row in tables["TASK"]
    ]
    project = next(iter(tables["PROJECT"]), {})
    return Plan(
        name=project.get("proj_short_name") or name,
        format="Primavera XER",
        tasks=(*_packages(tables["PROJWBS"]), *tasks),
        relations=tuple(_relation(row, ids) for row in tables["TASKPRED"]),
        calendars=tuple(_calendar(row) for row in tables["CALENDAR"]),
        calendar=project.get("clndr_id", ""),
        problems=problems,
    )


def _one_project(tables: Tables) -> tuple[Tables, tuple[Reason, ...]]:
    """The project with the most tasks, because task codes are unique within a project alone; the others are named."""
    sizes = Counter(row.get("proj_id", "") for row in tables["TASK"])
    if len(sizes) < 2:
        return tables, ()
    kept = max(sizes, key=lambda project: sizes[project])
    names = {row.get("proj_id", ""): row.get("proj_short_name", "") for row in tables["PROJECT"]}
    others = [names.get(project) or project for project in sizes if project != kept]
    own = {
        table: [row for row in rows if row.get("proj_id", "") in {"", kept}] if table in PER_PROJECT else rows
        for table, rows in tables.items()
    }
    return defaultdict(list, own), (left_out(others),)


def _tables(text: str) -> Tables:
    """Rows by table; a row that is cut short lacks its last fields."""
    tables: dict[str, list[Row]] = defaultdict(list)
    table, fields = "", list[str]()
    for line in text.splitlines():
        mark, _, rest = line.partition("\t")
        if mark == "%T":
            table = rest.strip()
        elif mark == "%F":
            fields = [field.strip() for field in rest.split("\t")]
        elif mark == "%R":
            tables[table].append(dict(zip(fields, rest.split("\t"), strict=False)))
    return tables


def _task(row: Row, ids: Mapping[str, str], codes: Sequence[tuple[str, str]], cost: tuple[float, float] | None) -> Task:
    duration = _float(row.get("target_drtn_hr_cnt"))
    task = Task(
        id=ids[row.get("task_id", "")],
        name=row.get("task_name", "").strip(),
        start=moment(row.get("target_start_date") or row.get("early_start_date")),
        finish=moment(row.get("target_end_date") or row.get("early_end_date")),
        duration_s=None if duration is None else duration * HOUR_S,
        not_before=moment(row.get("cstr_date")) if row.get("cstr_type") in START_CONSTRAINTS else None,
        calendar=row.get("clndr_id", ""),
        parent=f"WBS {row['wbs_id']}" if row.get("wbs_id") else "",
        summary=row.get("task_type") in SUMMARIES,
        milestone=row.get("task_type") in MILESTONES,
        actual_start=moment(row.get("act_start_date")),
        actual_finish=moment(row.get("act_end_date")),
        percent=_percent(row),
        cost=cost[0] if cost else None,
        actual_cost=cost[1] if cost else None,
        key=row.get("task_id", ""),
    )
    for kind, value in codes:
        task = with_field(task, field_of(kind), value)
    return task


def _percent(row: Row) -> float | None:
    if row.get("status_code") == "TK_Complete":
        return 1.0
    whole, left = _float(row.get("target_drtn_hr_cnt")), _float(row.get("remain_drtn_hr_cnt"))
    if row.get("complete_pct_type") == "CP_Drtn" and whole and left is not None:
        return min(max(1.0 - left / whole, 0.0), 1.0)
    physical = _float(row.get("phys_complete_pct"))
    return None if physical is None else min(max(physical / 100.0, 0.0), 1.0)


def _packages(rows: Sequence[Row]) -> Iterator[Task]:
    known = {row.get("wbs_id") for row in rows}
    for row in rows:
        above = row.get("parent_wbs_id", "")
        parent = f"WBS {above}" if above in known and above != row.get("wbs_id") else ""
        name, code = row.get("wbs_name", "").strip(), row.get("wbs_short_name", "")
        yield Task(f"WBS {row.get('wbs_id', '')}", name, parent=parent, wbs=code, summary=True)


def _relation(row: Row, ids: Mapping[str, str]) -> Relation:
    before, after = (ids.get(row.get(key, ""), f"task {row.get(key, '')}") for key in ("pred_task_id", "task_id"))
    lag_s = HOUR_S * (_float(row.get("lag_hr_cnt")) or 0.0)
    return Relation(before, after, KINDS.get(row.get("pred_type", ""), Kind.FINISH_START), lag_s)


def _codes(tables: Tables) -> Mapping[str, list[tuple[str, str]]]:
    """Kind and value of the activity codes and user-defined texts of each task."""
    kinds = {row.get("actv_code_type_id"): row.get("actv_code_type", "") for row in tables["ACTVTYPE"]}
    kinds |= {row.get("udf_type_id"): row.get("udf_type_label", "") for row in tables["UDFTYPE"]}
    values = {
        row.get("actv_code_id"): row.get("actv_code_name") or row.get("short_name", "") for row in tables["ACTVCODE"]
    }
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in tables["TASKACTV"]:
        kind, value = kinds.get(row.get("actv_code_type_id"), ""), values.get(row.get("actv_code_id"), "")
        found[row.get("task_id", "")].append((kind, value))
    for row in tables["UDFVALUE"]:
        found[row.get("fk_id", "")].append((kinds.get(row.get("udf_type_id"), ""), row.get("udf_text", "")))
    return found


def _costs(tables: Tables) -> Mapping[str, tuple[float, float]]:
    """Planned and actual cost of each task, over its resources."""
    sums: dict[str, tuple[float, float]] = {}
    for row in tables["TASKRSRC"]:
        planned, actual = sums.get(row.get("task_id", ""), (0.0, 0.0))
        spent = (_float(row.get("act_reg_cost")) or 0.0) + (_float(row.get("act_ot_cost")) or 0.0)
        sums[row.get("task_id", "")] = planned + (_float(row.get("target_cost")) or 0.0), actual + spent
    return sums


def _calendar(row: Row) -> Calendar:
    week: list[list[tuple[int, int]]] = [[] for _ in range(7)]
    exceptions: dict[date, Day] = {}
    where, day = "", date.min
    for name, attributes in _ENTRY.findall(row.get("clndr_data", "")):
        values = dict(zip(*[iter(attributes.split("|"))] * 2, strict=False))
        if "d" in values:
            where, day = "exception", _serial(values["d"])
            exceptions[day] = ()
        elif not attributes and name.isdigit() and 1 <= int(name) <= 7 and where != "exception":
            where = name
        elif (shift := _shift(values)) and where == "exception":
            exceptions[day] = (*exceptions[day], shift)
        elif shift and where:
            week[(int(where) - 2) % 7].append(shift)
    return Calendar(row.get("clndr_id", ""), row.get("clndr_name", ""), tuple(map(tuple, week)), exceptions)


def _shift(values: Mapping[str, str]) -> tuple[int, int] | None:
    start, end = second_of_day(values.get("s", "")), second_of_day(values.get("f", ""))
    return None if start is None or end is None else (start, end or DAY_S)


def _serial(days: str) -> date:
    return EXCEL_EPOCH + timedelta(days=min(int(days), 200_000)) if days.isdigit() else date.min


def _float(text: str | None) -> float | None:
    """A number as the writing machine's region has it, with a point or a comma."""
    try:
        value = float((text or "").replace(",", "."))
    except ValueError:
        return None
    return value if abs(value) < 1e15 else None
