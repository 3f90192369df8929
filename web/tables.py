"""What is stored, a class a table. Everything of a site carries its `site_id` first in its key.

    Person ── Membership ── Site ── Model ── ModelVersion ── Element
      │                       ├── Scan, Schedule, Upload
      ├── SignIn, Link        ├── Comparison ── ElementVerdict ──► Current (what all comparisons say together)
      └── ApiToken            ├── ProgressRecord
                              ├── Document: Issue, Photo, Zone, Camera, Calibration, Hazard, Robot, RobotTask, Stop,
                              │   Diary, Report
                              └── Job, Webhook, Event, Audit

Documents are JSON whose shape `schemas/` fixes; a row has what is searched by as columns of its own. A `version`
grows with every change: two people who change the same thing are told, neither is overwritten.
"""

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Index, Integer
from sqlmodel import Field, SQLModel

from web.columns import Json, UtcTime
from web.identifiers import new_id

Document = dict[str, Any]
BigId = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts up by itself only for plain INTEGER keys."""


def now() -> datetime:
    """The time, aware, in UTC."""
    return datetime.now(UTC)


class Row(SQLModel):
    """What every table has. `kind` names the resource in events and in the audit trail."""

    kind: ClassVar[str] = ""
    audited: ClassVar[bool] = True
    secret: ClassVar[frozenset[str]] = frozenset()
    """Columns that are written to no trail."""


class SiteRow(Row):
    """A row of one site."""

    site_id: str = Field(primary_key=True, foreign_key="site.id", ondelete="CASCADE")
    id: str = Field(primary_key=True, default_factory=new_id)
    version: int = 1
    created_at: datetime = Field(default_factory=now, sa_type=UtcTime)
    updated_at: datetime = Field(default_factory=now, sa_type=UtcTime)
    created_by: str | None = None
    """Person or token."""


# --- People -----------------------------------------------------------------------------------------------------------


class Person(Row, table=True):
    """Someone who signs in. Without a password hash only by link or by OIDC."""

    kind: ClassVar[str] = "person"
    secret: ClassVar[frozenset[str]] = frozenset({"password_hash", "failed_sign_ins", "locked_until"})

    id: str = Field(primary_key=True, default_factory=new_id)
    name: str
    email: str = Field(unique=True)
    """In lower case."""
    language: str = "en"
    is_admin: bool = False
    is_active: bool = True
    password_hash: str | None = None
    oidc_subject: str | None = Field(default=None, unique=True)
    failed_sign_ins: int = 0
    locked_until: datetime | None = Field(default=None, sa_type=UtcTime)
    created_at: datetime = Field(default_factory=now, sa_type=UtcTime)


class Site(Row, table=True):
    """A building site."""

    kind: ClassVar[str] = "site"

    id: str = Field(primary_key=True, default_factory=new_id)
    name: str
    address: str = ""
    time_zone: str = "UTC"
    is_archived: bool = False
    version: int = 1
    created_at: datetime = Field(default_factory=now, sa_type=UtcTime)
    updated_at: datetime = Field(default_factory=now, sa_type=UtcTime)


class Membership(Row, table=True):
    """What a person may do on a site."""

    kind: ClassVar[str] = "membership"

    site_id: str = Field(primary_key=True, foreign_key="site.id", ondelete="CASCADE")
    person_id: str = Field(primary_key=True, foreign_key="person.id", ondelete="CASCADE", index=True)
    roles: list[str] = Field(sa_type=Json)


class SignIn(Row, table=True):
    """A session of the browser; its cookie's secret is kept as a hash."""

    __tablename__ = "sign_in"
    audited: ClassVar[bool] = False

    id: str = Field(primary_key=True)
    person_id: str = Field(foreign_key="person.id", ondelete="CASCADE", index=True)
    created_at: datetime = Field(default_factory=now, sa_type=UtcTime)
    expires_at: datetime = Field(sa_type=UtcTime)
    device: str = ""


