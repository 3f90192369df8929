"""What goes over the wire: snake_case, SI units, aware UTC times. Unknown keys are refused."""

import datetime as dt
from datetime import date, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from bim.trades import Trade
from bim.verdict import State
from site_safety.hazards import Deed, HazardState, Level, Source
from web.identifiers import ID_PATTERN
from web.security import MIN_PASSWORD, Capability, Role

T = TypeVar("T")


def _storable(text: str) -> str:
    """No database keeps NUL or half a surrogate pair."""
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError("text with a NUL or half a surrogate pair")
    return text


_STORABLE = AfterValidator(_storable)
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True), _STORABLE]
Text = Annotated[str, StringConstraints(max_length=20_000), _STORABLE]
Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
Ids = Annotated[list[Id], Field(max_length=10_000)]
Email = Annotated[str, StringConstraints(pattern=r"^[^@\s]{1,64}@[^@\s]{1,190}$", to_lower=True), _STORABLE]
Password = Annotated[str, StringConstraints(min_length=MIN_PASSWORD, max_length=200), _STORABLE]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Language = Literal["en", "zh"]
Metres = Annotated[float, Field(ge=-1e7, le=1e7, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Number = Annotated[float, Field(ge=-1e12, le=1e12, allow_inf_nan=False)]
Point = tuple[Metres, Metres, Metres]
Point2 = tuple[Metres, Metres]


class Wire(BaseModel):
    """The base of everything on the wire."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)


class Out(Wire):
    """What the server says; it may say more one day."""

    model_config = ConfigDict(extra="ignore", from_attributes=True)


class Page(Out, Generic[T]):
    """Part of a list. `next` goes into `cursor` for the following part; null at the end."""

    items: list[T]
    next: str | None = None


class Words(Wire):
    """The same in both languages."""

    en: Text
    zh: Text


class Stored(Out):
    """What every stored thing says of itself. Send `version` back as If-Match to notice others' changes."""

    version: int
    created_at: datetime
    updated_at: datetime
    created_by: str | None = None


# --- People and signing in --------------------------------------------------------------------------------------------


class PersonOut(Out):
    """A person."""

    person_id: str
    name: str
    email: str
    language: Language
    is_admin: bool
    is_active: bool


class SiteAccess(Out):
    """A site and what the caller may do there."""

    site_id: str
    name: str
    time_zone: str
    roles: list[Role]
    capabilities: list[Capability]


class SignedIn(Out):
    """Who is signed in. `csrf` goes into the header X-CSRF-Token of every request that changes something."""

    person: PersonOut
    sites: list[SiteAccess]
    csrf: str


class Setup(Out):
    """How one can sign in here."""

    needs_administrator: bool
    oidc: bool


class FirstRun(Wire):
    """The first administrator, by the secret of the link that the server printed."""

    secret: Annotated[str, StringConstraints(max_length=200), _STORABLE]
    name: Name
    email: Email
    password: Password
    language: Language = "en"


class Credentials(Wire):
    """A password sign-in."""

    email: Email
    password: Annotated[str, StringConstraints(min_length=1, max_length=200), _STORABLE]


class LinkIn(Wire):
    """A one-time link; with a password where one is to be set."""

    secret: Annotated[str, StringConstraints(max_length=200), _STORABLE]
    password: Password | None = None


class PasswordChange(Wire):
    """A new password; the old one proves who asks."""

    old: Annotated[str, StringConstraints(max_length=200), _STORABLE]
    new: Password


class PersonIn(Wire):
    """A new person."""

    name: Name
    email: Email
    language: Language = "en"
    is_admin: bool = False


class PersonChange(Wire):
    """What may change of a person; what is left out stays."""

    name: Name | None = None
    language: Language | None = None
    is_admin: bool | None = None
    is_active: bool | None = None


class LinkOut(Out):
    """A one-time link to give to its person. It is shown once."""

    path: str
    expires_at: datetime


class MemberIn(Wire):
    """Roles of a person on a site."""

    roles: Annotated[list[Role], Field(min_length=1, max_length=6)]


class MemberOut(Out):
    """A person on a site."""

    person_id: str
    name: str
    email: str
    roles: list[Role]


class TokenIn(Wire):
    """A new API token."""

    name: Name
    site_id: Id | None = None
    scopes: Annotated[list[Capability], Field(min_length=1, max_length=20)]
    expires_at: AwareDatetime | None = None


class TokenOut(Out):
    """An API token, without its secret."""

    token_id: str
    name: str
    site_id: str | None
    scopes: list[Capability]
    created_at: datetime
    expires_at: datetime | None


class NewToken(TokenOut):
    """A token with its secret, which is shown once."""

    token: str


class SiteIn(Wire):
    """A new site."""

    name: Name
    address: Text = ""
    time_zone: Name = "UTC"


class SiteChange(Wire):
    """What may change of a site."""

    name: Name | None = None
    address: Text | None = None
    time_zone: Name | None = None
    is_archived: bool | None = None


class SiteOut(Out):
    """A site."""

    site_id: str
    name: str
    address: str
    time_zone: str
    is_archived: bool
    version: int
    created_at: datetime


class AuditOut(Out):
    """One change."""

    audit_id: int
    at: datetime
    actor: str
    actor_name: str
    verb: str
    kind: str
    ref: str
    changes: dict[str, Any]


# --- Files, models, scans, comparisons --------------------------------------------------------------------------------


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
    discipline: Annotated[str, StringConstraints(max_length=60), _STORABLE] = ""
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


# --- Issues and photos ------------------------------------------------------------------------------------------------

IssueState = Literal["open", "in_progress", "resolved", "closed"]


class CommentIn(Wire):
    """Something to say about an issue."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=20_000), _STORABLE]
    comment_id: Id | None = None


class CommentOut(Out):
    """What someone said."""

    comment_id: str
    at: datetime
    author: str
    text: str


class IssueFields(Wire):
    """What an issue says."""

    title: Name
    description: Text = ""
    type: Name = "Issue"
    priority: Literal["low", "normal", "high", "critical"] = "normal"
    assigned_to: Text | None = None
    due_date: date | None = None
    element_ids: Ids = []
    storey: Text = ""
    place_m: Point | None = None
    labels: Annotated[list[Name], Field(max_length=50)] = []
    photo_ids: Ids = []
    hazard_id: Id | None = None


class IssueIn(IssueFields):
    """A new issue. A device that was offline names it itself."""

    issue_id: Id | None = None


class IssueChange(Wire):
    """What may change of an issue; what is left out stays."""

    title: Name | None = None
    description: Text | None = None
    type: Name | None = None
    state: IssueState | None = None
    priority: Literal["low", "normal", "high", "critical"] | None = None
    assigned_to: Text | None = None
    due_date: date | None = None
    element_ids: Ids | None = None
    storey: Text | None = None
    place_m: Point | None = None
    labels: Annotated[list[Name], Field(max_length=50)] | None = None
    photo_ids: Ids | None = None


class IssueOut(Stored, IssueFields):
    """An issue."""

    model_config = ConfigDict(extra="ignore", from_attributes=True)

    issue_id: str
    number: int
    state: IssueState
    author: str
    bcf_guid: str
    comments: list[CommentOut]


class ImportedIssues(Out):
    """What an import of BCF brought."""

    created: int
    updated: int
    assumptions: list[str]


class Mark(Wire):
    """A mark on a photo, in shares of its width and height."""

    shape: Literal["arrow", "box", "ellipse", "line", "text", "pen"]
    points: Annotated[list[tuple[Share, Share]], Field(min_length=1, max_length=2000)]
    text: Text = ""
    colour: Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")] = "#d00000"


class PhotoChange(Wire):
    """What may change of a photo."""

    caption: Text | None = None
    element_ids: Ids | None = None
    storey: Text | None = None
    place_m: Point | None = None
    marks: Annotated[list[Mark], Field(max_length=200)] | None = None


class PhotoOut(Stored):
    """A photo; its file is at /file."""

    photo_id: str
    sha256: str
    media_type: str
    taken_at: datetime
    author: str
    caption: str
    element_ids: list[str]
    storey: str
    place_m: Point | None
    marks: list[Mark]


# --- Robots -----------------------------------------------------------------------------------------------------------


class RobotState(Wire):
    """A robot as it reports itself."""

    robot_id: Id
    name: Name
    kind: Name
    adapter: Text = ""
    mode: Literal["idle", "busy", "paused", "stopped", "charging", "offline", "fault"]
    position_m: Point
    heading_rad: Number
    storey: Text = ""
    battery: Share | None = None
    task_id: Id | None = None
    speed_m_s: Number = 0.0
    zones: Ids = []
    stop_confirmed: bool = False
    errors: Annotated[list[Words], Field(max_length=100)] = []
    at: AwareDatetime


TaskState = Literal["proposed", "approved", "queued", "assigned", "running", "paused", "done", "failed", "cancelled",
                    "quarantined"]  # fmt: skip


class TaskMoment(Wire):
    """A change of a task's state."""

    at: AwareDatetime
    state: TaskState
    reason: Words


class RobotTaskIn(Wire):
    """A robot's task as the orchestrator reports it."""

    task_id: Id
    kind: Literal["layout", "drill", "scan", "inspect", "transport", "rework", "brick", "print"]
    state: TaskState
    title: Words
    element_ids: Ids = []
    storey: Text = ""
    robot_id: Id | None = None
    waits_for: Words | None = None
    tolerance_m: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] | None = None
    targets_m: Annotated[list[tuple[Metres, Metres, Metres, Number]], Field(max_length=10_000)] = []
    tool: Text = ""
    permits: Annotated[list[Text], Field(max_length=100)] = []
    progress: Share = 0.0
    history: Annotated[list[TaskMoment], Field(max_length=1000)] = []


class RobotTaskOut(RobotTaskIn):
    """A robot's task. `asked` is a command that the orchestrator has not confirmed yet."""

    model_config = ConfigDict(extra="ignore", from_attributes=True)

    version: int
    updated_at: datetime
    asked: Literal["approved", "cancelled", "paused", "resumed"] | None = None
    asked_by: str | None = None


class TaskCommand(Wire):
    """Why a person says so."""

    reason: Words | None = None


class StopIn(Wire):
    """A request to stop."""

    scope: Literal["site", "zone", "robot"]
    ref: Id | None = None
    reason: Words
    stop_id: Id | None = None


class StopReport(Wire):
    """A stop as the orchestrator reports it: who confirmed, and whether it had to escalate."""

    scope: Literal["site", "zone", "robot"]
    ref: Id | None = None
    reason: Words
    requested_by: Text
    requested_at: AwareDatetime
    confirmations: Annotated[dict[Id, AwareDatetime | None], Field(max_length=10_000)] = {}
    escalated: bool = False


class StopOut(StopReport):
    """A stop. It holds until a person releases it."""

    model_config = ConfigDict(extra="ignore", from_attributes=True)

    stop_id: str
    released_by: str | None
    released_at: datetime | None
    version: int


# --- Safety -----------------------------------------------------------------------------------------------------------


class Span(Wire):
    """From when to when; null is open."""

    from_: Annotated[AwareDatetime | None, Field(alias="from")] = None
    to: AwareDatetime | None = None

    model_config = ConfigDict(extra="forbid", from_attributes=True, populate_by_name=True, serialize_by_alias=True)


class ZoneIn(Wire):
    """A zone."""

    name: Name
    kind: Literal["robot", "keep_out", "crane", "edge", "excavation", "closed", "fire_lane", "escape"]
    storey: Text = ""
    polygon_m: Annotated[list[Point2], Field(min_length=3, max_length=1000)]
    low_m: Metres = 0.0
    high_m: Metres = 3.0
    robots: Ids = []
    valid: Span | None = None


class ZoneOut(Stored, ZoneIn):
    """A zone."""

    model_config = ConfigDict(extra="ignore", from_attributes=True)

    zone_id: str


class Calibration(Wire):
    """How well a camera's place is known."""

    residual_px: Number
    error_m: Number


class CameraState(Wire):
    """A camera as the watch reports it."""

    camera_id: Id
    name: Name
    storey: Text = ""
    state: Literal["live", "stale", "frozen", "dark", "moved", "lost"]
    frame_age_s: Number | None = None
    calibration: Calibration | None = None
    at: AwareDatetime


class CameraMark(Wire):
    """A point seen in a camera's picture and picked in the model."""

    picture_px: Point2
    site_m: Point


class CameraMarks(Wire):
    """What places a camera: the size of the picture in pixels, its marks, and the grounds that it sees."""

    width_px: Annotated[int, Field(ge=64, le=16384)]
    height_px: Annotated[int, Field(ge=64, le=16384)]
    marks: Annotated[list[CameraMark], Field(max_length=100)]
    storeys: Annotated[dict[Name, Metres], Field(min_length=1, max_length=100)]
    """Elevation of each ground."""


class GroundErrorOut(Out):
    """What a pixel on the ground means: where it is, how far from the camera, and its standard error."""

    picture_px: Point2
    position_m: Point
    distance_m: float
    sigma_m: float


class CameraCalibration(Out):
    """Where a camera stands; as a file it is what `sitewright calibrate` writes and `sitewright watch` reads."""

    calibration: dict[str, Any]
    T_site_camera: list[list[float]]
    homography: dict[str, list[list[float]]]
    error_map: dict[str, list[GroundErrorOut]]
    residual_px: float
    marks_off_px: list[float]
    """How far each mark lies from where the calibration puts it."""


class EvidenceRef(Wire):
    """Something that shows a hazard: a stored file by its hash, or a reference such as `comparison/12#GUID`."""

    kind: Literal["clip", "photo", "verdict", "reading"]
    sha256: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64})?$")] = ""
    file: Text = ""


