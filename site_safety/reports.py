"""The site safety report of a day or a week: figures, each with the hazards under it. Pure: values in, values out.

The same journal and the same period give the same report, today and in a year: hazards count as they stood at the
period's end. No figure speaks of a person.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any, Literal
from zoneinfo import ZoneInfo

from bim.errors import BadInput
from bim.verdict import Reason
from site_safety.hazards import Deadlines, Deed, Event, Hazard, HazardState, Level, replay
from site_safety.records import to_json

SCHEMA = 1
SIGN_EVERY = timedelta(minutes=1)
"""A camera that is watched says so this often …"""
SIGN_LOST = timedelta(minutes=3)
"""… and after this long without a word nobody knows whether it saw anything."""


@dataclass(frozen=True, slots=True)
class Period:
    """From start to end, the end not included."""

    kind: Literal["daily", "weekly"]
    start: datetime
    end: datetime

    def holds(self, at: datetime | None) -> bool:
        """Whether a time lies in it."""
        return at is not None and self.start <= at < self.end


@dataclass(frozen=True, slots=True)
class Site:
    """Whose report it is."""

    site_id: str
    name: str


@dataclass(frozen=True, slots=True)
class CameraSign:
    """A word of the watcher about a camera: what state it was in, then."""

    camera_id: str
    state: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop of robots, as the robots' own journal tells of it."""

    stop_id: str
    scope: str
    ref: str
    reason: Reason
    requested_by: str
    requested_at: datetime
    released_by: str | None = None
    released_at: datetime | None = None
    confirmations: dict[str, datetime | None] | None = None
    escalated: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """A number and what it counts."""

    count: int
    hazards: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """Hazards of one rule, zone, level or state: those of the period, those still open at its end."""

    name: str
    opened: Figure
    open: Figure


