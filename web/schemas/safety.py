"""Zones, cameras and hazards."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints

from site_safety.hazards import Deed, HazardState, Level, Source
from web.schemas.wire import Id, Ids, Metres, Name, Number, Out, Point, Point2, Span, Stored, Text, Wire, Words


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
    reason: Words | None = None
    """Why it is not live."""
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


class KeptCalibration(Stored, CameraCalibration, CameraMarks):
    """The calibration that is kept of a camera, with the marks that it comes from."""

    model_config = ConfigDict(extra="ignore", from_attributes=True)

    camera_id: str


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
