"""Uploads, models, scans, comparisons, schedules and progress."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from bim.trades import Trade
from bim.verdict import State
from web.schemas.wire import STORABLE, Id, Name, Number, Out, Stored, Wire, Words


class UploadOut(Out):
    """A file on its way (tus 1.0). Complete when `offset` is `length`; then it can be used."""

    upload_id: str
    filename: str
    length: int
    offset: int
    sha256: str | None
    created_at: datetime


class ModelIn(Wire):
    """A new model from an upload."""

    name: Name
    discipline: Annotated[str, StringConstraints(max_length=60), STORABLE] = ""
    upload_id: Id


class VersionIn(Wire):
    """A new version of a model."""

    upload_id: Id


class StoreyOut(Out):
    """A level of the building."""

    global_id: str
    name: str
    elevation_m: float


class VersionOut(Stored):
    """A version of a model. It can be compared with when `state` is ready."""

    version_id: str
    model_id: str
    number: int
    filename: str
    sha256: str
    size: int
    state: Literal["reading", "ready", "failed"]
    ifc_schema: str
    elements: int
    storeys: list[StoreyOut]
    assumptions: list[str]
    error: Words | None


class ModelOut(Stored):
    """A model with its current version."""

    model_id: str
    name: str
    discipline: str
    current: VersionOut | None
    newest: VersionOut


class ScanIn(Wire):
    """A new scan from an upload; `stations_upload_id` is a CSV of scanner origins."""

    name: Name
    upload_id: Id
    taken_at: AwareDatetime
    stations_upload_id: Id | None = None
    unit_m: Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)] | None = None


class ScanOut(Stored):
    """A scan."""

    scan_id: str
    name: str
    filename: str
    sha256: str
    size: int
    taken_at: datetime
    stations_sha256: str | None
    unit_m: float | None


class PackOut(Out):
    """A storey pack: what a viewer needs of a building."""

    pack_id: str
    version_ids: list[str]
    made_at: datetime
    size: int
    """Bytes that fetching all of it costs."""
    files: list[str]


class JobOut(Out):
    """Work that a worker does."""

    job_id: str
    task: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    share: float
    step: str
    attempts: int
    error: Words | None
    result: dict[str, Any] | None
    created_at: datetime
    finished_at: datetime | None


class ComparisonIn(Wire):
    """What to compare; without `model_ids` every model of the site in its current version."""

    name: Name | None = None
    scan_ids: Annotated[list[Id], Field(min_length=1, max_length=50)]
    model_ids: Annotated[list[Id], Field(min_length=1, max_length=50)] | None = None
    tolerance_m: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.015
    T_site_scan: Annotated[list[Annotated[list[Number], Field(min_length=4, max_length=4)]],
                           Field(min_length=4, max_length=4)] | None = None  # fmt: skip


class ComparisonOut(Stored):
    """A comparison, its job and what came of it."""

    comparison_id: str
    name: str
    at: datetime
    scan_ids: list[str]
    version_ids: list[str]
    tolerance_m: float
    job: JobOut
    is_done: bool
    registration: dict[str, Any] | None
    totals: dict[str, Any] | None
    assumptions: list[str]
    files: list[Literal["json", "html", "bcf", "glb", "ifc"]]


class VerdictOut(Out):
    """What one comparison says of one element."""

    comparison_id: str
    global_id: str
    state: State
    completion: float | None
    completion_low: float
    completion_high: float
    observable: float
    confidence: float
    evidence: dict[str, int]
    deviation: dict[str, Any] | None
    reason: Words


class CurrentOut(Out):
    """What is known of one element now; null where no comparison saw it."""

    state: State
    completion_low: float
    completion_high: float
    confidence: float
    translation_m: list[float] | None
    sigma_m: float | None
    comparison_id: str
    proved_at: datetime | None
    looked_at: datetime | None


class ElementOut(Out):
    """An element of a current model and what is known of it."""

    global_id: str
    model_id: str
    version_id: str
    ifc_class: str
    trade: Trade
    name: str
    storey: str
    system: str | None
    area_m2: float
    volume_m3: float
    verdict: CurrentOut | None


class Mentioned(Out):
    """A document that speaks of an element."""

    kind: str
    ref: str


class ElementDetail(ElementOut):
    """An element with its history and everything that speaks of it."""

    history: list[VerdictOut]
    mentions: list[Mentioned]
    tasks: list[str]


class EpochOut(Out):
    """A comparison's place in time."""

    comparison_id: str
    name: str
    at: datetime
    counts: dict[str, int]


class ChangeOut(Out):
    """What became of an element between two times."""

    global_id: str
    happened: Literal["built", "found", "grew", "moved", "taken_down"]
    after: datetime | None
    by: datetime
    confidence: float
    shift_m: float | None


class ScheduleIn(Wire):
    """A new schedule from an upload; the newest counts."""

    name: Name
    upload_id: Id


class ScheduleOut(Stored):
    """A schedule."""

    schedule_id: str
    name: str
    filename: str
    sha256: str
    size: int
    state: Literal["reading", "ready", "failed"]
    format: str
    tasks: int
    problems: list[Words]
    error: Words | None


class ProgressOut(Out):
    """Progress on one day. `document` is that of `sitewright progress --json`."""

    progress_id: str
    schedule_id: str
    date: date
    summary: dict[str, Any]
    document: dict[str, Any]


class ProgressRow(Out):
    """Progress on one day, in short."""

    progress_id: str
    schedule_id: str
    date: date
    summary: dict[str, Any]


class ProgressIn(Wire):
    """The day to report."""

    date: date