class Link(Row, table=True):
    """A link that signs one person in, once: the first administrator, an invitation, a forgotten password."""

    audited: ClassVar[bool] = False

    id: str = Field(primary_key=True)
    """SHA-256 of the link's secret."""
    person_id: str | None = Field(default=None, foreign_key="person.id", ondelete="CASCADE")
    """None makes the first administrator."""
    expires_at: datetime = Field(sa_type=UtcTime)


class ApiToken(Row, table=True):
    """A key for programs; its secret is kept as a hash."""

    __tablename__ = "api_token"
    kind: ClassVar[str] = "token"
    secret: ClassVar[frozenset[str]] = frozenset({"secret_hash"})

    id: str = Field(primary_key=True, default_factory=new_id)
    secret_hash: str
    name: str
    person_id: str = Field(foreign_key="person.id", ondelete="CASCADE", index=True)
    site_id: str | None = Field(default=None, foreign_key="site.id", ondelete="CASCADE")
    """None: every site of its person."""
    scopes: list[str] = Field(sa_type=Json)
    created_at: datetime = Field(default_factory=now, sa_type=UtcTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcTime)


# --- What happened ----------------------------------------------------------------------------------------------------


class Audit(Row, table=True):
    """One change: who, when, what, from what to what. Never changed, never removed by the server."""

    __table_args__ = (Index("audit_of_site", "site_id", "id"),)
    audited: ClassVar[bool] = False

    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    at: datetime = Field(default_factory=now, sa_type=UtcTime)
    site_id: str | None = None
    actor: str
    actor_name: str
    verb: str
    kind_: str = Field(sa_column_kwargs={"name": "kind"})
    ref: str
    changes: Document = Field(sa_type=Json)


class Event(Row, table=True):
    """What the stream tells; ids grow in the order of commits."""

    __table_args__ = (Index("event_of_site", "site_id", "id"),)
    audited: ClassVar[bool] = False

    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    site_id: str = Field(foreign_key="site.id", ondelete="CASCADE")
    at: datetime = Field(default_factory=now, sa_type=UtcTime)
    name: str
    data: Document = Field(sa_type=Json)


class Answer(Row, table=True):
    """What a request with an Idempotency-Key was answered, to answer its repetition alike."""

    audited: ClassVar[bool] = False

    actor: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    fingerprint: str
    """SHA-256 of method, path and body."""
    status: int
    headers: dict[str, str] = Field(sa_type=Json)
    body: bytes
    at: datetime = Field(default_factory=now, sa_type=UtcTime, index=True)


class Job(SiteRow, table=True):
    """Work for a worker. `fence` counts the times that it was taken: only the last taker's result counts."""

    __table_args__ = (Index("job_waiting", "state", "due_at"),)
    kind: ClassVar[str] = "job"
    audited: ClassVar[bool] = False

    task: str
    payload: Document = Field(sa_type=Json)
    state: str = "queued"
    """queued, running, done, failed or cancelled."""
    due_at: datetime = Field(default_factory=now, sa_type=UtcTime)
    attempts: int = 0
    fence: int = 0
    worker: str | None = None
    lease_until: datetime | None = Field(default=None, sa_type=UtcTime)
    cancel_asked: bool = False
    share: float = 0.0
    step: str = ""
    error: Document | None = Field(default=None, sa_type=Json)
    result: Document | None = Field(default=None, sa_type=Json)
    finished_at: datetime | None = Field(default=None, sa_type=UtcTime)


class Webhook(SiteRow, table=True):
    """An address that is told of events."""

    kind: ClassVar[str] = "webhook"
    secret: ClassVar[frozenset[str]] = frozenset({"key"})

    url: str
    events: list[str] = Field(sa_type=Json)
    """Names, or prefixes that end in a dot."""
    key: str
    """Signs what is sent (HMAC-SHA256)."""
    is_active: bool = True


