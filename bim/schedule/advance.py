"""Plan and verdicts into progress: how far each task is, at least and at most, and what that means for the whole."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np

from bim.epochs import Contradiction, Epoch
from bim.frames import FloatArray
from bim.schedule.calendars import Seconds, day_length_s, instant, instants, moment
from bim.schedule.earned_value import EarnedValue, earned_value
from bim.schedule.linking import Link, Links
from bim.schedule.network import NEVER, Dates, Network, dates, forecast, network
from bim.schedule.observations import STANDING, WHOLE, Known, known, site_time
from bim.schedule.plan import HOUR_S, Plan, Task, is_work
from bim.schedule.planned_value import PERIOD_S, budgets, planned_curve, planned_share
from bim.verdict import Reason, State

APART = 0.05
"""Shares closer than this are the same."""
DOUBT = 0.25
"""A wider range than this says neither early nor late."""


class Source(StrEnum):
    """What a percentage rests on."""

    EVIDENCE = "evidence"
    REPORTED = "reported"
    UNKNOWN = "unknown"


class Status(StrEnum):
    """Where a task stands against its plan."""

    DONE = "done"
    LATE = "late"
    ON_TRACK = "on_track"
    AHEAD = "ahead"
    NOT_DUE = "not_due"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class TaskProgress:
    """One task at the date. Shares are 0 to 1; times are the site's clock."""

    task: Task
    link: Link
    source: Source
    low: float
    high: float
    planned: float
    """Share of its working time that should have passed."""
    status: Status
    actual_start: datetime | None
    """Date of the scan that first shows work, or what the plan reports where no scan can."""
    actual_finish: datetime | None
    """Date of the scan that first shows everything standing."""
    forecast_start: datetime
    forecast_finish_low: datetime
    """When everything unseen is done."""
    forecast_finish_high: datetime
    """When nothing unseen is done."""
    early_start: datetime
    late_finish: datetime
    total_float_days: float
    free_float_days: float
    critical: bool
    budget: float
    states: Mapping[State, int]
    """How many of its elements are known to be in each state."""


@dataclass(frozen=True)
class Curve:
    """The S-curve: planned value at the end of every period, and earned value at the date of every scan."""

    moments: tuple[datetime, ...]
    planned: FloatArray
    earned: tuple[tuple[datetime, float, float], ...]


@dataclass(frozen=True)
class Progress:
    """All that plan and verdicts say together. `unit` is a currency word or "h" for working hours."""

    plan: Plan
    links: Links
    date: datetime
    tasks: tuple[TaskProgress, ...]
    earned_value: EarnedValue
    linked_earned_value: EarnedValue
    """Of the tasks that are linked to elements alone."""
    curve: Curve
    critical_path: tuple[str, ...]
    due_absent: tuple[tuple[int, str], ...]
    """Elements that should stand and are known not to: index into `links.elements`, and the id of the task."""
    known: Mapping[str, Known]
    contradictions: tuple[Contradiction, ...]
    """Elements that one scan saw standing and a later one looked through: taken down, or one of the two is wrong."""
    unit: str
    assumptions: tuple[Reason, ...]

    @property
    def by_id(self) -> Mapping[str, TaskProgress]:
        """Progress by task id."""
        return {each.task.id: each for each in self.tasks}


def advance(plan: Plan, links: Links, history: Sequence[Epoch], date: datetime) -> Progress:
    """Progress of a plan at a date, by the verdicts up to it.

    A linked task with evidence takes its share from its elements, weighted by volume, else by area, else evenly: known
    to stand at least, known to be missing at most. Without evidence the plan's own report counts; without either the
    share is anything from 0 to 1.
    """
    picture = _picture(plan, links, history, date)
    days_s = {calendar.id: day_length_s(calendar) for calendar in plan.calendars}
    tasks = tuple(_task(picture, n, days_s) for n in range(len(picture.leaves)))
    moments, values = planned_curve(picture.leaves, picture.net, picture.budget)
    linked = np.array([bool(each.link.elements) for each in tasks], float)
    spent = [task.actual_cost for task in picture.leaves if task.actual_cost is not None]
    return Progress(
        plan=plan,
        links=links,
        date=date,
        tasks=tasks,
        earned_value=_figures(picture, picture.budget, sum(spent) if spent else None, moments, values),
        linked_earned_value=_linked_figures(picture, linked),
        curve=Curve(tuple(moments), values, tuple(_earned(picture, history))),
        critical_path=tuple(tasks[n].task.id for n in picture.in_order if tasks[n].critical),
        due_absent=tuple(_due_absent(tasks, links, picture.state, date)),
        known=picture.state,
        contradictions=picture.contradictions,
        unit=picture.unit,
        assumptions=tuple(_assumptions(picture, tasks, history, bool(spent))),
    )


