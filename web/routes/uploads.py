"""Uploads that resume: the tus protocol, version 1.0, with creation, termination and expiration left out on purpose.

Nothing that is unsent ever expires. A client asks by HEAD how much has arrived, and goes on from there.
"""

import asyncio
import base64
import binascii
from collections import defaultdict
from dataclasses import replace
from typing import Annotated

from fastapi import Header, Request, Response
from sqlmodel import select
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from web.access import Access, Allowed, Raises, SiteId, checked
from web.database import reading, writing
from web.files import safe_name
from web.problems import Problem, conflict, not_found
from web.routes.routers import Cursor, Limit, Ref, site_routes, stream_routes
from web.schemas.building import UploadOut
from web.schemas.wire import Page
from web.security import Capability
from web.server_state import Server, server_of
from web.store import found, page
from web.tables import Upload
from web.uploads import arrived, check_room, complete, part_of, receive

VERSION = "1.0.0"
HEADERS = {"Tus-Resumable": VERSION, "Cache-Control": "no-store"}
router = site_routes("uploads")
parts = stream_routes("uploads")
SENDS = Allowed(Capability.ISSUE)
_busy: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)


@router.options("/uploads", status_code=204)
def describe_uploads(request: Request, access: Raises) -> Response:
    """What this server does of tus."""
    most = int(access.server.settings.upload_gib * 1024**3)
    able = {"Tus-Version": VERSION, "Tus-Extension": "creation,termination", "Tus-Max-Size": str(most)}
    return Response(status_code=204, headers=able | HEADERS)


@router.post("/uploads", status_code=201)
def begin_upload(
    request: Request,
    response: Response,
    access: Raises,
    upload_length: Annotated[int, Header(ge=0, le=2**62)],
    upload_metadata: Annotated[str, Header(max_length=4000)] = "",
) -> UploadOut:
    """Begin an upload. `Upload-Metadata` holds `filename`, in base64 as tus has it."""
    server = access.server
    if upload_length > server.settings.upload_gib * 1024**3:
        raise Problem(413, "too-large", f"at most {server.settings.upload_gib:g} GiB; split the file",
                      f"文件最大 {server.settings.upload_gib:g} GiB；请拆分")  # fmt: skip
    server.uploads.mkdir(parents=True, exist_ok=True)
    check_room(server.uploads, upload_length)
    upload = Upload(site_id=access.site_id, filename=_filename(upload_metadata), length=upload_length,
                    created_by=access.actor.id)  # fmt: skip
    part_of(server.uploads, upload).touch()
    if upload_length == 0:
        upload.sha256 = complete(server.files, server.uploads, upload)
    access.session.add(upload)
    response.headers.update({"Location": f"{request.url.path}/{upload.id}", **HEADERS})
    return shown(server, upload)


@router.get("/uploads")
def list_uploads(access: Raises, cursor: Cursor = None, limit: Limit = 100) -> Page[UploadOut]:
    """Uploads, newest first."""
    return page(access, Upload, lambda upload: shown(access.server, upload), cursor, limit)


@router.get("/uploads/{upload_id}")
def get_upload(access: Raises, upload_id: Ref) -> UploadOut:
    """An upload and how much of it has arrived."""
    return shown(access.server, found(access, Upload, upload_id))


@router.head("/uploads/{upload_id}", status_code=200)
def ask_offset(access: Raises, upload_id: Ref) -> Response:
    """How much has arrived, as tus asks."""
    upload = found(access, Upload, upload_id)
    offset = arrived(access.server.uploads, upload)
    return Response(headers={"Upload-Offset": str(offset), "Upload-Length": str(upload.length), **HEADERS})


@router.delete("/uploads/{upload_id}", status_code=204)
def stop_upload(access: Raises, upload_id: Ref) -> Response:
    """Give an upload up. What was made of it stays."""
    upload = found(access, Upload, upload_id)
    access.session.delete(upload)
    part_of(access.server.uploads, upload).unlink(missing_ok=True)
    return Response(status_code=204, headers=HEADERS)