# --- The building and its comparisons ---------------------------------------------------------------------------------


class Upload(SiteRow, table=True):
    """A file on its way. How much has arrived, the file in the uploads folder says by its size."""

    kind: ClassVar[str] = "upload"
    audited: ClassVar[bool] = False

    filename: str
    length: int = Field(sa_type=BigInteger)
    sha256: str | None = None
    """Of the whole, once it is there."""


class Model(SiteRow, table=True):
    """A model of the building: one discipline, in versions."""

    kind: ClassVar[str] = "model"

    name: str
    discipline: str = ""
    current: str | None = None
    """Its newest version that could be read."""


class ModelVersion(SiteRow, table=True):
    """One file of a model."""

    __tablename__ = "model_version"
    kind: ClassVar[str] = "model_version"

    model_id: str = Field(index=True)
    number: int
    filename: str
    sha256: str
    size: int = Field(sa_type=BigInteger)
    state: str = "reading"
    """reading, ready or failed."""
    ifc_schema: str = ""
    elements: int = 0
    storeys: list[Document] = Field(default_factory=list, sa_type=Json)
    assumptions: list[str] = Field(default_factory=list, sa_type=Json)
    error: Document | None = Field(default=None, sa_type=Json)


class ModelElement(Row, table=True):
    """A physical element of one version of a model."""

    __tablename__ = "model_element"
    __table_args__ = (Index("model_element_storey", "site_id", "storey"),)
    audited: ClassVar[bool] = False

    site_id: str = Field(primary_key=True, foreign_key="site.id", ondelete="CASCADE")
    version_id: str = Field(primary_key=True)
    global_id: str = Field(primary_key=True)
    model_id: str
    ifc_class: str
    name: str
    storey: str
    system: str | None = None
    area_m2: float
    volume_m3: float


class Scan(SiteRow, table=True):
    """A point cloud of one day, with its stations where they are known."""

    kind: ClassVar[str] = "scan"

    name: str
    filename: str
    sha256: str
    size: int = Field(sa_type=BigInteger)
    taken_at: datetime = Field(sa_type=UtcTime)
    stations_sha256: str | None = None
    unit_m: float | None = None


class Comparison(SiteRow, table=True):
    """Scans held against models. `job_id` does it; the rest is what came of it."""

    kind: ClassVar[str] = "comparison"

    name: str
    versions: list[str] = Field(sa_type=Json)
    scans: list[str] = Field(sa_type=Json)
    at: datetime = Field(sa_type=UtcTime)
    """When the newest of its scans was taken."""
    tolerance_m: float
    pose: list[list[float]] | None = Field(default=None, sa_type=Json)
    job_id: str
    is_done: bool = False
    registration: Document | None = Field(default=None, sa_type=Json)
    totals: Document | None = Field(default=None, sa_type=Json)
    assumptions: list[str] = Field(default_factory=list, sa_type=Json)
    files: dict[str, str] = Field(default_factory=dict, sa_type=Json)
    """SHA-256 of json, html, bcf, glb and ifc."""


class Judged(Row):
    """What is known of one element."""

    site_id: str = Field(primary_key=True, foreign_key="site.id", ondelete="CASCADE")
    state: str
    completion_low: float
    completion_high: float
    confidence: float
    translation_m: list[float] | None = Field(default=None, sa_type=Json)
    sigma_m: float | None = None


class ElementVerdict(Judged, table=True):
    """What one comparison says of one element."""

    __tablename__ = "element_verdict"
    __table_args__ = (Index("element_verdict_element", "site_id", "global_id"),)
    audited: ClassVar[bool] = False

    comparison_id: str = Field(primary_key=True)
    global_id: str = Field(primary_key=True)
    completion: float | None = None
    observable: float
    evidence: Document = Field(sa_type=Json)
    deviation: Document | None = Field(default=None, sa_type=Json)
    reason: Document = Field(sa_type=Json)


