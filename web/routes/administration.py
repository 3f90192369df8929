"""Webhooks, reports, and everything out and in again."""

from typing import Annotated

from fastapi import Depends, Query, Request, Response
from pydantic import AwareDatetime

from web.access import Administers, Ingests, KnownBeforehand, Manages, Reads
from web.downloads import file_response
from web.identifiers import new_id, new_secret
from web.jobs import enqueue
from web.problems import not_found
from web.routes.comparisons import job_out
from web.routes.routers import Cursor, Limit, Ref, routes, site_routes
from web.routes.uploads import whole
from web.schemas.building import JobOut
from web.schemas.day import ReportOut
from web.schemas.exchange import ImportIn, NewWebhook, WebhookIn, WebhookOut
from web.schemas.wire import Page, Text
from web.server_state import server_of
from web.store import add, found, page, stored
from web.tables import Job, Report, Webhook, now

router = site_routes("administration")
server_routes = routes("administration")
REPORT_MEDIA = ("application/pdf", "application/json", "application/zip", "text/csv")


@router.get("/webhooks")
def list_webhooks(access: Manages, cursor: Cursor = None, limit: Limit = 100) -> Page[WebhookOut]:
    """Webhooks."""
    return page(access, Webhook, _webhook, cursor, limit)


@router.post("/webhooks", status_code=201)
def add_webhook(access: Manages, wanted: WebhookIn) -> NewWebhook:
    """Add a webhook. What is sent is signed: `Sitewright-Signature: t=…,v1=HMAC-SHA256(key, t.body)`."""
    webhook = Webhook(site_id=access.site_id, key=new_secret(), created_by=access.actor.id, **wanted.model_dump())
    access.session.add(webhook)
    return NewWebhook(**_webhook(webhook).model_dump(), key=webhook.key)


@router.delete("/webhooks/{webhook_id}", status_code=204)
def delete_webhook(access: Manages, webhook_id: Ref) -> Response:
    """Remove a webhook."""
    access.session.delete(found(access, Webhook, webhook_id))
    return Response(status_code=204)


def _webhook(webhook: Webhook) -> WebhookOut:
    return WebhookOut.model_validate({**webhook.model_dump(), "webhook_id": webhook.id})


# --- Reports ----------------------------------------------------------------------------------------------------------


@router.get("/reports")
def list_reports(access: Reads, cursor: Cursor = None, limit: Limit = 100) -> Page[ReportOut]:
    """Reports, newest first."""
    return page(access, Report, _report, cursor, limit)


def _file_sent(request: Request, _: KnownBeforehand) -> str:
    """SHA-256 of the file that is the body."""
    return server_of(request).files.keep_bytes(request.state.body)


@router.post("/reports", status_code=201, openapi_extra={"requestBody": {"required": True, "content": {
    kind: {"schema": {"type": "string", "format": "binary"}} for kind in REPORT_MEDIA}}})  # fmt: skip
def file_report(
    request: Request,
    sha256: Annotated[str, Depends(_file_sent)],
    access: Ingests,
    kind: Annotated[Text, Query(min_length=1, max_length=60)],
    title_en: Annotated[Text, Query(min_length=1, max_length=200)],
    title_zh: Annotated[Text, Query(min_length=1, max_length=200)],
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
) -> ReportOut:
    """A program files a report: the body is the file. A report is superseded by a later one, never changed."""
    media = request.headers.get("content-type", "").partition(";")[0]
    body = {"kind": kind, "title": {"en": title_en, "zh": title_zh}, "period": {"from": since, "to": until}}
    row = add(access, Report, new_id(), body, kind, sha256=sha256,
              media_type=media if media in REPORT_MEDIA else "application/octet-stream")  # fmt: skip
    return _report(row)


@router.get("/reports/{report_id}/file")
def get_report_file(request: Request, access: Reads, report_id: Ref) -> Response:
    """The file of a report."""
    row = found(access, Report, report_id)
    suffix = {"application/pdf": ".pdf", "application/json": ".json", "text/csv": ".csv"}.get(row.media_type, ".zip")
    return file_response(request, access.server.files, row.sha256, f"{row.state}-{row.id}{suffix}", row.media_type)


def _report(row: Report) -> ReportOut:
    values = {**row.body, **stored(row), "report_id": row.id, "sha256": row.sha256, "media_type": row.media_type}
    return ReportOut.model_validate(values)


# --- Out and in again -------------------------------------------------------------------------------------------------


@router.post("/exports", status_code=202)
def export_site(access: Manages) -> JobOut:
    """Write everything of the site into one archive of JSON and the files as they were given. A worker does it."""
    return job_out(enqueue(access.session, access.site_id, "export", {}, access.actor.id))


@router.get("/exports/{job_id}/file")
def get_export(request: Request, access: Manages, job_id: Ref) -> Response:
    """The archive of an export that is done."""
    job = found(access, Job, job_id)
    if job.task != "export" or not job.result:
        raise not_found(f"the archive of export {job_id}")
    name = f"site-{now():%Y-%m-%d}.zip"
    return file_response(request, access.server.files, job.result["sha256"], name, "application/zip")


@server_routes.post("/imports", status_code=202)
def import_site(access: Administers, wanted: ImportIn) -> JobOut:
    """Bring in a site from an archive that was uploaded. Nothing of this server's is written over."""
    from dataclasses import replace

    upload = whole(replace(access, site_id=wanted.site_id), wanted.upload_id)
    return job_out(enqueue(access.session, wanted.site_id, "import", {"sha256": upload.sha256}, access.actor.id))
