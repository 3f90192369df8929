"""What comes next and what stands in its way; and how much of last week's plan was kept, with the reasons.

G. Ballard, The Last Planner System of Production Control (PhD thesis, Birmingham, 2000): work is promised only when
nothing constrains it, and percent plan complete (PPC) is the share of promised tasks that were completed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from bim.schedule.advance import Progress, Source, Status, TaskProgress
from bim.schedule.earned_value import Range
from bim.schedule.plan import Kind, Relation, is_work
from bim.verdict import Reason, State

WEEKS = 6
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Ahead:
    """A task of the coming weeks and what constrains it; without constraints it can be promised."""

    progress: TaskProgress
    constraints: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class PlanComplete:
    """Percent plan complete of the week before the date, as shares from proven to possible, with reasons for the rest.

    `promised` counts the tasks that were to be finished in that week; without any the shares are None.
    """

    promised: int
    share: Range
    reasons: tuple[tuple[str, Reason], ...]
    """Task id and why its completion is not proven."""


def look_ahead(progress: Progress, weeks: int = WEEKS) -> tuple[Ahead, ...]:
    """The unfinished tasks that are at work or planned to start within some weeks, by their start."""
    until = progress.date + weeks * WEEK
    by_id, before = progress.by_id, _waits_for(progress)
    coming = [
        each
        for each in progress.tasks
        if is_work(each.task) and each.status is not Status.DONE and (each.task.start or each.early_start) <= until
    ]
    return tuple(
        Ahead(each, tuple(_constraints(each, before.get(each.task.id, ()), by_id, progress.date)))
        for each in sorted(coming, key=lambda each: (each.forecast_start, each.task.id))
    )


def percent_plan_complete(progress: Progress, week: timedelta = WEEK) -> PlanComplete:
    """PPC of the tasks that were to be finished in the time before the date."""
    begin = progress.date - week
    promised = [
        t for t in progress.tasks if is_work(t.task) and t.task.finish and begin < t.task.finish <= progress.date
    ]
    done = sum(each.status is Status.DONE for each in promised)
    possible = sum(each.status is Status.DONE or each.high >= 1.0 for each in promised)
    share = Range(done / len(promised), possible / len(promised)) if promised else Range(None, None)
    by_id, before = progress.by_id, _waits_for(progress)
    reasons = tuple(
        (each.task.id, _why_not(each, before.get(each.task.id, ()), by_id))
        for each in promised
        if each.status is not Status.DONE
    )
    return PlanComplete(len(promised), share, reasons)


def _waits_for(progress: Progress) -> Mapping[str, list[Relation]]:
    """Relations by the task that waits; those that only tie finishes hold nobody up."""
    found: dict[str, list[Relation]] = {}
    for relation in progress.plan.relations:
        if relation.kind in {Kind.FINISH_START, Kind.START_START}:
            found.setdefault(relation.after, []).append(relation)
    return found


def _constraints(
    each: TaskProgress, relations: list[Relation] | tuple[()], by_id: Mapping[str, TaskProgress], at: datetime
) -> Iterator[Reason]:
    for relation in relations:
        before = by_id.get(relation.before)
        if before and relation.kind is Kind.FINISH_START and each.low == 0.0:
            yield from _unfinished(before, each, at)
            yield from _displaced(before)
    if not each.link.elements:
        yield Reason("linked to no element: a scan cannot prove it", "未关联构件：扫描无法证实其进展")


def _unfinished(before: TaskProgress, each: TaskProgress, at: datetime) -> Iterator[Reason]:
    start = each.task.start or each.early_start
    if before.status is Status.DONE:
        return
    name = f"{before.task.id} {before.task.name}".strip()
    if before.task.finish and before.task.finish <= at and before.high >= 1.0:
        why = _unproven(before)
        yield Reason(f"waits for {name}: {why.en}", f"等待 {name}：{why.zh}")
    elif before.forecast_finish_high > start:
        day = before.forecast_finish_high.date()
        yield Reason(f"waits for {name}, which may last until {day}", f"等待 {name}，可能要到 {_zh(day)}才完成")


def _unproven(each: TaskProgress) -> Reason:
    if each.source is Source.UNKNOWN and not each.link.elements:
        return Reason("linked to no element, so not verified", "未关联构件，无法核实")
    unseen = each.states.get(State.UNSEEN, 0)
    if unseen:
        return Reason(f"{unseen} of its elements could not be seen", f"有 {unseen} 个构件未能扫到")
    return Reason("its completion is not verified", "其完成情况尚未核实")


def _displaced(before: TaskProgress) -> Iterator[Reason]:
    displaced = before.states.get(State.DISPLACED, 0)
    if displaced:
        name = f"{before.task.id} {before.task.name}".strip()
        yield Reason(f"{displaced} elements of {name} are displaced", f"{name} 有 {displaced} 个构件偏位")


def _why_not(each: TaskProgress, relations: list[Relation] | tuple[()], by_id: Mapping[str, TaskProgress]) -> Reason:
    """The first reason that holds, from what another task did to what nobody could see."""
    for relation in relations:
        before = by_id.get(relation.before)
        if before and relation.kind is Kind.FINISH_START and before.high < 1.0:
            name = f"{before.task.id} {before.task.name}".strip()
            return Reason(f"{name} before it is not finished", f"其前置任务 {name} 未完成")
    absent = each.states.get(State.ABSENT, 0) + each.states.get(State.PARTIAL, 0)
    if absent:
        return Reason(f"{absent} elements are missing or in part", f"有 {absent} 个构件未建或部分完成")
    return _unproven(each)


def _zh(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"
