"""Comparisons and their jobs, verdicts, elements, epochs."""

from typing import Annotated, Literal, get_args

from fastapi import Query, Request, Response
from pydantic import AwareDatetime
from sqlmodel import col, select

from bim.epochs import changes, known
from bim.trades import trade_of
from bim.verdict import State
from web.access import Access, Reads, Surveys
from web.downloads import file_response
from web.history import epochs_of
from web.jobs import OPEN, cancel, enqueue, retry
from web.problems import conflict, not_found
from web.qr import qr_svg
from web.routes.routers import Cursor, Limit, Ref, site_routes
from web.schemas.building import (
    ChangeOut,
    ComparisonIn,
    ComparisonOut,
    CurrentOut,
    ElementDetail,
    ElementOut,
    EpochOut,
    JobOut,
    Mentioned,
    VerdictOut,
)
from web.schemas.wire import Page
from web.store import cursor_of, cursor_read, found, page, stored
from web.tables import (
    Comparison,
    Current,
    ElementVerdict,
    Job,
    Mention,
    Model,
    ModelElement,
    ProgressRecord,
    Scan,
)

router = site_routes("comparisons")
FileKind = Literal["json", "html", "bcf", "glb", "ifc"]
MEDIA: dict[str, tuple[str, str]] = {
    "json": ("comparison.json", "application/json"),
    "html": ("comparison.html", "application/octet-stream"),
    "bcf": ("comparison.bcfzip", "application/zip"),
    "glb": ("comparison.glb", "model/gltf-binary"),
    "ifc": ("comparison.ifc", "application/x-step"),
}


@router.get("/comparisons")
def list_comparisons(access: Reads, cursor: Cursor = None, limit: Limit = 100) -> Page[ComparisonOut]:
    """Comparisons, newest first."""
    return page(access, Comparison, lambda each: _comparison(access, each), cursor, limit)


@router.post("/comparisons", status_code=202)
def start_comparison(access: Surveys, wanted: ComparisonIn) -> ComparisonOut:
    """Compare scans with the current models. A worker does it; its job says how far it is."""
    scans = [found(access, Scan, scan_id) for scan_id in dict.fromkeys(wanted.scan_ids)]
    versions = _versions(access, wanted.model_ids)
    comparison = Comparison(
        site_id=access.site_id, name=wanted.name or scans[0].name, versions=versions, scans=[s.id for s in scans],
        at=max(scan.taken_at for scan in scans), tolerance_m=wanted.tolerance_m, pose=wanted.T_site_scan, job_id="",
        created_by=access.actor.id,
    )  # fmt: skip
    job = enqueue(access.session, access.site_id, "compare", {"comparison_id": comparison.id}, access.actor.id)
    comparison.job_id = job.id
    access.session.add(comparison)
    return _comparison(access, comparison)


@router.get("/comparisons/{comparison_id}")
def get_comparison(access: Reads, comparison_id: Ref) -> ComparisonOut:
    """A comparison."""
    return _comparison(access, found(access, Comparison, comparison_id))


@router.get("/comparisons/{comparison_id}/verdicts")
def list_comparison_verdicts(
    access: Reads, comparison_id: Ref, state: State | None = None, cursor: Cursor = None, limit: Limit = 1000
) -> Page[VerdictOut]:
    """What one comparison says of every element."""
    query = select(ElementVerdict).where(
        ElementVerdict.site_id == access.site_id, ElementVerdict.comparison_id == comparison_id
    )
    query = query.where(ElementVerdict.state == state) if state else query
    query = query.where(col(ElementVerdict.global_id) > cursor_read(cursor)) if cursor else query
    rows = access.session.exec(query.order_by(col(ElementVerdict.global_id)).limit(limit + 1)).all()
    after = cursor_of(rows[limit - 1].global_id) if len(rows) > limit else None
    return Page(items=[VerdictOut.model_validate(row) for row in rows[:limit]], next=after)


@router.get("/comparisons/{comparison_id}/files/{kind}")
def get_comparison_file(request: Request, access: Reads, comparison_id: Ref, kind: FileKind) -> Response:
    """A report of a comparison: JSON, page, BCF, glTF, or the model with verdicts."""
    sha256 = found(access, Comparison, comparison_id).files.get(kind)
    if sha256 is None:
        raise not_found(f"the {kind} of this comparison")
    return file_response(request, access.server.files, sha256, *MEDIA[kind])


