"""Issues and photos. What a device made while it was offline carries its own id and arrives exactly once."""

import io
import tempfile
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response
from pydantic import AwareDatetime
from sqlmodel import col, func, select
from starlette.concurrency import run_in_threadpool

from bim.bcf import Bcf, bcf_bytes, read_bcf
from web.access import Access, KnownBeforehand, Raises, Reads
from web.database import in_turn
from web.downloads import file_response
from web.identifiers import new_id
from web.issues_bcf import bcf_of, guid_of, issues_of
from web.pictures import checked_picture
from web.problems import conflict
from web.routes.routers import Cursor, Limit, Ref, site_routes
from web.schemas.issues import (
    CommentIn,
    ImportedIssues,
    IssueChange,
    IssueIn,
    IssueOut,
    IssueState,
    PhotoChange,
    PhotoOut,
)
from web.schemas.wire import Id, Page
from web.server_state import server_of
from web.store import add, check_version, etag, found, mention, page, put, stored
from web.tables import Issue, Photo, Site, now

router = site_routes("issues and photos")


@router.get("/issues")
def list_issues(
    access: Reads, state: IssueState | None = None, cursor: Cursor = None, limit: Limit = 100
) -> Page[IssueOut]:
    """Issues, newest first."""
    return page(access, Issue, issue_out, cursor, limit, [col(Issue.state) == state] if state else [])


@router.post("/issues", status_code=201)
def raise_issue(response: Response, access: Raises, wanted: IssueIn) -> IssueOut:
    """Raise an issue."""
    ref = wanted.issue_id or new_id()
    if wanted.issue_id and access.session.get(Issue, (access.site_id, ref)):
        raise conflict(
            "already-there",
            "an issue with this id exists; read it, then change it",
            "该编号的问题已存在；请先查看再修改",
        )
    body = wanted.model_dump(mode="json", exclude={"issue_id"}) | {
        "number": _next_number(access), "author": access.actor.name, "bcf_guid": guid_of(ref), "comments": [],
    }  # fmt: skip
    row = add(access, Issue, ref, body, "open")
    etag(access.session, response, row)
    return issue_out(row)


@router.get("/issues/export.bcfzip", response_class=Response)
def export_issues(access: Reads) -> Response:
    """All issues as BCF 3.0."""
    site = access.session.get(Site, access.site_id)
    rows = access.session.exec(select(Issue).where(Issue.site_id == access.site_id).order_by(col(Issue.id))).all()
    photos = access.session.exec(select(Photo).where(Photo.site_id == access.site_id)).all()
    archive = bcf_bytes(
        bcf_of(site.name if site else "", rows, {photo.id: photo for photo in photos}, access.server.files)
    )
    headers = {"Content-Disposition": 'attachment; filename="issues.bcfzip"'}
    return Response(archive, media_type="application/zip", headers=headers)


async def _archive_sent(request: Request, _: KnownBeforehand) -> Bcf:
    async with server_of(request).turns.decoding:
        return await run_in_threadpool(_read_archive, request.state.body)


def _read_archive(content: bytes) -> Bcf:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "issues.bcfzip"
        path.write_bytes(content)
        return read_bcf(path)


@router.post("/issues/import", openapi_extra={"requestBody": {"required": True, "content": {
    "application/zip": {"schema": {"type": "string", "format": "binary"}}}}})  # fmt: skip
def import_issues(archive: Annotated[Bcf, Depends(_archive_sent)], access: Raises) -> ImportedIssues:
    """Issues of a BCF archive (2.0, 2.1, 3.0): new ones are added, known ones brought up to date by their GUID."""
    known = {
        row.body["bcf_guid"]: row for row in access.session.exec(select(Issue).where(Issue.site_id == access.site_id))
    }
    number, created = _next_number(access), 0
    for body, state in issues_of(archive):
        row = known.get(body["bcf_guid"])
        if row is None:
            add(access, Issue, new_id(), body | {"number": number + created}, state)
            created += 1
        else:
            put(access, Issue, row.id, row.body | body, state)
    return ImportedIssues(created=created, updated=len(archive.topics) - created, assumptions=list(archive.assumptions))


@router.get("/issues/{issue_id}")
def get_issue(response: Response, access: Reads, issue_id: Ref) -> IssueOut:
    """An issue."""
    row = found(access, Issue, issue_id)
    etag(access.session, response, row)
    return issue_out(row)


