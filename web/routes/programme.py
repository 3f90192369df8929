"""Schedules, progress against them, the diary of the day, and the first screen."""

from datetime import date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import Path, Query, Request, Response
from sqlmodel import col, select

from web.access import Access, Plans, Reads, Reports
from web.downloads import file_response
from web.jobs import enqueue
from web.problems import conflict, not_found
from web.routes.comparisons import job_out
from web.routes.routers import Cursor, Limit, Ref, site_routes
from web.routes.uploads import whole
from web.schemas.building import JobOut, ProgressIn, ProgressOut, ProgressRow, ScheduleIn, ScheduleOut
from web.schemas.day import DiaryIn, DiaryOut, Today
from web.schemas.wire import Page
from web.store import check_version, etag, found, page, put, stored
from web.tables import Diary, ProgressRecord, Schedule, Site
from web.today import today

router = site_routes("programme")
Day = Annotated[date, Path(description="A day, YYYY-MM-DD.")]


@router.get("/schedules")
def list_schedules(access: Reads, cursor: Cursor = None, limit: Limit = 100) -> Page[ScheduleOut]:
    """Schedules, newest first; the newest that could be read counts."""
    return page(access, Schedule, _schedule, cursor, limit)


@router.post("/schedules", status_code=201)
def add_schedule(access: Plans, wanted: ScheduleIn) -> ScheduleOut:
    """Add a schedule from an upload: IFC, MS Project XML, Primavera XML or XER, CSV. A worker reads it."""
    upload = whole(access, wanted.upload_id)
    schedule = Schedule(site_id=access.site_id, name=wanted.name, filename=upload.filename, size=upload.length,
                        sha256=upload.sha256 or "", created_by=access.actor.id)  # fmt: skip
    access.session.add(schedule)
    enqueue(access.session, access.site_id, "read_schedule", {"schedule_id": schedule.id}, access.actor.id)
    return _schedule(schedule)


@router.get("/schedules/{schedule_id}")
def get_schedule(access: Reads, schedule_id: Ref) -> ScheduleOut:
    """A schedule."""
    return _schedule(found(access, Schedule, schedule_id))


@router.get("/schedules/{schedule_id}/file")
def get_schedule_file(request: Request, access: Reads, schedule_id: Ref) -> Response:
    """The file of a schedule, as it was given."""
    row = found(access, Schedule, schedule_id)
    return file_response(request, access.server.files, row.sha256, row.filename, "application/octet-stream")


def _schedule(schedule: Schedule) -> ScheduleOut:
    return ScheduleOut.model_validate({**schedule.model_dump(), "schedule_id": schedule.id})


# --- Progress ---------------------------------------------------------------------------------------------------------


@router.get("/progress")
def list_progress(access: Reads, cursor: Cursor = None, limit: Limit = 100) -> Page[ProgressRow]:
    """Every report of progress, newest first, in short."""
    return page(access, ProgressRecord, lambda row: ProgressRow.model_validate(_progress(row)), cursor, limit)


@router.get("/progress/current")
def get_progress(
    access: Reads, until: Annotated[date | None, Query(description="As of this day at the latest.")] = None
) -> ProgressOut:
    """The newest report of progress: trades, tasks, earned value, curve, look-ahead, percent plan complete."""
    query = select(ProgressRecord).where(ProgressRecord.site_id == access.site_id)
    query = query.where(col(ProgressRecord.date) <= until.isoformat()) if until else query
    row = access.session.exec(query.order_by(col(ProgressRecord.date).desc(), col(ProgressRecord.id).desc())).first()
    if row is None:
        raise not_found("a report of progress (add a schedule and a comparison)")
    return ProgressOut.model_validate(_progress(row))


@router.post("/progress", status_code=202)
def compute_progress(access: Plans, wanted: ProgressIn) -> JobOut:
    """Hold everything that is known against the schedule, as of the evening of a day. A worker does it."""
    ready = select(Schedule).where(Schedule.site_id == access.site_id, Schedule.state == "ready")
    if access.session.exec(ready.limit(1)).first() is None:
        raise conflict(
            "no-schedule", "a schedule that could be read is needed; add one first", "需要可用的进度计划；请先上传"
        )
    return job_out(
        enqueue(access.session, access.site_id, "progress", {"date": wanted.date.isoformat()}, access.actor.id)
    )


def _progress(row: ProgressRecord) -> dict[str, object]:
    return {**row.model_dump(), "progress_id": row.id}


# --- The day ----------------------------------------------------------------------------------------------------------


@router.get("/diary")
def list_diary(access: Reads, cursor: Cursor = None, limit: Limit = 100) -> Page[DiaryOut]:
    """The diary, newest day first."""
    return page(access, Diary, diary_out, cursor, limit)


@router.get("/diary/{day}")
def get_diary(access: Reads, day: Day) -> DiaryOut:
    """A day: weather and manpower."""
    return diary_out(found(access, Diary, day.isoformat()))


@router.put("/diary/{day}")
def put_diary(request: Request, response: Response, access: Reports, day: Day, wanted: DiaryIn) -> DiaryOut:
    """Write the diary of a day. If-Match notices others' changes."""
    row = access.session.get(Diary, (access.site_id, day.isoformat()))
    if row:
        check_version(request, row)
    row = put(access, Diary, day.isoformat(), wanted.model_dump(mode="json"), "")
    etag(access.session, response, row)
    return diary_out(row)


def diary_out(row: Diary) -> DiaryOut:
    """A day on the wire."""
    return DiaryOut.model_validate({**row.body, **stored(row), "date": row.id})


@router.get("/today")
def get_today(access: Reads) -> Today:
    """The first screen: percent against plan, days late, safety, weather, manpower, what to do first."""
    diary = access.session.get(Diary, (access.site_id, _local_day(access).isoformat()))
    return today(access.session, access.site_id, _local_day(access), diary_out(diary) if diary else None)


def _local_day(access: Access) -> date:
    site = access.session.get(Site, access.site_id)
    try:
        return datetime.now(ZoneInfo(site.time_zone if site else "UTC")).date()
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return datetime.now(ZoneInfo("UTC")).date()
