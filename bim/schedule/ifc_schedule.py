"""Work schedules in IFC, read into a plan and updated with actuals. Runs in a child process.

IFC4 links a task to what it brings about by IfcRelAssignsToProduct, and to what it works on by IfcRelAssignsToProcess;
IFC2X3 keeps times in IfcScheduleTimeControl beside IfcRelAssignsTasks. All of them are read.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from bim.arrays import Payload
from bim.errors import BadSchedule
from bim.ifc_reader import open_model
from bim.isolation import Limits, isolated
from bim.schedule.calendars import FIVE_DAYS, day_length_s
from bim.schedule.plan import DAY_S, Calendar, Day, Kind, Plan, Relation, Task
from bim.schedule.recurrence import Every, days, unread_exceptions
from bim.schedule.xml_text import duration_s, moment, second_of_day
from bim.verdict import Reason

KINDS = {"FINISH_START": Kind.FINISH_START, "START_START": Kind.START_START, "FINISH_FINISH": Kind.FINISH_FINISH,
         "START_FINISH": Kind.START_FINISH}  # fmt: skip
EVERY = {"DAILY": Every.DAY, "WEEKLY": Every.WEEK, "MONTHLY_BY_DAY_OF_MONTH": Every.MONTH,
         "YEARLY_BY_DAY_OF_MONTH": Every.YEAR}  # fmt: skip
BASELINE = "BASELINE"
TIMES = ("ScheduleStart", "ScheduleFinish", "ScheduleDuration", "EarlyStart", "EarlyFinish", "ActualStart",
         "ActualFinish", "Completion")  # fmt: skip
STANDARD_DAY_S = day_length_s(Calendar("", "", FIVE_DAYS))


def read_ifc_schedule(path: Path) -> Plan:
    """The tasks of an IFC file. Raises BadModel where it is no IFC, BadSchedule where it holds no task."""
    model, _ = open_model(path)
    every = model.by_type("IfcTask")
    if not every:
        raise BadSchedule(
            f"{path.name} holds no IfcTask", "a model with a work schedule", "give the schedule's own file"
        )
    parents = _parents(model)
    baseline = {each.id() for each in every if _is_baseline(each, parents)}
    tasks = [each for each in every if each.id() not in baseline]
    ids = _ids(tasks)
    controls, products = _controls(model), _products(model)
    planned = {_label(each): _times(each, controls) for each in every if each.id() in baseline}
    calendars, calendar_of = _calendars(model)
    holding = {parents[task.id()].id() for task in tasks if task.id() in parents}
    return Plan(
        name=_name(model, path),
        format=f"IFC work schedule ({model.schema_identifier})",
        tasks=tuple(
            _task(each, ids, parents, each.id() in holding, _times(each, controls), planned.get(_label(each), {}),
                  products.get(each.id(), ()), _inherited(each, parents, calendar_of))
            for each in tasks
        ),
        relations=tuple(_relations(model, ids)),
        calendars=tuple(calendars),
        calendar=calendars[0].id if calendars else "",
        problems=(*unread_exceptions(_unread(model)), *_ratio_lags(model)),
    )  # fmt: skip


def _ids(tasks: Sequence[Any]) -> dict[int, str]:
    """Ids that people know where there are any, GlobalIds elsewhere."""
    return {task.id(): str(_label(task)) for task in tasks}


def _label(task: Any) -> str:
    return str(getattr(task, "Identification", None) or getattr(task, "TaskId", None) or task.GlobalId)


def _name(model: Any, path: Path) -> str:
    plans = [*model.by_type("IfcWorkSchedule"), *model.by_type("IfcWorkPlan")]
    return next((plan.Name for plan in plans if plan.Name), path.stem)


def _task(task: Any, ids: Mapping[int, str], parents: Mapping[int, Any], summary: bool, times: Mapping[str, Any],
          planned: Mapping[str, Any], products: Sequence[str], calendar: str) -> Task:  # fmt: skip
    parent = parents.get(task.id())
    completion = times.get("Completion")
    return Task(
        id=ids[task.id()],
        name=task.Name or "",
        start=_moment(times.get("ScheduleStart") or times.get("EarlyStart")),
        finish=_moment(times.get("ScheduleFinish") or times.get("EarlyFinish")),
        duration_s=_duration(times.get("ScheduleDuration")),
        calendar=calendar,
        parent=ids.get(parent.id(), "") if parent is not None else "",
        wbs=str(getattr(task, "Identification", None) or ""),
        summary=summary,
        milestone=bool(task.IsMilestone),
        baseline_start=_moment(planned.get("ScheduleStart")),
        baseline_finish=_moment(planned.get("ScheduleFinish")),
        actual_start=_moment(times.get("ActualStart")),
        actual_finish=_moment(times.get("ActualFinish")),
        percent=None if completion is None else min(max(float(completion), 0.0), 1.0),
        products=tuple(products),
        key=task.GlobalId,
    )


# --- Relations of the file --------------------------------------------------------------------------------------------


def _parents(model: Any) -> dict[int, Any]:
    rels = model.by_type("IfcRelNests") if model.schema == "IFC2X3" else [
        *model.by_type("IfcRelNests"), *model.by_type("IfcRelAggregates")
    ]  # fmt: skip
    return {child.id(): rel.RelatingObject for rel in rels if rel.RelatingObject.is_a("IfcTask")
            for child in rel.RelatedObjects}  # fmt: skip


def _is_baseline(task: Any, parents: Mapping[int, Any]) -> bool:
    root, seen = task, set[int]()
    while root.id() in parents and root.id() not in seen:
        seen.add(root.id())
        root = parents[root.id()]
    controls = [rel.RelatingControl for rel in root.HasAssignments if rel.is_a("IfcRelAssignsToControl")]
    return any(getattr(control, "PredefinedType", None) == BASELINE for control in controls)


def _controls(model: Any) -> dict[int, Any]:
    """The times of each task of an IFC2X3 file."""
    if model.schema != "IFC2X3":
        return {}
    rels = model.by_type("IfcRelAssignsTasks")
    return {task.id(): rel.TimeForTask for rel in rels if rel.TimeForTask for task in rel.RelatedObjects}


def _times(task: Any, controls: Mapping[int, Any]) -> dict[str, Any]:
    holder = getattr(task, "TaskTime", None) or controls.get(task.id())
    return {name: getattr(holder, name, None) for name in TIMES} if holder else {}


def _products(model: Any) -> dict[int, tuple[str, ...]]:
    """GlobalIds of what each task brings about; where it says nothing of that, of what it works on."""
    made: dict[int, list[str]] = defaultdict(list)
    used: dict[int, list[str]] = defaultdict(list)
    for rel in model.by_type("IfcRelAssignsToProduct"):
        for task in rel.RelatedObjects:
            if task.is_a("IfcTask"):
                made[task.id()] += _elements(rel.RelatingProduct)
    for rel in model.by_type("IfcRelAssignsToProcess"):
        used[rel.RelatingProcess.id()] += [g for each in rel.RelatedObjects for g in _elements(each)]
    return {key: tuple(dict.fromkeys(made.get(key) or used[key])) for key in {*made, *used}}


def _elements(product: Any, depth: int = 0) -> Iterator[str]:
    """A product, its parts, and for a storey or a zone whatever it contains."""
    if not product.is_a("IfcProduct") or depth > 20:
        return
    yield product.GlobalId
    for rel in getattr(product, "IsDecomposedBy", ()):
        for part in rel.RelatedObjects:
            yield from _elements(part, depth + 1)
    for rel in getattr(product, "ContainsElements", ()):
        for element in rel.RelatedElements:
            yield from _elements(element, depth + 1)


def _relations(model: Any, ids: Mapping[int, str]) -> Iterator[Relation]:
    for rel in model.by_type("IfcRelSequence"):
        before, after = rel.RelatingProcess, rel.RelatedProcess
        if before.id() in ids and after.id() in ids:
            lag_s, elapsed = _lag(rel.TimeLag)
            kind = KINDS.get(rel.SequenceType or "", Kind.FINISH_START)
            yield Relation(ids[before.id()], ids[after.id()], kind, lag_s, elapsed)


def _lag(lag: Any) -> tuple[float, bool]:
    """Seconds, and whether they run by the clock; 0 for a ratio of a duration (`_ratio_lags` says so)."""
    if lag is None or isinstance(lag, int | float):
        return float(lag or 0.0), False
    elapsed = lag.DurationType == "ELAPSEDTIME"
    value = getattr(lag.LagValue, "wrappedValue", None)
    seconds = duration_s(value, DAY_S if elapsed else STANDARD_DAY_S) if isinstance(value, str) else None
    return seconds or 0.0, elapsed


def _ratio_lags(model: Any) -> Iterator[Reason]:
    """IFC does not say of which task's duration such a lag is a share."""
    lags = [rel.TimeLag.LagValue for rel in model.by_type("IfcRelSequence") if hasattr(rel.TimeLag, "LagValue")]
    count = sum(lag is not None and not isinstance(lag.wrappedValue, str) for lag in lags)
    if count:
        yield Reason(
            f"{count} relations have a lag as a ratio of a duration: it is not used",
            f"有 {count} 个关系的延隔按工期比例给出：未采用",
        )


