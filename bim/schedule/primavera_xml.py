"""Primavera P6 XML into a plan."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from itertools import chain
from xml.etree.ElementTree import Element

from bim.schedule.columns import field_of, with_field
from bim.schedule.plan import DAY_S, HOUR_S, Calendar, Day, Kind, Plan, Relation, Task
from bim.schedule.soundness import left_out
from bim.schedule.xml_text import children, number, second_of_day, text, when

KINDS = {"Finish to Start": Kind.FINISH_START, "Start to Start": Kind.START_START,
         "Finish to Finish": Kind.FINISH_FINISH, "Start to Finish": Kind.START_FINISH}  # fmt: skip
WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
COSTS = ("PlannedTotalCost", "BudgetAtCompletion", "AtCompletionTotalCost")


def read_primavera(root: Element, name: str) -> Plan:
    """The project with the most activities; its baseline project, if there, gives the baseline dates."""
    projects = sorted(children(root, "Project"), key=lambda each: -len(list(children(each, "Activity"))))
    project, others = projects[0] if projects else Element("Project"), projects[1:]
    fields, values = _fields(root, project), _code_values(root, project)
    ids = {text(e, "ObjectId"): text(e, "Id") or text(e, "ObjectId") for e in children(project, "Activity")}
    baseline = {text(e, "Id"): e for e in children(root, "BaselineProject/Activity")}
    tasks = [_task(e, fields, values) for e in children(project, "Activity")]
    return Plan(
        name=text(project, "Name") or name,
        format="Primavera XML",
        tasks=(*_packages(project), *(_with_baseline(task, baseline.get(task.id)) for task in tasks)),
        relations=tuple(_relation(e, ids) for e in children(project, "Relationship")),
        calendars=tuple(_calendar(e) for e in chain(children(root, "Calendar"), children(project, "Calendar"))),
        calendar=text(project, "ActivityDefaultCalendarObjectId"),
        problems=(left_out([text(each, "Name") for each in others]),) if others else (),
    )


def _packages(project: Element) -> Iterator[Task]:
    for element in children(project, "WBS"):
        above = text(element, "ParentObjectId")
        parent = f"WBS {above}" if above else ""
        yield Task(f"WBS {text(element, 'ObjectId')}", text(element, "Name"), parent=parent, wbs=text(element, "Code"),
                   summary=True)  # fmt: skip


def _task(element: Element, fields: Mapping[str, str], values: Mapping[str, str]) -> Task:
    kind, hours = text(element, "Type"), number(element, "PlannedDuration")
    package, constraint = text(element, "WBSObjectId"), text(element, "PrimaryConstraintType")
    share = number(element, "PercentComplete")
    task = Task(
        id=text(element, "Id") or text(element, "ObjectId"),
        name=text(element, "Name"),
        start=when(element, "PlannedStartDate") or when(element, "StartDate"),
        finish=when(element, "PlannedFinishDate") or when(element, "FinishDate"),
        duration_s=None if hours is None else hours * HOUR_S,
        not_before=when(element, "PrimaryConstraintDate")
        if "Start" in constraint and "Before" not in constraint
        else None,
        calendar=text(element, "CalendarObjectId"),
        parent=f"WBS {package}" if package else "",
        summary=kind == "WBS Summary",
        milestone=kind.endswith("Milestone"),
        actual_start=when(element, "ActualStartDate"),
        actual_finish=when(element, "ActualFinishDate"),
        percent=None if share is None else min(max(share, 0.0), 1.0),
        cost=next((cost for path in COSTS if (cost := number(element, path))), None),
        actual_cost=number(element, "ActualTotalCost"),
        key=text(element, "ObjectId"),
    )
    for code in children(element, "Code"):
        task = with_field(
            task, field_of(fields.get(text(code, "TypeObjectId"), "")), values.get(text(code, "ValueObjectId"), "")
        )
    for own in children(element, "UDF"):
        value = text(own, "TextValue") or text(own, "Text")
        task = with_field(task, field_of(fields.get(text(own, "TypeObjectId"), "")), value)
    return task


def _with_baseline(task: Task, element: Element | None) -> Task:
    if element is None:
        return task
    start = when(element, "PlannedStartDate") or when(element, "StartDate")
    finish = when(element, "PlannedFinishDate") or when(element, "FinishDate")
    return replace(task, baseline_start=start, baseline_finish=finish)


def _fields(root: Element, project: Element) -> dict[str, str]:
    """Names of activity code types and user-defined fields by their object id."""
    kinds = chain(children(root, "ActivityCodeType"), children(project, "ActivityCodeType"))
    return {text(e, "ObjectId"): text(e, "Name") for e in kinds} | {
        text(e, "ObjectId"): text(e, "Title") for e in children(root, "UDFType")
    }


def _code_values(root: Element, project: Element) -> dict[str, str]:
    codes = chain(children(root, "ActivityCode"), children(project, "ActivityCode"))
    return {text(e, "ObjectId"): text(e, "Description") or text(e, "CodeValue") for e in codes}


def _relation(element: Element, ids: Mapping[str, str]) -> Relation:
    before, after = text(element, "PredecessorActivityObjectId"), text(element, "SuccessorActivityObjectId")
    lag_s = HOUR_S * (number(element, "Lag") or 0.0)
    kind = KINDS.get(text(element, "Type"), Kind.FINISH_START)
    return Relation(ids.get(before, f"object {before}"), ids.get(after, f"object {after}"), kind, lag_s)


def _calendar(element: Element) -> Calendar:
    week = {text(day, "DayOfWeek"): _shifts(day) for day in children(element, "StandardWorkWeek/StandardWorkHours")}
    exceptions = dict(_exceptions(element))
    days = tuple(week.get(day, ()) for day in WEEK)
    return Calendar(text(element, "ObjectId"), text(element, "Name"), days, exceptions)


def _exceptions(element: Element) -> Iterator[tuple[date, Day]]:
    for day in children(element, "HolidayOrExceptions/HolidayOrException"):
        if at := when(day, "Date"):
            yield at.date(), _shifts(day)


def _shifts(day: Element) -> Day:
    times = ((second_of_day(text(t, "Start")), second_of_day(text(t, "Finish"))) for t in children(day, "WorkTime"))
    return tuple((start, _end(finish)) for start, finish in times if start is not None and finish is not None)


def _end(second: int) -> int:
    """P6 names the last minute of work: 16:59 means until 17:00."""
    return second - second % 60 + 60 if second % HOUR_S >= 59 * 60 else second or DAY_S
