"""Issues and photos."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from web.schemas.wire import STORABLE, Id, Ids, Name, Out, Point, Share, Stored, Text, Wire

IssueState = Literal["open", "in_progress", "resolved", "closed"]


class CommentIn(Wire):
    """Something to say about an issue."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=20_000), STORABLE]
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