# --- Calendars --------------------------------------------------------------------------------------------------------


def _calendars(model: Any) -> tuple[list[Calendar], dict[int, str]]:
    """The calendars, and which of them each controlled task follows."""
    if model.schema == "IFC2X3":
        return [], {}
    calendars: list[Calendar] = []
    follows: dict[int, str] = {}
    for element in model.by_type("IfcWorkCalendar"):
        week: dict[int, Day] = {}
        for work in element.WorkingTimes or ():
            week |= _weekly(work.RecurrencePattern)
        if week:
            exceptions = {day: shifts for work in element.ExceptionTimes or () for day, shifts in _exceptions(work)}
            shifts = tuple(week.get(day, ()) for day in range(7))
            calendars.append(Calendar(element.GlobalId, element.Name or "", shifts, exceptions))
            for rel in element.Controls:
                follows |= {task.id(): element.GlobalId for task in rel.RelatedObjects}
    return calendars, follows


def _weekly(pattern: Any) -> dict[int, Day]:
    if pattern is None or pattern.RecurrenceType not in {"DAILY", "WEEKLY"}:
        return {}
    weekdays = pattern.WeekdayComponent if pattern.RecurrenceType == "WEEKLY" else range(1, 8)
    return {int(day) - 1: _shifts(pattern) for day in weekdays or () if 1 <= int(day) <= 7}


