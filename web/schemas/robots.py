"""Robots, their tasks, and stops."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, ConfigDict, Field

from web.schemas.wire import Id, Ids, Metres, Name, Number, Point, Share, Text, Wire, Words


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
    kind: Literal["layout", "drill", "scan", "inspect", "transport", "rework", "brick", "print", "charge", "move"]
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