class Current(Judged, table=True):
    """What all comparisons up to now say of one element together (bim.epochs)."""

    audited: ClassVar[bool] = False

    global_id: str = Field(primary_key=True)
    comparison_id: str
    """The one that proved the state last."""
    proved_at: datetime | None = Field(default=None, sa_type=UtcTime)
    looked_at: datetime | None = Field(default=None, sa_type=UtcTime)


class Schedule(SiteRow, table=True):
    """A programme of works, as its file was given."""

    kind: ClassVar[str] = "schedule"

    name: str
    filename: str
    sha256: str
    size: int = Field(sa_type=BigInteger)
    state: str = "reading"
    format: str = ""
    tasks: int = 0
    problems: list[Document] = Field(default_factory=list, sa_type=Json)
    error: Document | None = Field(default=None, sa_type=Json)


class ProgressRecord(SiteRow, table=True):
    """Progress against a schedule on one day."""

    __tablename__ = "progress_record"
    audited: ClassVar[bool] = False

    schedule_id: str = Field(index=True)
    date: str
    """The day, YYYY-MM-DD."""
    summary: Document = Field(sa_type=Json)
    document: Document = Field(sa_type=Json)


class Viewable(SiteRow, table=True):
    """What was made of models (a storey pack) or of a scan (COPC) for the viewer. Its id is that of the job or scan."""

    kind: ClassVar[str] = "viewable"
    audited: ClassVar[bool] = False

    made_of: list[str] = Field(sa_type=Json)
    """Ids of model versions, or of one scan."""
    is_pack: bool
    files: dict[str, str] = Field(sa_type=Json)
    """SHA-256 of what is kept, by name."""
    size: int = Field(sa_type=BigInteger)


# --- Documents --------------------------------------------------------------------------------------------------------


class DocumentRow(SiteRow):
    """A JSON document of a fixed shape."""

    state: str = Field(default="", index=True)
    body: Document = Field(sa_type=Json)


class Issue(DocumentRow, table=True):
    """Something to put right."""

    kind: ClassVar[str] = "issue"


class Photo(DocumentRow, table=True):
    """A picture with its place and marks; the file lies with the others."""

    kind: ClassVar[str] = "photo"

    sha256: str
    media_type: str


class Zone(DocumentRow, table=True):
    """A part of the site with rules of its own."""

    kind: ClassVar[str] = "zone"


class Camera(DocumentRow, table=True):
    """A camera, as the watch reports it."""

    kind: ClassVar[str] = "camera"
    audited: ClassVar[bool] = False


class Calibration(DocumentRow, table=True):
    """Where a camera stands: its marks, and what was found from them. Its id is the camera's."""

    kind: ClassVar[str] = "calibration"


class Hazard(DocumentRow, table=True):
    """A danger and its rectification."""

    kind: ClassVar[str] = "hazard"


class Robot(DocumentRow, table=True):
    """A robot, as the orchestrator reports it."""

    kind: ClassVar[str] = "robot"
    audited: ClassVar[bool] = False


class RobotTask(DocumentRow, table=True):
    """A robot's task."""

    __tablename__ = "robot_task"
    kind: ClassVar[str] = "robot_task"


class Stop(DocumentRow, table=True):
    """A stop that was asked for, and who confirmed it."""

    kind: ClassVar[str] = "stop"


class Diary(DocumentRow, table=True):
    """A day on site: weather and manpower. Its id is the date."""

    kind: ClassVar[str] = "diary"


class Report(DocumentRow, table=True):
    """A report that was written; its file lies with the others."""

    kind: ClassVar[str] = "report"

    sha256: str
    media_type: str


class Mention(Row, table=True):
    """Which documents speak of which element."""

    audited: ClassVar[bool] = False

    site_id: str = Field(primary_key=True, foreign_key="site.id", ondelete="CASCADE")
    global_id: str = Field(primary_key=True)
    what: str = Field(primary_key=True)
    ref: str = Field(primary_key=True)