@dataclass(frozen=True)
class _Shares:
    """Low and high (T,) of all tasks at one date, and by what."""

    low: FloatArray
    high: FloatArray
    source: list[Source]


@dataclass(frozen=True)
class _Picture:
    """Everything (T,) about the work of a plan at one date, before it is told task by task."""

    plan: Plan
    links: Links
    date: datetime
    leaves: tuple[Task, ...]
    net: Network
    cpm: Dates
    state: Mapping[str, Known]
    contradictions: tuple[Contradiction, ...]
    shares: _Shares
    planned: FloatArray
    budget: FloatArray
    unit: str
    begun: Seconds
    ended: Seconds
    starts: Seconds
    finishes_low: Seconds
    finishes_high: Seconds

    @property
    def in_order(self) -> list[int]:
        """Tasks by their early start."""
        order: list[int] = np.argsort(self.cpm.early_start, kind="stable").tolist()
        return order


def _picture(plan: Plan, links: Links, history: Sequence[Epoch], date: datetime) -> _Picture:
    net, leaves, knowledge = network(plan), plan.leaves, known(history, date)
    state = knowledge.elements
    shares = _shares(leaves, links, state)
    budget, unit = budgets(leaves, net)
    begun, ended = _evidence_dates(leaves, links, state)
    starts, finishes_low, finishes_high = _forecasts(net, date, shares, begun, ended)
    return _Picture(
        plan=plan,
        links=links,
        date=date,
        leaves=leaves,
        net=net,
        cpm=dates(net),
        state=state,
        contradictions=knowledge.contradictions,
        shares=shares,
        planned=planned_share(leaves, net, date),
        budget=budget,
        unit=unit,
        begun=begun,
        ended=ended,
        starts=starts,
        finishes_low=finishes_low,
        finishes_high=finishes_high,
    )


# --- Shares -----------------------------------------------------------------------------------------------------------


def _shares(leaves: Sequence[Task], links: Links, state: Mapping[str, Known]) -> _Shares:
    weights = _weights(links)
    rows = [_share(task, links, state, weights) for task in leaves]
    return _Shares(np.array([r[0] for r in rows]), np.array([r[1] for r in rows]), [r[2] for r in rows])


def _share(task: Task, links: Links, state: Mapping[str, Known], weights: FloatArray) -> tuple[float, float, Source]:
    elements = list(links.of(task.id).elements)
    found = [state.get(links.elements[n].global_id) for n in elements]
    if any(f and f.proven for f in found):
        weight = weights[elements] if (weights[elements] > 0.0).all() else np.ones(len(elements))
        low = sum(w * (f.low if f else 0.0) for w, f in zip(weight, found, strict=True)) / weight.sum()
        high = sum(w * (f.high if f else 1.0) for w, f in zip(weight, found, strict=True)) / weight.sum()
        return float(low), float(max(low, high)), Source.EVIDENCE
    if task.percent is not None:
        return task.percent, task.percent, Source.REPORTED
    return 0.0, 1.0, Source.UNKNOWN


def _weights(links: Links) -> FloatArray:
    """(E,) volume of each element, or area where any element of the model has no volume."""
    volume = np.array([element.volume_m3 for element in links.elements])
    return volume if (volume > 0.0).all() else np.array([element.area_m2 for element in links.elements])