@router.patch("/issues/{issue_id}")
def change_issue(request: Request, response: Response, access: Raises, issue_id: Ref, change: IssueChange) -> IssueOut:
    """Change an issue. With If-Match, 412 tells that someone else was faster."""
    row = found(access, Issue, issue_id)
    check_version(request, row)
    changes = change.model_dump(mode="json", exclude_unset=True, exclude={"state"})
    row.body = row.body | {key: value for key, value in changes.items() if value is not None or key in _MAY_BE_NULL}
    row.state = change.state or row.state
    mention(access.session, row)
    etag(access.session, response, row)
    return issue_out(row)


_MAY_BE_NULL = frozenset({"assigned_to", "due_date", "place_m"})


@router.post("/issues/{issue_id}/comments", status_code=201)
def comment_on_issue(response: Response, access: Raises, issue_id: Ref, comment: CommentIn) -> IssueOut:
    """Say something about an issue."""
    row = found(access, Issue, issue_id)
    ref = comment.comment_id or new_id()
    if all(each["comment_id"] != ref for each in row.body["comments"]):
        said = {"comment_id": ref, "at": now().isoformat(), "author": access.actor.name, "text": comment.text}
        row.body = row.body | {"comments": [*row.body["comments"], said]}
    etag(access.session, response, row)
    return issue_out(row)


def issue_out(row: Issue) -> IssueOut:
    """An issue on the wire."""
    return IssueOut.model_validate({**row.body, **stored(row), "issue_id": row.id, "state": row.state})


def _next_number(access: Access) -> int:
    in_turn(access.session, f"issue number {access.site_id}")
    return access.session.exec(select(func.count()).select_from(Issue).where(Issue.site_id == access.site_id)).one() + 1


# --- Photos -----------------------------------------------------------------------------------------------------------


@router.get("/photos")
def list_photos(access: Reads, cursor: Cursor = None, limit: Limit = 100) -> Page[PhotoOut]:
    """Photos, newest first."""
    return page(access, Photo, _photo, cursor, limit)


async def _picture_sent(request: Request, _: KnownBeforehand) -> tuple[str, str]:
    """Media type and SHA-256 of the picture that is the body."""
    server = server_of(request)
    async with server.turns.decoding:
        media_type, clean = await run_in_threadpool(checked_picture, io.BytesIO(request.state.body))
    return media_type, await run_in_threadpool(server.files.keep_bytes, clean)


@router.post("/photos", status_code=201, openapi_extra={"requestBody": {"required": True, "content": {
    "image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}})  # fmt: skip
def add_photo(
    picture: Annotated[tuple[str, str], Depends(_picture_sent)],
    access: Raises,
    taken_at: AwareDatetime | None = None,
    photo_id: Annotated[Id | None, Query(description="Chosen by a device that was offline.")] = None,
) -> PhotoOut:
    """Add a photo: the body is a JPEG, PNG or WebP of at most 30 MiB. Caption, place and marks follow by PATCH."""
    media_type, sha256 = picture
    ref = photo_id or new_id()
    if photo_id and access.session.get(Photo, (access.site_id, ref)):
        raise conflict("already-there", "a photo with this id exists", "该编号的照片已存在")
    about = {"taken_at": (taken_at or now()).isoformat(), "author": access.actor.name, "caption": "", "storey": ""}
    body: dict[str, Any] = about | {"element_ids": [], "place_m": None, "marks": []}
    return _photo(add(access, Photo, ref, body, "", sha256=sha256, media_type=media_type))


@router.get("/photos/{photo_id}")
def get_photo(access: Reads, photo_id: Ref) -> PhotoOut:
    """What is known of a photo."""
    return _photo(found(access, Photo, photo_id))


@router.patch("/photos/{photo_id}")
def change_photo(request: Request, response: Response, access: Raises, photo_id: Ref, change: PhotoChange) -> PhotoOut:
    """Caption, place, elements, marks. Marks lie over the picture, which stays as it was taken."""
    row = found(access, Photo, photo_id)
    check_version(request, row)
    row.body = row.body | change.model_dump(mode="json", exclude_unset=True)
    mention(access.session, row)
    etag(access.session, response, row)
    return _photo(row)


@router.get("/photos/{photo_id}/file")
def get_photo_file(request: Request, access: Reads, photo_id: Ref) -> Response:
    """The picture."""
    row = found(access, Photo, photo_id)
    suffix = row.media_type.rpartition("/")[2]
    return file_response(request, access.server.files, row.sha256, f"{row.id}.{suffix}", row.media_type)


def _photo(row: Photo) -> PhotoOut:
    return PhotoOut.model_validate(
        {**row.body, **stored(row), "photo_id": row.id, "sha256": row.sha256, "media_type": row.media_type}
    )
