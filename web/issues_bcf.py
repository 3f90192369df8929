"""Issues as BCF topics and back (bim.bcf)."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from bim.bcf import Bcf, Comment, Component, Topic, Viewpoint
from web.files import Files
from web.tables import Issue, Photo

NAMESPACE = uuid.UUID("6f1d8a52-51f6-4c8b-9a26-8f8d3c0f6a3b")
STATES = {"open": "Open", "in_progress": "In Progress", "resolved": "Resolved", "closed": "Closed"}
PRIORITIES = ("low", "normal", "high", "critical")


def guid_of(ref: str) -> str:
    """The BCF GUID of an issue: the same for the same id."""
    return str(uuid.uuid5(NAMESPACE, ref))


def bcf_of(project: str, rows: Sequence[Issue], photos: Mapping[str, Photo], files: Files) -> Bcf:
    """The issues as one BCF project, each with its elements and pictures as viewpoints."""
    return Bcf(tuple(_topic(row, photos, files) for row in rows), project_name=project)


def issues_of(archive: Bcf) -> Iterator[tuple[dict[str, Any], str]]:
    """Body and state of each topic. Who made it, and when, is kept in the words of the file."""
    for topic in archive.topics:
        elements = [c.ifc_guid for view in topic.viewpoints for c in view.selection if c.ifc_guid]
        body = {
            "title": topic.title[:200] or "Issue",
            "description": topic.description[:20_000],
            "type": topic.type[:200] or "Issue",
            "priority": topic.priority.lower() if topic.priority.lower() in PRIORITIES else "normal",
            "assigned_to": topic.assigned_to or None,
            "due_date": topic.due_date.date().isoformat() if topic.due_date else None,
            "element_ids": list(dict.fromkeys(elements))[:10_000],
            "labels": [label[:200] for label in topic.labels[:50] if label],
            "author": topic.creation_author,
            "bcf_guid": topic.guid,
            "comments": [_said(comment) for comment in topic.comments],
        }
        yield body, _state(topic.status)


def _topic(row: Issue, photos: Mapping[str, Photo], files: Files) -> Topic:
    body = row.body
    views = [_view(row, photo, files) for ref in body.get("photo_ids", ()) if (photo := photos.get(ref))]
    if body["element_ids"] and not views:
        views = [Viewpoint(guid_of(f"{row.id} view"), selection=_selection(row))]
    return Topic(
        guid=body["bcf_guid"],
        title=body["title"],
        type=body["type"],
        status=STATES[row.state],
        creation_date=row.created_at,
        creation_author=body["author"],
        priority=body["priority"],
        labels=tuple(body["labels"]),
        modified_date=row.updated_at,
        modified_author=body["author"],
        due_date=_evening(body.get("due_date")),
        assigned_to=body.get("assigned_to") or "",
        description=body["description"],
        comments=tuple(_comment(each) for each in body["comments"]),
        viewpoints=tuple(views),
    )


def _view(row: Issue, photo: Photo, files: Files) -> Viewpoint:
    shown = files.read(photo.sha256) if photo.media_type in ("image/jpeg", "image/png") else None
    return Viewpoint(guid_of(f"{row.id} {photo.id}"), selection=_selection(row), snapshot=shown)


def _selection(row: Issue) -> tuple[Component, ...]:
    return tuple(Component(ifc_guid=each) for each in row.body["element_ids"])


def _comment(said: Mapping[str, Any]) -> Comment:
    return Comment(guid_of(said["comment_id"]), datetime.fromisoformat(said["at"]), said["author"], said["text"])


def _said(comment: Comment) -> dict[str, Any]:
    at = comment.date if comment.date.tzinfo else comment.date.replace(tzinfo=UTC)
    return {"comment_id": comment.guid, "at": at.isoformat(), "author": comment.author, "text": comment.text}


def _state(status: str) -> str:
    words = status.strip().lower().replace(" ", "_")
    known = {"active": "open", "assigned": "in_progress", "done": "resolved", "fixed": "resolved"}
    return words if words in STATES else known.get(words, "open")


def _evening(day: str | None) -> datetime | None:
    return datetime.combine(date.fromisoformat(day), time(18), UTC) if day else None