def _versions(access: Access, model_ids: list[str] | None) -> list[str]:
    query = select(Model).where(Model.site_id == access.site_id)
    models = access.session.exec(query.where(col(Model.id).in_(model_ids)) if model_ids else query).all()
    ready = [model.current for model in models if model.current]
    if not ready or len(ready) < len(set(model_ids or ())):
        raise conflict("no-model", "a model that could be read is needed; add one and wait for it",
                       "需要可用的模型；请先上传并等待读取完成")  # fmt: skip
    return ready


def _comparison(access: Access, row: Comparison) -> ComparisonOut:
    job = access.session.get(Job, (row.site_id, row.job_id))
    assert job
    values = row.model_dump(include={"name", "at", "tolerance_m", "is_done", "registration", "totals", "assumptions"})
    return ComparisonOut(
        comparison_id=row.id,
        scan_ids=row.scans,
        version_ids=row.versions,
        job=job_out(job),
        files=[kind for kind in get_args(FileKind) if kind in row.files],
        **values,
        **stored(row),
    )


# --- Jobs -------------------------------------------------------------------------------------------------------------


@router.get("/jobs")
def list_jobs(access: Reads, cursor: Cursor = None, limit: Limit = 100) -> Page[JobOut]:
    """Jobs of the site, newest first; deliveries to webhooks left out."""
    return page(access, Job, job_out, cursor, limit, [col(Job.task) != "deliver"])


@router.get("/jobs/{job_id}")
def get_job(access: Reads, job_id: Ref) -> JobOut:
    """A job."""
    return job_out(found(access, Job, job_id))


@router.post("/jobs/{job_id}/cancel")
def cancel_job(access: Surveys, job_id: Ref) -> JobOut:
    """Cancel a job that waits or runs."""
    job = found(access, Job, job_id)
    if job.state not in OPEN:
        raise conflict("over", f"the job is {job.state} already", f"任务已结束（{job.state}）")
    cancel(access.session, job)
    return job_out(job)


@router.post("/jobs/{job_id}/retry")
def retry_job(access: Surveys, job_id: Ref) -> JobOut:
    """Do a job again that failed or was cancelled."""
    job = found(access, Job, job_id)
    if job.state not in ("failed", "cancelled"):
        raise conflict("not-over", f"the job is {job.state}; only a failed or cancelled one is done again",
                       f"任务状态为 {job.state}；仅失败或已取消的任务可重试")  # fmt: skip
    retry(access.session, job)
    return job_out(job)


def job_out(job: Job) -> JobOut:
    """A job on the wire."""
    return JobOut.model_validate({**job.model_dump(), "job_id": job.id})


# --- Elements and what is known of them -------------------------------------------------------------------------------


@router.get("/elements")
def list_elements(
    access: Reads,
    storey: Annotated[str | None, Query(max_length=200)] = None,
    ifc_class: Annotated[str | None, Query(max_length=80)] = None,
    state: State | None = None,
    cursor: Cursor = None,
    limit: Limit = 1000,
) -> Page[ElementOut]:
    """The elements of the current models with what is known of them now."""
    query = _elements(access)
    query = query.where(ModelElement.storey == _plain(storey)) if storey is not None else query
    query = query.where(ModelElement.ifc_class == _plain(ifc_class)) if ifc_class else query
    query = query.where(Current.state == state) if state else query
    query = query.where(col(ModelElement.global_id) > cursor_read(cursor)) if cursor else query
    rows = access.session.exec(query.order_by(col(ModelElement.global_id)).limit(limit + 1)).all()
    after = cursor_of(rows[limit - 1][0].global_id) if len(rows) > limit else None
    return Page(items=[_element(*row) for row in rows[:limit]], next=after)


