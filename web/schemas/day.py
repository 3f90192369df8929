"""A day's diary, the first screen and reports."""

import datetime as dt
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from web.schemas.wire import Name, Out, Span, Stored, Text, Wire, Words


class Crew(Wire):
    """People of one trade on one day."""

    trade: Name
    company: Text = ""
    count: Annotated[int, Field(ge=0, le=100_000)]


class Weather(Wire):
    """Weather of a day, as someone saw it."""

    sky: Literal["sun", "cloud", "rain", "snow", "storm", "fog"]
    temperature_c: Annotated[float, Field(ge=-80, le=70)] | None = None
    wind_m_s: Annotated[float, Field(ge=0, le=150)] | None = None
    rain_mm: Annotated[float, Field(ge=0, le=3000)] | None = None


class DiaryIn(Wire):
    """A day on site."""

    weather: Weather | None = None
    crews: Annotated[list[Crew], Field(max_length=500)] = []
    note: Text = ""


class DiaryOut(Stored, DiaryIn):
    """A day on site."""

    model_config = ConfigDict(extra="ignore", from_attributes=True)

    date: date


class Action(Out):
    """Something that someone should do today, most urgent first."""

    kind: Literal["hazard", "issue", "robot_task", "task", "stop", "scan"]
    ref: str
    text: Words
    due: datetime | None


class Today(Out):
    """The first screen: everything that a site manager asks in the morning."""

    date: dt.date
    progress: dict[str, Any] | None
    progress_date: dt.date | None
    days_late: float | None
    counts: dict[str, int]
    elements: int
    last_scan_at: datetime | None
    hazards: dict[str, int]
    issues_open: int
    issues_overdue: int
    stops_active: int
    robots: dict[str, int]
    cameras: dict[str, int]
    diary: DiaryOut | None
    actions: list[Action]


class ReportOut(Stored):
    """A report; its file is at /file."""

    report_id: str
    kind: str
    title: Words
    sha256: str
    media_type: str
    period: Span | None