@dataclass(frozen=True, slots=True)
class Times:
    """How long something took, in seconds; None where nothing was measured."""

    level: Level | None
    count: int
    median_s: float | None
    longest_s: float | None
    hazards: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of the period a camera saw, was known not to see, and nobody knows."""

    camera_id: str
    live_s: float
    blind_s: float
    unknown_s: float
    hazards: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StopLine:
    """A stop of the period, and the slowest confirmation; None: not every robot confirmed, or none had to."""

    stop: Stop
    confirmed_s: float | None


@dataclass(frozen=True, slots=True)
class SafetyReport:
    """Everything that the pages show."""

    sitewright: str
    schema: int
    report: Literal["site_safety"]
    report_id: str
    site: Site
    period: Period
    timezone: str
    opened: Figure
    closed: Figure
    open: Figure
    overdue: Figure
    stop_work: Figure
    false_alarms: Figure
    by_rule: tuple[Row, ...]
    by_zone: tuple[Row, ...]
    by_level: tuple[Row, ...]
    by_source: tuple[Row, ...]
    by_state: tuple[Row, ...]
    to_acknowledge: tuple[Times, ...]
    to_close: tuple[Times, ...]
    cameras: tuple[Coverage, ...]
    stops: tuple[StopLine, ...]
    hazards: tuple[Hazard, ...]
    assumptions: tuple[Reason, ...]


def day_of(day: date, timezone: str = "UTC") -> Period:
    """A day on site, by its local time."""
    return _period("daily", day, 1, timezone)


def week_of(day: date, timezone: str = "UTC") -> Period:
    """The week, Monday to Sunday, that a day lies in."""
    return _period("weekly", day - timedelta(days=day.weekday()), 7, timezone)


def _period(kind: Literal["daily", "weekly"], first: date, days: int, timezone: str) -> Period:
    try:
        zone = ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        raise BadInput(f"time zone {timezone}", "a name such as Asia/Shanghai", "correct it") from None
    ends = [datetime.combine(first + timedelta(days=n), datetime.min.time(), zone).astimezone(UTC) for n in (0, days)]
    return Period(kind, *ends)


def summarise(
    events: Iterable[Event],
    period: Period,
    site: Site,
    *,
    version: str,
    timezone: str = "UTC",
    signs: Iterable[CameraSign] = (),
    stops: Iterable[Stop] = (),
    deadlines: Deadlines | None = None,
) -> SafetyReport:
    """The report of a period. Events after its end do not count."""
    known = replay((event for event in events if event.at < period.end), deadlines)
    return report_on(known.values(), period, site, version=version, timezone=timezone, signs=signs, stops=stops)


def report_on(
    known: Iterable[Hazard],
    period: Period,
    site: Site,
    *,
    version: str,
    timezone: str = "UTC",
    signs: Iterable[CameraSign] = (),
    stops: Iterable[Stop] = (),
) -> SafetyReport:
    """The report of a period, from hazards as they stood at its end."""
    hazards = [h for h in known if h.open or h.opened_at >= period.start or period.holds(h.closed_at)]
    opened = [hazard for hazard in hazards if period.holds(hazard.opened_at)]
    is_open = [hazard for hazard in hazards if hazard.open]
    stopped = [stop for stop in stops if period.holds(stop.requested_at)]
    signs = sorted(signs, key=lambda sign: (sign.at, sign.camera_id))
    return SafetyReport(
        sitewright=version,
        schema=SCHEMA,
        report="site_safety",
        report_id=f"{site.site_id}-safety-{period.kind}-{period.start.astimezone(ZoneInfo(timezone)):%Y-%m-%d}",
        site=site,
        period=period,
        timezone=timezone,
        opened=_figure(opened),
        closed=_figure(hazard for hazard in hazards if period.holds(hazard.closed_at)),
        open=_figure(is_open),
        overdue=_figure(hazard for hazard in is_open if hazard.due_at < period.end),
        stop_work=_figure(hazard for hazard in hazards if any(s.deed is Deed.STOP_WORK for s in hazard.history)),
        false_alarms=_figure(h for h in hazards if h.review == "false" and period.holds(h.closed_at)),
        by_rule=_rows(hazards, period, lambda hazard: hazard.rule),
        by_zone=_rows(hazards, period, lambda hazard: hazard.zone_id or hazard.storey or ""),
        by_level=_rows(hazards, period, lambda hazard: hazard.level, tuple(Level)),
        by_source=_rows(hazards, period, lambda hazard: hazard.source),
        by_state=_rows(hazards, period, lambda hazard: hazard.state, tuple(HazardState)),
        to_acknowledge=_times(opened, lambda hazard: _seconds(hazard.opened_at, hazard.acknowledged_at)),
        to_close=_times(
            [hazard for hazard in hazards if period.holds(hazard.closed_at)],
            lambda hazard: _seconds(hazard.opened_at, hazard.closed_at),
        ),
        cameras=_coverage(signs, hazards, period),
        stops=tuple(StopLine(stop, _confirmed_s(stop)) for stop in stopped),
        hazards=tuple(sorted(hazards, key=lambda hazard: (hazard.opened_at, hazard.hazard_id))),
        assumptions=tuple(_assumptions(signs)),
    )


def report_json(report: SafetyReport) -> dict[str, Any]:
    """The report as JSON values, for `signing.canonical`."""
    values: dict[str, Any] = to_json(report)
    return values


# --- Figures ----------------------------------------------------------------------------------------------------------


def _figure(hazards: Iterable[Hazard]) -> Figure:
    ids = tuple(sorted(hazard.hazard_id for hazard in hazards))
    return Figure(len(ids), ids)


def _rows(
    hazards: Sequence[Hazard], period: Period, name: Callable[[Hazard], str], order: Sequence[str] = ()
) -> tuple[Row, ...]:
    """A row a name: in the order given, else the most frequent first."""
    groups: Mapping[str, list[Hazard]] = defaultdict(list)
    for hazard in hazards:
        groups[str(name(hazard))].append(hazard)
    rows = [
        Row(each, _figure(h for h in group if period.holds(h.opened_at)), _figure(h for h in group if h.open))
        for each, group in groups.items()
    ]
    if order:
        return tuple(sorted(rows, key=lambda row: [str(each) for each in order].index(row.name)))
    return tuple(sorted(rows, key=lambda row: (-row.opened.count, -row.open.count, row.name)))


def _times(hazards: Sequence[Hazard], taken: Callable[[Hazard], float | None]) -> tuple[Times, ...]:
    """One line for all, then one a level that has any."""
    lines = []
    for level in (None, *Level):
        measured = {
            hazard.hazard_id: seconds
            for hazard in hazards
            if level in (None, hazard.level) and (seconds := taken(hazard)) is not None
        }
        if measured or level is None:
            values = list(measured.values())
            middle, longest = (median(values), max(values)) if values else (None, None)
            lines.append(Times(level, len(values), middle, longest, tuple(sorted(measured))))
    return tuple(lines)


def _seconds(start: datetime, end: datetime | None) -> float | None:
    return None if end is None else (end - start).total_seconds()


def _confirmed_s(stop: Stop) -> float | None:
    times = list((stop.confirmations or {}).values())
    confirmed = [at for at in times if at is not None]
    return (max(confirmed) - stop.requested_at).total_seconds() if confirmed and len(confirmed) == len(times) else None


# --- Cameras ----------------------------------------------------------------------------------------------------------


def _coverage(signs: Sequence[CameraSign], hazards: Sequence[Hazard], period: Period) -> tuple[Coverage, ...]:
    by_camera: Mapping[str, list[CameraSign]] = defaultdict(list)
    for sign in signs:
        by_camera[sign.camera_id].append(sign)
    return tuple(
        Coverage(camera, *_seen(said, period), _figure(h for h in hazards if h.camera_id == camera).hazards)
        for camera, said in sorted(by_camera.items())
    )


def _seen(signs: Sequence[CameraSign], period: Period) -> tuple[float, float, float]:
    """Seconds live, blind, and unknown: each sign speaks until the next, or until it is lost."""
    spent = {True: 0.0, False: 0.0}
    for sign, until in _spans(signs, period.end):
        start, end = max(sign.at, period.start), min(until, period.end)
        spent[sign.state == "live"] += max(0.0, (end - start).total_seconds())
    whole_s = (period.end - period.start).total_seconds()
    return spent[True], spent[False], max(0.0, whole_s - sum(spent.values()))


def _spans(signs: Sequence[CameraSign], end: datetime) -> Iterator[tuple[CameraSign, datetime]]:
    for sign, after in pairwise(signs):
        yield sign, min(after.at, sign.at + SIGN_LOST)
    if signs:
        yield signs[-1], min(end, signs[-1].at + SIGN_LOST)


def _assumptions(signs: Sequence[CameraSign]) -> Iterator[Reason]:
    yield Reason("Hazards count as they stood at the end of the period.", "隐患状态以报告期结束时为准。")
    if not signs:
        yield Reason("Nothing is known of the cameras: no watcher reported.", "未收到摄像头监视记录，覆盖情况未知。")
