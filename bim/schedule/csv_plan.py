"""Tables of tasks as CSV: any delimiter, decimal sign, date order, encoding and header language that people export."""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bim.errors import BadSchedule
from bim.schedule.calendars import day_length_s, inferred_calendar
from bim.schedule.columns import field_of, with_field
from bim.schedule.csv_values import (
    Moment,
    Order,
    date_order,
    parse_duration,
    parse_moment,
    parse_number,
    parse_predecessors,
)
from bim.schedule.msproject import nested
from bim.schedule.plan import HOUR_S, Plan, Relation, Task
from bim.verdict import Reason

DATES = ("start", "finish", "baseline_start", "baseline_finish", "actual_start", "actual_finish")
STARTS_S, ENDS_S = 8 * HOUR_S, 16 * HOUR_S
"""The hours of a day that a table of mere dates means."""
YES = {"1", "yes", "true", "是", "ja", "y"}
_NUMBERED = re.compile(r"_\(#\d+\)$")

Row = Mapping[str, str]


def read_csv(data: bytes, name: str) -> Plan:
    """The plan in a table; rows of one id are one task with several elements. Raises BadSchedule without a header."""
    text = decoded(data)
    rows = _rows(text)
    orders = {field: date_order(row.get(field, "") for row in rows) for field in DATES}
    order = next((found for found in orders.values() if found), None)
    moments = _moments(rows, order or "dmy")
    dated = [_dated(row, moments) for row in rows]
    calendar = inferred_calendar(dated)
    day_s = day_length_s(calendar)
    tasks = _merged([_filled(task, row, day_s) for task, row in zip(dated, rows, strict=True)])
    levels = _levels(rows, tasks)
    plan = Plan(name, "CSV", tuple(nested(tasks, levels) if levels else tasks), tuple(_relations(rows, tasks, day_s)))
    return replace(plan, assumptions=tuple(_assumptions(rows, moments, order)))