@router.get("/elements/{global_id}")
def get_element(access: Reads, global_id: Ref) -> ElementDetail:
    """An element, its history, and the issues, photos, hazards and tasks that speak of it."""
    row = access.session.exec(_elements(access).where(ModelElement.global_id == global_id)).first()
    if row is None:
        raise not_found(f"element {global_id}")
    mine = (ElementVerdict.site_id == access.site_id, ElementVerdict.global_id == global_id)
    history = access.session.exec(
        select(ElementVerdict).where(*mine).order_by(col(ElementVerdict.comparison_id).desc())
    )
    about = access.session.exec(
        select(Mention).where(Mention.site_id == access.site_id, Mention.global_id == global_id)
    )
    return ElementDetail(
        **_element(*row).model_dump(),
        history=[VerdictOut.model_validate(each) for each in history],
        mentions=[Mentioned(kind=each.what, ref=each.ref) for each in about],
        tasks=_tasks_of(access, global_id),
    )


@router.get("/elements/{global_id}/qr", response_class=Response)
def get_element_qr(request: Request, access: Reads, global_id: Ref) -> Response:
    """A QR code that opens the element, as SVG, to print and stick beside it."""
    base = access.server.settings.public_url or str(request.base_url)
    svg = qr_svg(f"{base.rstrip('/')}/model?site={access.site_id}&element={global_id}")
    return Response(svg, media_type="image/svg+xml", headers={"Content-Security-Policy": "default-src 'none'; sandbox"})


@router.get("/verdicts")
def list_verdicts(access: Reads, cursor: Cursor = None, limit: Limit = 1000) -> Page[ElementOut]:
    """What is known of each element that any comparison saw: all comparisons together."""
    query = _elements(access).where(col(Current.global_id).is_not(None))
    query = query.where(col(ModelElement.global_id) > cursor_read(cursor)) if cursor else query
    rows = access.session.exec(query.order_by(col(ModelElement.global_id)).limit(limit + 1)).all()
    after = cursor_of(rows[limit - 1][0].global_id) if len(rows) > limit else None
    return Page(items=[_element(*row) for row in rows[:limit]], next=after)


def _elements(access: Access):  # type: ignore[no-untyped-def]
    """Elements of current versions beside what is known of them."""
    current = select(Model.current).where(Model.site_id == access.site_id)
    together = (col(Current.site_id) == ModelElement.site_id) & (col(Current.global_id) == ModelElement.global_id)
    return (
        select(ModelElement, Current)
        .join(Current, together, isouter=True)
        .where(ModelElement.site_id == access.site_id, col(ModelElement.version_id).in_(current))
    )


def _element(element: ModelElement, current: Current | None) -> ElementOut:
    verdict = CurrentOut.model_validate(current) if current else None
    return ElementOut.model_validate({**element.model_dump(), "trade": trade_of(element.ifc_class), "verdict": verdict})


def _tasks_of(access: Access, global_id: str) -> list[str]:
    """Ids of the schedule's tasks that bring the element about, by the newest progress."""
    query = select(ProgressRecord).where(ProgressRecord.site_id == access.site_id)
    newest = access.session.exec(query.order_by(col(ProgressRecord.id).desc()).limit(1)).first()
    linked = newest.summary.get("tasks_of", {}) if newest else {}
    return list(linked.get(global_id, []))


def _plain(text: str) -> str:
    return text.replace("\0", "")


# --- Epochs -----------------------------------------------------------------------------------------------------------


@router.get("/epochs")
def list_epochs(access: Reads) -> list[EpochOut]:
    """The comparisons that are done, by the time of their scans, with how many elements are in which state."""
    query = select(Comparison).where(Comparison.site_id == access.site_id, Comparison.is_done == True)  # noqa: E712
    rows = access.session.exec(query.order_by(col(Comparison.at), col(Comparison.id)))
    return [EpochOut(comparison_id=r.id, name=r.name, at=r.at, counts=(r.totals or {}).get("counts", {})) for r in rows]


@router.get("/epochs/changes")
def list_changes(access: Reads, after: AwareDatetime, by: AwareDatetime) -> list[ChangeOut]:
    """What was built, grew, moved or was taken down between two times."""
    epochs = epochs_of(access.session, access.site_id)
    if not [each for each in epochs if each.at <= after]:
        return []
    then, later = known(epochs, after), known(epochs, max(by, after))
    return [ChangeOut.model_validate(each) for each in changes(then, later)]