def _shifts(pattern: Any) -> Day:
    periods = [(second_of_day(p.StartTime or ""), second_of_day(p.EndTime or "")) for p in pattern.TimePeriods or ()]
    return (
        tuple((start, end or DAY_S) for start, end in periods if start is not None and end is not None)
        or (FIVE_DAYS[0])
    )


def _exceptions(work: Any) -> Iterator[tuple[date, Day]]:
    """Days off, or days with shifts of their own where the exception has times."""
    first = moment(getattr(work, "StartDate", None) or getattr(work, "Start", None))
    last = moment(getattr(work, "FinishDate", None) or getattr(work, "Finish", None)) or first
    pattern = work.RecurrencePattern
    every = EVERY.get(pattern.RecurrenceType) if pattern else Every.DAY
    if first and last and every is not None:
        shifts = _shifts(pattern) if pattern and pattern.TimePeriods else ()
        for day in days(every, first.date(), last.date(), **(_pattern(pattern) if pattern else {})):
            yield day, shifts


def _pattern(pattern: Any) -> dict[str, Any]:
    return {
        "interval": pattern.Interval or 1,
        "count": pattern.Occurrences,
        "months": pattern.MonthComponent or (),
        "month_days": pattern.DayComponent or (),
        "weekdays": [day - 1 for day in pattern.WeekdayComponent or () if 1 <= day <= 7],
    }