def decoded(data: bytes) -> str:
    """Text of a table: UTF-8, UTF-16, GB18030 where it reads as common Chinese, else Windows-1252."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding == "utf-8-sig" or _is_common_chinese(text):
            return text
    return data.decode("cp1252", "replace")


def _is_common_chinese(text: str) -> bool:
    """Accented letters of Western text also decode as GB18030, but to rare characters outside GB 2312."""
    foreign = [c for c in text if ord(c) > 127]
    return sum(bool(c.encode("gb2312", "ignore")) for c in foreign) >= 0.9 * len(foreign)


# --- Rows -------------------------------------------------------------------------------------------------------------


def _rows(text: str) -> list[Row]:
    lines = text.lstrip("\ufeff").replace("\0", "")
    delimiter = max(",;\t|", key=lines[: lines.find("\n")].count)
    csv.field_size_limit(1_000_000)
    try:
        table = [
            row for row in csv.reader(io.StringIO(lines), delimiter=delimiter) if any(cell.strip() for cell in row)
        ]
    except csv.Error as error:
        raise BadSchedule(f"a table that cannot be read ({error})", "CSV", "export it again") from error
    head = next((n for n, row in enumerate(table[:20]) if _is_header(row)), None)
    if head is None:
        expected = "a header with Name and Start, Finish or Duration (任务名称, 开始时间, 完成时间, 工期)"
        raise BadSchedule("a table without known columns", expected, "name the columns")
    fields = [field_of(cell) for cell in table[head]]
    return [_row(fields, cells) for cells in table[head + 1 :]]


def _is_header(cells: Sequence[str]) -> bool:
    found = {field_of(cell) for cell in cells}
    return "name" in found and bool(found & {"start", "finish", "duration"})


def _row(fields: Sequence[str], cells: Sequence[str]) -> Row:
    """The first filled cell of each field."""
    row: dict[str, str] = {}
    for field, cell in zip(fields, cells, strict=False):
        if field and cell.strip() and field not in row:
            row[field] = cell.strip()
    return row


@dataclass(frozen=True)
class _Moments:
    of: Callable[[Row, str], datetime | None]
    timed: bool


def _moments(rows: Sequence[Row], order: Order) -> _Moments:
    """How a cell becomes a moment: where no cell has a time of the day, days begin and end with the working hours."""
    found = [parse_moment(row[field], order) for row in rows for field in DATES if field in row]
    timed = any(m.timed for m in found if m)

    def of(row: Row, field: str) -> datetime | None:
        parsed = parse_moment(row.get(field, ""), order)
        return _at_work(parsed, field) if parsed else None

    return _Moments(of, timed)


def _at_work(parsed: Moment, field: str) -> datetime:
    if parsed.timed:
        return parsed.at
    return parsed.at + timedelta(seconds=ENDS_S if field.endswith("finish") else STARTS_S)


def _dated(row: Row, moments: _Moments) -> Task:
    return Task(row.get("id", ""), row.get("name", ""), **{field: moments.of(row, field) for field in DATES})  # type: ignore[arg-type]


def _filled(task: Task, row: Row, day_s: float) -> Task:
    duration = parse_duration(row.get("duration", ""), day_s)
    percent = parse_number(row.get("percent", ""))
    if percent is not None and "%" not in row["percent"] and percent <= 1.0 and "." in row["percent"]:
        percent *= 100.0
    task = replace(
        task,
        duration_s=duration[0] if duration else None,
        percent=None if percent is None else min(max(percent / 100.0, 0.0), 1.0),
        cost=parse_number(row.get("cost", "")),
        actual_cost=parse_number(row.get("actual_cost", "")),
        wbs=row.get("wbs", ""),
        milestone=row.get("milestone", "").lower() in YES or (duration is not None and duration[0] == 0.0),
        summary=row.get("summary", "").lower() in YES,
        key=task.id,
    )
    if "guid" not in row:
        return _with_codes(task, row, ("class", "storey", "system", "zone"))
    task = with_field(_with_codes(task, row, ("storey", "system", "zone")), "guid", row["guid"])
    part = row.get("part") or row.get("resource", "")
    parts = ((row["class"], _NUMBERED.sub("", part)),) if "class" in row and part else ()
    return replace(task, parts=parts)


def _with_codes(task: Task, row: Row, fields: Sequence[str]) -> Task:
    for field in fields:
        task = with_field(task, field, row.get(field, ""))
    return task


def _merged(tasks: Sequence[Task]) -> list[Task]:
    """One task an id, with the elements of all its rows. A row without an id is numbered."""
    merged: dict[str, list[Task]] = {}
    for number, task in enumerate(tasks, 1):
        merged.setdefault(task.id or f"row {number}", []).append(task)
    return [_one(id_, rows) for id_, rows in merged.items()]


def _one(id_: str, rows: Sequence[Task]) -> Task:
    products = tuple(dict.fromkeys(product for row in rows for product in row.products))
    parts = tuple(dict.fromkeys(part for row in rows for part in row.parts))
    return replace(rows[0], id=id_, products=products, parts=parts)


def _levels(rows: Sequence[Row], tasks: Sequence[Task]) -> list[int]:
    """Outline levels, or none where the table has none or rows were merged."""
    levels = [parse_number(row.get("level", "")) for row in rows]
    if len(tasks) < len(rows) or not any(levels):
        return []
    return [int(level or 1) for level in levels]


def _relations(rows: Sequence[Row], tasks: Sequence[Task], day_s: float) -> list[Relation]:
    known = {task.id for task in tasks}
    return [
        Relation(link.before, row["id"], link.kind, link.lag_s, link.elapsed)
        for row in rows
        if "id" in row
        for link in parse_predecessors(row.get("predecessors", ""), known, day_s)
    ]


def _assumptions(rows: Sequence[Row], moments: _Moments, order: Order | None) -> list[Reason]:
    notes = []
    if not moments.timed:
        notes.append(Reason(
            "the table gives dates without times: work is taken to begin at 08:00 and to end at 16:00",
            "表中日期没有时刻：按 08:00 开工、16:00 收工处理",
        ))  # fmt: skip
    if order is None and any("/" in row.get("start", "")[:4] for row in rows):
        notes.append(Reason(
            "the dates do not show whether the day or the month comes first: the day is taken to",
            "日期无法区分日在前还是月在前：按日在前处理",
        ))  # fmt: skip
    return notes
