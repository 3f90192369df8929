"""Microsoft Project XML (MSPDI) into a plan, and a plan with its actuals into MSPDI."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from bim.schedule.columns import FIELDS, field_of, with_field
from bim.schedule.plan import DAY_S, Calendar, Day, Kind, Plan, Relation, Task
from bim.schedule.recurrence import Every, days, unread_exceptions
from bim.schedule.soundness import unused_finish_constraints
from bim.schedule.xml_text import children, duration_s, number, second_of_day, text, when

NAMESPACE = "http://schemas.microsoft.com/project"
KINDS = {"0": Kind.FINISH_FINISH, "1": Kind.FINISH_START, "2": Kind.START_FINISH, "3": Kind.START_START}
START_CONSTRAINTS = {"2", "4"}
"""Must start on, start no earlier than."""
FINISH_CONSTRAINTS = {"3", "5", "6", "7"}
"""Must finish on, start no later than, finish no earlier than, finish no later than."""
CODES = {kind: code for code, kind in KINDS.items()}
PERCENT_LAGS, ELAPSED_LAGS = (
    {"19", "20", "51", "52"},
    {"4", "6", "8", "10", "12", "20", "36", "38", "40", "42", "44", "52"},
)
LAG_UNIT_S, CENTS = 6.0, 100.0
"""A lag counts tenths of a minute, a cost hundredths."""
RECURRENCES = {"": Every.DAY, "1": Every.DAY, "2": Every.YEAR, "4": Every.MONTH, "6": Every.WEEK}
"""Types of exceptions. Those by position (the last Friday of a month) and by counts are not read, and named."""


def read_msproject(root: Element, name: str) -> Plan:
    """The plan under a `Project` element. Ids are the numbers that people see; UIDs are kept as keys."""
    elements = [e for e in children(root, "Tasks/Task") if text(e, "IsNull") != "1" and text(e, "OutlineLevel") != "0"]
    ids = {text(e, "UID"): text(e, "ID") or text(e, "UID") for e in elements}
    fields = {
        text(e, "FieldID"): text(e, "Alias") or text(e, "FieldName")
        for e in children(root, "ExtendedAttributes/ExtendedAttribute")
    }
    tasks = nested([_task(e, ids, fields) for e in elements], [int(number(e, "OutlineLevel") or 1) for e in elements])
    held = [text(e, "ConstraintType") in FINISH_CONSTRAINTS or bool(text(e, "Deadline")) for e in elements]
    unread = [text(e, "Name") for e in _exception_elements(root) if text(e, "Type") not in RECURRENCES]
    return Plan(
        name=text(root, "Title") or text(root, "Name") or name,
        format="MS Project XML",
        tasks=tuple(tasks),
        relations=tuple(relation for e in elements for relation in _relations(e, ids, {t.key: t for t in tasks})),
        calendars=tuple(_calendars(root)),
        calendar=text(root, "CalendarUID"),
        problems=(*unread_exceptions(unread), *unused_finish_constraints(sum(held))),
    )


def _task(element: Element, ids: Mapping[str, str], fields: Mapping[str, str]) -> Task:
    uid, baseline = text(element, "UID"), _baseline(element)
    cost, actual = (number(element, path) for path in ("Cost", "ActualCost"))
    planned = number(baseline, "Cost") or cost
    percent = number(element, "PhysicalPercentComplete") or number(element, "PercentComplete")
    task = Task(
        id=ids[uid],
        name=text(element, "Name"),
        start=when(element, "Start"),
        finish=when(element, "Finish"),
        duration_s=duration_s(text(element, "Duration")),
        not_before=when(element, "ConstraintDate") if text(element, "ConstraintType") in START_CONSTRAINTS else None,
        calendar=text(element, "CalendarUID").removeprefix("-1"),
        wbs=text(element, "WBS"),
        summary=text(element, "Summary") == "1",
        milestone=text(element, "Milestone") == "1",
        baseline_start=when(baseline, "Start"),
        baseline_finish=when(baseline, "Finish"),
        actual_start=when(element, "ActualStart"),
        actual_finish=when(element, "ActualFinish"),
        percent=None if percent is None else min(max(percent / 100.0, 0.0), 1.0),
        cost=planned / CENTS if planned else None,
        actual_cost=actual / CENTS if actual else None,
        key=uid,
    )
    for attribute in children(element, "ExtendedAttribute"):
        task = with_field(task, field_of(fields.get(text(attribute, "FieldID"), "")), text(attribute, "Value"))
    return task


def _baseline(element: Element) -> Element:
    return next((b for b in children(element, "Baseline") if text(b, "Number") in {"0", ""}), Element("Baseline"))


def nested(tasks: Sequence[Task], levels: Sequence[int]) -> list[Task]:
    """Parents by outline level; what contains others is a summary whatever the file says."""
    above: list[tuple[int, str]] = []
    parents = []
    for task, level in zip(tasks, levels, strict=True):
        while above and above[-1][0] >= level:
            above.pop()
        parents.append(above[-1][1] if above else "")
        above.append((level, task.id))
    holding = set(parents)
    return [
        replace(task, parent=parent, summary=task.summary or task.id in holding)
        for task, parent in zip(tasks, parents, strict=True)
    ]


def _relations(element: Element, ids: Mapping[str, str], tasks: Mapping[str, Task]) -> Iterator[Relation]:
    for link in children(element, "PredecessorLink"):
        uid, style = text(link, "PredecessorUID"), text(link, "LagFormat")
        lag = number(link, "LinkLag") or 0.0
        before = tasks.get(uid)
        percent_of = (before.duration_s or 0.0) if before else 0.0
        lag_s = percent_of * lag / 100.0 if style in PERCENT_LAGS else lag * LAG_UNIT_S
        kind = KINDS.get(text(link, "Type"), Kind.FINISH_START)
        yield Relation(ids.get(uid, f"UID {uid}"), ids[text(element, "UID")], kind, lag_s, style in ELAPSED_LAGS)


# --- Calendars --------------------------------------------------------------------------------------------------------


def _calendars(root: Element) -> Iterator[Calendar]:
    elements = {text(e, "UID"): e for e in children(root, "Calendars/Calendar")}
    for uid, element in elements.items():
        base = elements.get(text(element, "BaseCalendarUID"))
        week, exceptions = _week(element), dict(_exceptions(element))
        if base is not None and base is not element:
            week, exceptions = _week(base) | week, dict(_exceptions(base)) | exceptions
        yield Calendar(uid, text(element, "Name"), tuple(week.get(day, ()) for day in range(7)), exceptions)


def _week(element: Element) -> dict[int, Day]:
    """Shifts by weekday from Monday; the file counts from Sunday."""
    days = ((number(day, "DayType"), day) for day in children(element, "WeekDays/WeekDay"))
    return {(int(kind) - 2) % 7: _shifts(day) for kind, day in days if kind and 1 <= kind <= 7}


def _exception_elements(root: Element) -> Iterator[Element]:
    yield from children(root, "Calendars/Calendar/Exceptions/Exception")


def _exceptions(element: Element) -> Iterator[tuple[date, Day]]:
    """Old files put exceptions among the week days as type 0; new ones have a list of their own."""
    old = [day for day in children(element, "WeekDays/WeekDay") if text(day, "DayType") == "0"]
    for day in [*old, *children(element, "Exceptions/Exception")]:
        first, last = when(day, "TimePeriod/FromDate"), when(day, "TimePeriod/ToDate")
        every = RECURRENCES.get(text(day, "Type"))
        if first and last and every is not None:
            for each in days(every, first.date(), last.date(), **_pattern(day)):
                yield each, _shifts(day)


def _pattern(exception: Element) -> dict[str, Any]:
    """Months count from 0 in the file; bits of the week from Sunday."""
    bits = int(number(exception, "DaysOfWeek") or 0)
    month, month_day = number(exception, "Month"), number(exception, "MonthDay")
    by_count = text(exception, "EnteredByOccurrences") == "1"
    return {
        "interval": int(number(exception, "Period") or 1),
        "count": int(number(exception, "Occurrences") or 1) if by_count else None,
        "months": [] if month is None else [int(month) + 1],
        "month_days": [] if month_day is None else [int(month_day)],
        "weekdays": [(bit - 1) % 7 for bit in range(7) if bits >> bit & 1],
    }


def _shifts(day: Element) -> Day:
    if text(day, "DayWorking") == "0":
        return ()
    times = (
        (second_of_day(text(t, "FromTime")), second_of_day(text(t, "ToTime")))
        for t in children(day, "WorkingTimes/WorkingTime")
    )
    return tuple((start, end or DAY_S) for start, end in times if start is not None and end is not None)


# --- Back out ---------------------------------------------------------------------------------------------------------


def to_msproject(plan: Plan) -> bytes:
    """The plan as MSPDI: dates, baselines, actuals and percent as its tasks carry them. GUIDs go into Text1."""
    root = Element("Project", xmlns=NAMESPACE)
    numbers = {calendar.id: str(n) for n, calendar in enumerate(plan.calendars, 1)}
    _write(root, {"Name": plan.name, "Title": plan.name, "CalendarUID": numbers.get(plan.calendar, "1")})
    attribute = SubElement(SubElement(root, "ExtendedAttributes"), "ExtendedAttribute")
    _write(attribute, {"FieldID": GUID_FIELD, "FieldName": "Text1", "Alias": FIELDS["guid"][0]})
    calendars, tasks = SubElement(root, "Calendars"), SubElement(root, "Tasks")
    for calendar in plan.calendars:
        _write_calendar(SubElement(calendars, "Calendar"), calendar, numbers[calendar.id])
    uids = {task.id: str(n) for n, task in enumerate(plan.tasks, 1)}
    before: dict[str, list[Relation]] = {}
    for relation in plan.relations:
        before.setdefault(relation.after, []).append(relation)
    levels: dict[str, int] = {"": 0}
    for task in plan.tasks:
        levels[task.id] = levels.get(task.parent, 0) + 1
        element = SubElement(tasks, "Task")
        _write_task(element, task, uids[task.id], levels[task.id], numbers.get(task.calendar, "-1"))
        _write_relations(element, before.get(task.id, []), uids)
        _write_rest(element, task)
    indent(root)
    body: bytes = tostring(root, encoding="utf-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + body


GUID_FIELD = "188743731"


def _write_task(element: Element, task: Task, uid: str, level: int, calendar: str) -> None:
    percent = None if task.percent is None else str(round(100 * task.percent))
    _write(element, {
        "UID": uid, "ID": uid, "Name": task.name, "IsNull": "0", "WBS": task.wbs or task.id, "OutlineLevel": str(level),
        "Start": _iso(task.start), "Finish": _iso(task.finish), "Duration": _hours(task.duration_s),
        "DurationFormat": "7", "Milestone": str(int(task.milestone)), "Summary": str(int(task.summary)),
        "PercentComplete": percent, "Cost": _cents(task.cost), "ActualStart": _iso(task.actual_start),
        "ActualFinish": _iso(task.actual_finish), "ActualCost": _cents(task.actual_cost),
        "ConstraintType": "4" if task.not_before else "0", "CalendarUID": calendar,
        "ConstraintDate": _iso(task.not_before),
    })  # fmt: skip


def _write_relations(element: Element, relations: Sequence[Relation], uids: Mapping[str, str]) -> None:
    for r in relations:
        style = "8" if r.elapsed else "7"
        lag = str(round(r.lag_s / LAG_UNIT_S))
        link = SubElement(element, "PredecessorLink")
        _write(link, {"PredecessorUID": uids[r.before], "Type": CODES[r.kind], "LinkLag": lag, "LagFormat": style})


def _write_rest(element: Element, task: Task) -> None:
    if task.products:
        products = {"FieldID": GUID_FIELD, "Value": ";".join(task.products)}
        _write(SubElement(element, "ExtendedAttribute"), products)
    if task.baseline_start or task.baseline_finish:
        span = {"Number": "0", "Start": _iso(task.baseline_start), "Finish": _iso(task.baseline_finish)}
        _write(SubElement(element, "Baseline"), span | {"Cost": _cents(task.cost)})


def _write_calendar(element: Element, calendar: Calendar, uid: str) -> None:
    _write(element, {"UID": uid, "Name": calendar.name or "Site", "IsBaseCalendar": "1", "BaseCalendarUID": "-1"})
    days, exceptions = SubElement(element, "WeekDays"), SubElement(element, "Exceptions")
    for n, shifts in enumerate(calendar.week):
        day = SubElement(days, "WeekDay")
        _write(day, {"DayType": str((n + 1) % 7 + 1), "DayWorking": str(int(bool(shifts)))})
        _write_shifts(day, shifts)
    for when_, shifts in sorted(calendar.exceptions.items()):
        exception = SubElement(exceptions, "Exception")
        period = SubElement(exception, "TimePeriod")
        _write(period, {"FromDate": f"{when_}T00:00:00", "ToDate": f"{when_}T23:59:00"})
        _write(exception, {"Type": "1", "DayWorking": str(int(bool(shifts)))})
        _write_shifts(exception, shifts)


def _write_shifts(day: Element, shifts: Day) -> None:
    times = SubElement(day, "WorkingTimes") if shifts else day
    for start, end in shifts:
        _write(SubElement(times, "WorkingTime"), {"FromTime": _clock(start), "ToTime": _clock(end % DAY_S)})


def _write(element: Element, values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is not None:
            SubElement(element, name).text = "".join(c for c in value if c.isprintable())


def _iso(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None


def _hours(seconds: float | None) -> str | None:
    minutes = None if seconds is None else round(seconds / 60)
    return None if minutes is None else f"PT{minutes // 60}H{minutes % 60}M0S"


def _cents(amount: float | None) -> str | None:
    return None if amount is None else str(round(amount * CENTS))


def _clock(second: int) -> str:
    return f"{second // 3600:02d}:{second % 3600 // 60:02d}:{second % 60:02d}"