# --- Dates from evidence ----------------------------------------------------------------------------------------------


def _evidence_dates(leaves: Sequence[Task], links: Links, state: Mapping[str, Known]) -> tuple[Seconds, Seconds]:
    """(T,) dates of the scans that first show work and all work, else what the plan reports; NEVER for neither."""
    rows = [_evidence(task, links, state) for task in leaves]
    return instants((r[0] for r in rows), NEVER), instants((r[1] for r in rows), NEVER)


def _evidence(task: Task, links: Links, state: Mapping[str, Known]) -> tuple[datetime | None, datetime | None]:
    found = [state.get(links.elements[n].global_id) for n in links.of(task.id).elements]
    if not any(f and f.proven for f in found):
        return task.actual_start, task.actual_finish
    begun = [f.begun for f in found if f and f.begun]
    stood = [f.stood for f in found if f and f.stood]
    return min(begun, default=None), max(stood) if len(stood) == len(found) else None


def _forecasts(
    net: Network, at: datetime, shares: _Shares, begun: Seconds, ended: Seconds
) -> tuple[Seconds, Seconds, Seconds]:
    """Forecast starts (T,), and finishes (T,) if everything unseen is done and if nothing of it is."""
    at_work = (begun > NEVER) | (shares.low > 0.0)
    whole = (shares.high >= WHOLE) & (ended == NEVER) & (net.planned_start < instant(at))
    planned_end = np.minimum(instant(at), np.maximum(begun, net.planned_start) + net.duration_s)
    best = forecast(net, at, shares.high, at_work | whole, begun, np.where(whole, planned_end, ended))[1]
    starts, worst = forecast(net, at, shares.low, at_work, begun, ended)
    return starts, np.minimum(best, worst), worst


def _moment(seconds: int) -> datetime | None:
    return None if seconds == NEVER else moment(seconds)


# --- One task ---------------------------------------------------------------------------------------------------------


def _task(picture: _Picture, n: int, days_s: Mapping[str, float]) -> TaskProgress:
    p, task, cpm = picture, picture.leaves[n], picture.cpm
    link = p.links.of(task.id)
    day_s = days_s.get(task.calendar or p.plan.calendar, 8.0 * HOUR_S)
    low, high, planned = float(p.shares.low[n]), float(p.shares.high[n]), float(p.planned[n])
    done = p.ended[n] != NEVER or low >= WHOLE
    return TaskProgress(
        task=task,
        link=link,
        source=p.shares.source[n],
        low=low,
        high=high,
        planned=planned,
        status=Status.DONE if done else _status(low, high, planned, p.shares.source[n]),
        actual_start=_moment(p.begun[n]),
        actual_finish=_moment(p.ended[n]),
        forecast_start=moment(p.starts[n]),
        forecast_finish_low=moment(p.finishes_low[n]),
        forecast_finish_high=moment(p.finishes_high[n]),
        early_start=moment(cpm.early_start[n]),
        late_finish=moment(cpm.late_finish[n]),
        total_float_days=float(cpm.total_float_s[n] / day_s),
        free_float_days=float(cpm.free_float_s[n] / day_s),
        critical=bool(cpm.total_float_s[n] <= 0),
        budget=float(p.budget[n]),
        states=_states(p, link) if link.elements else {},
    )


def _status(low: float, high: float, planned: float, source: Source) -> Status:
    if source is not Source.UNKNOWN:
        if high < planned - APART:
            return Status.LATE
        if low > planned + APART:
            return Status.AHEAD
    if planned == 0.0:
        return Status.NOT_DUE
    return Status.UNKNOWN if source is Source.UNKNOWN or high - low > DOUBT else Status.ON_TRACK


def _states(picture: _Picture, link: Link) -> dict[State, int]:
    found = [picture.state.get(picture.links.elements[e].global_id) for e in link.elements]
    counts = Counter(each.state if each else State.UNSEEN for each in found)
    return {each: counts[each] for each in State if counts[each]}


# --- The whole --------------------------------------------------------------------------------------------------------