_BYTES = {"application/offset+octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_TUS_BODY = {"x-requires": "issue", "requestBody": {"content": _BYTES, "required": True}}


@parts.patch("/uploads/{upload_id}", status_code=204, openapi_extra=_TUS_BODY)
async def continue_upload(
    request: Request, site_id: SiteId, upload_id: Ref, upload_offset: Annotated[int, Header(ge=0, le=2**62)]
) -> Response:
    """Send the next part. What arrived of it is kept even if the connection breaks."""
    server = server_of(request)
    upload = await run_in_threadpool(_to_continue, request, upload_id)
    if request.headers.get("content-type") != "application/offset+octet-stream":
        raise Problem(415, "not-tus", "the body is to be application/offset+octet-stream; send it so",
                      "请求体类型应为 application/offset+octet-stream")  # fmt: skip
    lock = _busy[upload.id]
    if lock.locked():
        raise conflict("busy", "another connection sends this upload; ask for its offset and go on later",
                       "另一连接正在上传该文件；请稍后查询进度并继续")  # fmt: skip
    async with lock:
        offset = arrived(server.uploads, upload)
        if offset != upload_offset:
            raise conflict(
                "offset", f"{offset} bytes have arrived; go on from there", f"已收到 {offset} 字节；请从该处继续"
            )
        if not upload.sha256:
            offset = await _append(request, server, upload)
    _busy.pop(upload.id, None)
    return Response(status_code=204, headers={"Upload-Offset": str(offset), **HEADERS})


async def _append(request: Request, server: Server, upload: Upload) -> int:
    try:
        offset = await receive(request, part_of(server.uploads, upload), upload.length)
    except ClientDisconnect:
        return arrived(server.uploads, upload)
    if offset == upload.length:
        await run_in_threadpool(_complete, server, upload)
    return offset


def _to_continue(request: Request, upload_id: str) -> Upload:
    """The upload, if the caller may send to it; the transaction ends before the bytes come."""
    access = checked(SENDS, request)
    with reading(access.server.engine) as session:
        return found(replace(access, session=session), Upload, upload_id)


def _complete(server: Server, upload: Upload) -> None:
    sha256 = complete(server.files, server.uploads, upload)
    with writing(server.engine) as session:
        kept = session.get(Upload, (upload.site_id, upload.id))
        if kept is not None:
            kept.sha256 = sha256
        session.commit()


def whole(access: Access, upload_id: str) -> Upload:
    """An upload that has arrived whole. Raises Problem 404 or 409."""
    upload = access.session.get(Upload, (access.site_id, upload_id))
    if upload is None:
        raise not_found(f"upload {upload_id}")
    if upload.sha256 is None:
        offset = arrived(access.server.uploads, upload)
        raise conflict("incomplete", f"{offset} of {upload.length} bytes have arrived; send the rest first",
                       f"仅收到 {offset}/{upload.length} 字节；请先完成上传")  # fmt: skip
    return upload


def finish_interrupted(server: Server) -> None:
    """Complete the uploads whose last byte had come when the server died."""
    with reading(server.engine) as session:
        waiting = session.exec(select(Upload).where(Upload.sha256 == None)).all()  # noqa: E711
    for upload in waiting:
        if part_of(server.uploads, upload).exists() and arrived(server.uploads, upload) == upload.length:
            _complete(server, upload)


def shown(server: Server, upload: Upload) -> UploadOut:
    """An upload with its offset."""
    values = {**upload.model_dump(), "upload_id": upload.id, "offset": arrived(server.uploads, upload)}
    return UploadOut.model_validate(values)


def _filename(metadata: str) -> str:
    pairs = dict(pair.strip().partition(" ")[::2] for pair in metadata.split(","))
    try:
        return safe_name(base64.b64decode(pairs.get("filename", ""), validate=True).decode())
    except (binascii.Error, UnicodeDecodeError):
        raise Problem(400, "bad-metadata", "Upload-Metadata is not as tus has it: `filename` and base64",
                      "Upload-Metadata 格式有误：应为 filename 与 base64") from None  # fmt: skip