class HazardStep(Wire):
    """An entry of a hazard's history."""

    at: AwareDatetime
    by: Text
    deed: Deed
    state: HazardState
    note: Text = ""


class HazardSubject(Wire):
    """What a hazard is about."""

    rule: Name = "person"
    level: Level
    text: Words
    storey: Text | None = None
    zone_id: Id | None = None
    place_m: Point | None = None
    element_ids: Ids = []
    robot_ids: Ids = []
    camera_id: Id | None = None


class HazardIn(HazardSubject):
    """A hazard that a person reports. A device that was offline names it itself, and says when it was seen."""

    hazard_id: Id | None = None
    at: AwareDatetime | None = None
    due_at: AwareDatetime | None = None
    photo_ids: Ids = []


class HazardReport(HazardSubject):
    """A hazard as the watch or the orchestrator keeps it."""

    source: Source
    state: HazardState = HazardState.REGISTERED
    key: Text = ""
    opened_by: Text = "watch"
    opened_at: AwareDatetime
    due_at: AwareDatetime
    seen_at: AwareDatetime
    cleared_at: AwareDatetime | None = None
    acknowledged_at: AwareDatetime | None = None
    closed_at: AwareDatetime | None = None
    assigned_to: Text | None = None
    rectified_by: Text | None = None
    review: Literal["true", "false", "cannot_tell"] | None = None
    stop_work: bool = False
    escalations: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    history: Annotated[list[HazardStep], Field(max_length=10_000)] = []
    evidence: Annotated[list[EvidenceRef], Field(max_length=1000)] = []


