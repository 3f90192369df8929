"""Plan, Task, Relation, Calendar: what should happen when. Frozen values; times are the site's clock, without zone."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from bim.arrays import Payload
from bim.verdict import Reason

HOUR_S = 3600
DAY_S = 24 * HOUR_S

Shift = tuple[int, int]
"""Start and end of work in seconds of the day."""
Day = tuple[Shift, ...]
"""The shifts of a day, in order; empty when nobody works."""


class Kind(StrEnum):
    """What a relation ties: the first letter is of the task before, the second of the task after."""

    FINISH_START = "FS"
    START_START = "SS"
    FINISH_FINISH = "FF"
    START_FINISH = "SF"


@dataclass(frozen=True, slots=True)
class Relation:
    """`after` waits for `before`; the lag runs on the calendar of `after`, or by the clock when `elapsed`."""

    before: str
    after: str
    kind: Kind = Kind.FINISH_START
    lag_s: float = 0.0
    elapsed: bool = False


@dataclass(frozen=True, slots=True)
class Calendar:
    """When work happens: a week from Monday, and the dates that differ from it."""

    id: str
    name: str
    week: tuple[Day, ...]
    exceptions: Mapping[date, Day] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Task:
    """One line of the plan. What the file leaves open is None or empty."""

    id: str
    name: str
    start: datetime | None = None
    finish: datetime | None = None
    duration_s: float | None = None
    """Working time."""
    not_before: datetime | None = None
    """A constraint of the plan: the task may not start earlier, whatever its relations allow."""
    calendar: str = ""
    """Id of its calendar; empty for the plan's own."""
    parent: str = ""
    """Id of the summary task that it belongs to."""
    wbs: str = ""
    summary: bool = False
    milestone: bool = False
    baseline_start: datetime | None = None
    baseline_finish: datetime | None = None
    actual_start: datetime | None = None
    actual_finish: datetime | None = None
    percent: float | None = None
    """Reported share complete, 0 to 1."""
    cost: float | None = None
    actual_cost: float | None = None
    products: tuple[str, ...] = ()
    """GlobalIds of the elements that the plan itself names."""
    parts: tuple[tuple[str, str], ...] = ()
    """IFC class and name of elements that the plan names without a usable GlobalId."""
    codes: Mapping[str, str] = field(default_factory=dict)
    """Activity codes and zones: "storey", "class", "system" and "zone" lead to elements."""
    key: str = ""
    """What the file itself calls the task (UID, GlobalId), for writing back."""


@dataclass(frozen=True)
class Plan:
    """Tasks in the order of the file, ids unique. `problems` says what is wrong, `assumptions` how gaps were closed."""

    name: str
    format: str
    tasks: tuple[Task, ...]
    relations: tuple[Relation, ...] = ()
    calendars: tuple[Calendar, ...] = ()
    calendar: str = ""
    """Id of the calendar of tasks that name none."""
    problems: tuple[Reason, ...] = ()
    assumptions: tuple[Reason, ...] = ()

    @property
    def leaves(self) -> tuple[Task, ...]:
        """The tasks that are work: neither summaries nor without a date and a duration."""
        return tuple(t for t in self.tasks if not t.summary and (t.start or t.finish or t.duration_s is not None))


def is_work(task: Task) -> bool:
    """Whether a task takes time, so that an element could come of it: no summary, milestone or headline."""
    lasts = task.duration_s or (task.start and task.finish and task.finish > task.start)
    return not task.summary and not task.milestone and bool(lasts)


# --- Across the process boundary -------------------------------------------------------------------------------------

_DATES = {"start", "finish", "not_before", "baseline_start", "baseline_finish", "actual_start", "actual_finish"}


def to_payload(plan: Plan) -> Payload:
    """The plan as JSON values."""
    return {
        "name": plan.name,
        "format": plan.format,
        "tasks": {f.name: [_json(f.name, getattr(task, f.name)) for task in plan.tasks] for f in fields(Task)},
        "relations": [[r.before, r.after, r.kind.value, r.lag_s, r.elapsed] for r in plan.relations],
        "calendars": [[c.id, c.name, c.week, [[d.isoformat(), s] for d, s in c.exceptions.items()]]
                      for c in plan.calendars],
        "calendar": plan.calendar,
        "problems": [[p.en, p.zh] for p in plan.problems],
        "assumptions": [[a.en, a.zh] for a in plan.assumptions],
    }  # fmt: skip


def from_payload(payload: Payload) -> Plan:
    """The plan that `to_payload` was given."""
    columns = [[_value(name, each) for each in column] for name, column in payload["tasks"].items()]
    return Plan(
        name=payload["name"],
        format=payload["format"],
        tasks=tuple(Task(*row) for row in zip(*columns, strict=True)),
        relations=tuple(Relation(b, a, Kind(kind), lag, elapsed) for b, a, kind, lag, elapsed in payload["relations"]),
        calendars=tuple(_calendar(*each) for each in payload["calendars"]),
        calendar=payload["calendar"],
        problems=tuple(Reason(*each) for each in payload["problems"]),
        assumptions=tuple(Reason(*each) for each in payload["assumptions"]),
    )


def noted(plan: Plan, problems: list[Reason], assumptions: list[Reason]) -> Plan:
    """The plan with more that is to be said of it."""
    return replace(plan, problems=(*plan.problems, *problems), assumptions=(*plan.assumptions, *assumptions))


def _json(name: str, value: Any) -> Any:
    if name == "codes":
        return dict(value)
    return value.isoformat() if name in _DATES and value else value


def _value(name: str, value: Any) -> Any:
    if name in _DATES:
        return datetime.fromisoformat(value) if value else None
    if name == "parts":
        return tuple((ifc_class, part) for ifc_class, part in value)
    return tuple(value) if name == "products" else value


def _calendar(id_: str, name: str, week: list[Any], exceptions: list[Any]) -> Calendar:
    return Calendar(id_, name, tuple(map(_day, week)), {date.fromisoformat(d): _day(s) for d, s in exceptions})


def _day(shifts: list[list[int]]) -> Day:
    return tuple((start, end) for start, end in shifts)