def _unread(model: Any) -> Iterator[str]:
    """Names of exceptions that recur by position, such as the last Friday of a month."""
    if model.schema != "IFC2X3":
        for calendar in model.by_type("IfcWorkCalendar"):
            for work in calendar.ExceptionTimes or ():
                if work.RecurrencePattern and work.RecurrencePattern.RecurrenceType not in EVERY:
                    yield work.Name or calendar.Name or ""


def _inherited(task: Any, parents: Mapping[int, Any], calendar_of: Mapping[int, str]) -> str:
    """A task's own calendar, else that of what contains it."""
    seen = set[int]()
    while task.id() not in calendar_of and task.id() in parents and task.id() not in seen:
        seen.add(task.id())
        task = parents[task.id()]
    return calendar_of.get(task.id(), "")


# --- Values -----------------------------------------------------------------------------------------------------------


def _moment(value: Any) -> datetime | None:
    """An ISO text, or a date and time of IFC2X3."""
    if value is None or isinstance(value, str):
        return moment(value)
    day = value.DateComponent if value.is_a("IfcDateAndTime") else value
    clock = value.TimeComponent if value.is_a("IfcDateAndTime") else None
    try:
        at = datetime(day.YearComponent, day.MonthComponent, day.DayComponent)
        return at.replace(hour=clock.HourComponent, minute=clock.MinuteComponent or 0) if clock else at
    except (ValueError, AttributeError):
        return None


def _duration(value: Any) -> float | None:
    return duration_s(value, STANDARD_DAY_S) if isinstance(value, str) else value


# --- Actuals into a file ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Actual:
    """What is known of a task that the file calls `key`; `completion` is the proven share."""

    key: str
    completion: float
    start: datetime | None
    finish: datetime | None


def with_actuals(path: Path, actuals: Sequence[Actual], limits: Limits) -> bytes:
    """The IFC file with actual starts, finishes and completion in its task times. Raises BadSchedule.

    IfcTaskTime.Completion must be greater than 0, so at 0 % it is left out.
    """
    rows = [[a.key, a.completion, _text(a.start), _text(a.finish)] for a in actuals]
    payload = isolated(_updated, str(path), rows, limits=limits, failure=BadSchedule, what=f"schedule {path.name}")
    return bytes(payload["ifc"])


def _updated(path: str, rows: Sequence[tuple[str, float, str | None, str | None]]) -> Payload:
    """In the child."""
    model, _ = open_model(Path(path))
    if model.schema == "IFC2X3":
        raise BadSchedule(f"{Path(path).name} is IFC2X3", "a schedule in IFC4 or later", "export it as IFC4")
    tasks = {task.GlobalId: task for task in model.by_type("IfcTask")}
    for key, completion, start, finish in rows:
        if key in tasks:
            _update(model, tasks[key], completion, start, finish)
    return {"ifc": np.frombuffer(model.to_string().encode(), np.uint8)}


def _update(model: Any, task: Any, completion: float, start: str | None, finish: str | None) -> None:
    if task.TaskTime is None:
        task.TaskTime = model.create_entity("IfcTaskTime")
    elif len(model.get_inverse(task.TaskTime)) > 1:
        task.TaskTime = model.create_entity("IfcTaskTime", *[task.TaskTime[n] for n in range(len(task.TaskTime))])
    task.TaskTime.Completion = completion if completion > 0.0 else None
    task.TaskTime.ActualStart, task.TaskTime.ActualFinish = start, finish


def _text(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None