class HazardDeed(Wire):
    """What someone does with a hazard (site_safety/hazards.py says what may follow what)."""

    deed: Literal["acknowledge", "review", "assign", "start", "submit", "close", "return", "add_evidence", "stop_work"]
    note: Text = ""
    to: Text | None = None
    due_at: AwareDatetime | None = None
    review: Literal["true", "false", "cannot_tell"] | None = None
    photo_ids: Ids = []


class HazardOut(Stored, HazardReport):
    """A hazard. `possible` is what the caller may do with it now."""

    model_config = ConfigDict(extra="ignore", from_attributes=True)

    hazard_id: str
    is_overdue: bool
    possible: list[Deed]


# --- Day and reports --------------------------------------------------------------------------------------------------


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


# --- Webhooks, exports ------------------------------------------------------------------------------------------------


class WebhookIn(Wire):
    """An address to be told of events: names such as `hazard.updated`, or all that begin alike: `hazard.`"""

    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s]{1,2000}$"), _STORABLE]
    events: Annotated[list[Annotated[str, StringConstraints(pattern=r"^[a-z_]+\.[a-z_]*$")]],
                      Field(min_length=1, max_length=50)]  # fmt: skip
    is_active: bool = True


class WebhookOut(Stored):
    """A webhook."""

    webhook_id: str
    url: str
    events: list[str]
    is_active: bool


class NewWebhook(WebhookOut):
    """A webhook with the key that signs what it is sent, which is shown once."""

    key: str


class ImportIn(Wire):
    """An archive that was uploaded to a site of this server."""

    site_id: Id
    upload_id: Id