def _figures(
    picture: _Picture, budget: FloatArray, spent: float | None, moments: Sequence[datetime], curve: FloatArray
) -> EarnedValue:
    shares, passed_s = picture.shares, instant(picture.date) - instant(moments[0])
    return earned_value(budget, picture.planned, shares.low, shares.high, spent, curve, max(passed_s / PERIOD_S, 0.0))


def _linked_figures(picture: _Picture, linked: FloatArray) -> EarnedValue:
    budget = picture.budget * linked
    return _figures(picture, budget, None, *planned_curve(picture.leaves, picture.net, budget))


def _earned(picture: _Picture, history: Sequence[Epoch]) -> Iterator[tuple[datetime, float, float]]:
    """Earned value, at least and at most, at the date of every scan."""
    for day in sorted({site_time(each) for each in history if site_time(each) <= picture.date} | {picture.date}):
        past = day < picture.date
        shares = _shares(picture.leaves, picture.links, known(history, day).elements) if past else picture.shares
        yield day, float(picture.budget @ shares.low), float(picture.budget @ shares.high)


def _due_absent(
    tasks: Sequence[TaskProgress], links: Links, state: Mapping[str, Known], at: datetime
) -> Iterator[tuple[int, str]]:
    for each in tasks:
        finish = each.task.baseline_finish or each.task.finish
        if finish and finish <= at:
            for n in each.link.elements:
                found = state.get(links.elements[n].global_id)
                if found and found.state not in STANDING and found.state is not State.UNSEEN and found.high < WHOLE:
                    yield n, each.task.id


def _assumptions(
    picture: _Picture, tasks: Sequence[TaskProgress], history: Sequence[Epoch], spent: bool
) -> Iterator[Reason]:
    yield from picture.plan.assumptions
    yield from picture.links.notes
    unknown = sum(each.source is Source.UNKNOWN and is_work(each.task) for each in tasks)
    if unknown:
        yield Reason(
            f"{unknown} tasks have neither evidence nor a report: they count from 0 to 100 %",
            f"有 {unknown} 个任务既无扫描依据也无上报进度：按 0 至 100 % 计",
        )
    if picture.unit == "h":
        yield Reason(
            "the plan has no costs: earned value counts planned working hours",
            "计划没有成本：挣值按计划工时计算",
        )
    if not spent:
        yield Reason(
            "the plan reports no actual cost: CV, CPI, EAC, ETC, VAC and TCPI do not exist",
            "计划没有实际成本：CV、CPI、EAC、ETC、VAC 和 TCPI 无法计算",
        )
    if not history:
        yield Reason("no verdicts were given: nothing is known from scans", "未提供比对结果：没有扫描依据")
    if not any(task.baseline_start for task in picture.plan.tasks):
        yield Reason("the plan has no baseline: its planned dates count as one", "计划没有基线：以计划日期作为基线")
    yield from _contradicted_reports(tasks)
    yield from _contradicted_looks(picture.contradictions)


def _contradicted_looks(contradictions: Sequence[Contradiction]) -> Iterator[Reason]:
    unsettled = [each.global_id for each in contradictions if each.is_open]
    if unsettled:
        names = ", ".join(unsettled[:5])
        yield Reason(
            f"{len(unsettled)} elements were seen standing and later looked through; the likelier of the two counts,"
            f" look again: {names}",
            f"有 {len(unsettled)} 个构件曾扫到已建成，后来被激光穿过；以更可能者为准，请复查：{names}",
        )


def _contradicted_reports(tasks: Sequence[TaskProgress]) -> Iterator[Reason]:
    apart = [
        each
        for each in tasks
        if each.source is Source.EVIDENCE
        and each.task.percent is not None
        and not each.low - APART <= each.task.percent <= each.high + APART
    ]
    if apart:
        names = ", ".join(f"{each.task.id} {each.task.name}" for each in apart[:5])
        yield Reason(
            f"{len(apart)} tasks report a percentage that the scans contradict; the scans count: {names}",
            f"有 {len(apart)} 个任务上报的进度与扫描结果矛盾，以扫描为准：{names}",
        )
