"""Zones, cameras, hazards. A hazard's life is that of site_safety/hazards.py; here it is stored and shown."""

import hashlib
from datetime import datetime
from typing import Annotated

from fastapi import Body, Depends, Request, Response
from pydantic import AwareDatetime
from sqlmodel import col

from bim.verdict import Reason
from site_safety.hazards import BY_PEOPLE, Deed, Event, Evidence, HazardState, Source, Subject, apply, possible
from site_safety.hazards import Hazard as HazardRecord
from site_safety.records import from_json, to_json
from web.access import Access, Ingests, KnownBeforehand, Plans, Raises, Reads
from web.downloads import file_response
from web.identifiers import new_id
from web.problems import Problem, conflict, not_found
from web.routes.routers import Cursor, Limit, Ref, site_routes
from web.schemas.safety import (
    CameraCalibration,
    CameraMarks,
    CameraState,
    GroundErrorOut,
    HazardDeed,
    HazardIn,
    HazardOut,
    HazardReport,
    KeptCalibration,
    ZoneIn,
    ZoneOut,
)
from web.schemas.wire import Page
from web.security import Capability
from web.store import add, check_version, etag, found, page, put, stored
from web.tables import Calibration, Camera, Hazard, Photo, Zone, now
from web.trail import tell

router = site_routes("safety")
CLIP_TYPE, CLIP_BYTES, WEBM = "video/webm", 60 * 1024**2, b"\x1a\x45\xdf\xa3"
"""A clip is WebM; its first bytes are those of EBML (RFC 8794)."""


@router.get("/zones")
def list_zones(access: Reads, cursor: Cursor = None, limit: Limit = 1000) -> Page[ZoneOut]:
    """Zones."""
    return page(access, Zone, _zone, cursor, limit)


@router.get("/zones/{zone_id}")
def get_zone(access: Reads, zone_id: Ref) -> ZoneOut:
    """A zone."""
    return _zone(found(access, Zone, zone_id))


@router.post("/zones", status_code=201)
def add_zone(access: Plans, zone: ZoneIn) -> ZoneOut:
    """Draw a zone."""
    return _zone(add(access, Zone, new_id(), zone.model_dump(mode="json"), zone.kind))


@router.put("/zones/{zone_id}")
def put_zone(request: Request, response: Response, access: Plans, zone_id: Ref, zone: ZoneIn) -> ZoneOut:
    """Write a zone, new or over the old one."""
    row = access.session.get(Zone, (access.site_id, zone_id))
    if row:
        check_version(request, row)
    row = put(access, Zone, zone_id, zone.model_dump(mode="json"), zone.kind)
    etag(access.session, response, row)
    return _zone(row)


@router.delete("/zones/{zone_id}", status_code=204)
def delete_zone(access: Plans, zone_id: Ref) -> Response:
    """Remove a zone."""
    access.session.delete(found(access, Zone, zone_id))
    return Response(status_code=204)


def _zone(row: Zone) -> ZoneOut:
    return ZoneOut.model_validate({**row.body, **stored(row), "zone_id": row.id})


# --- Cameras ----------------------------------------------------------------------------------------------------------


@router.get("/cameras")
def list_cameras(access: Reads, cursor: Cursor = None, limit: Limit = 1000) -> Page[CameraState]:
    """Every camera as the watch reported it last."""
    return page(access, Camera, _camera, cursor, limit)


@router.post("/cameras/states", status_code=204)
def report_cameras(access: Ingests, states: Annotated[list[CameraState], Body(max_length=1000)]) -> Response:
    """The watch reports cameras, many at once; one event tells of all."""
    for state in states:
        put(access, Camera, state.camera_id, state.model_dump(mode="json"), state.state)
    if states:
        tell(access.session, access.site_id, "camera.updated", {"cameras": [s.model_dump(mode="json") for s in states]})
    return Response(status_code=204)


def _placed(camera_id: Ref, seen: CameraMarks, _: KnownBeforehand) -> CameraCalibration:
    """Where the camera of these marks stands. Raises BadInput for marks that do not fix it."""
    from site_safety.calibration import Mark, calibrate
    from site_safety.calibration_map import error_map

    marks = [Mark(mark.picture_px, mark.site_m) for mark in seen.marks]
    found = calibrate(marks, camera_id, (seen.width_px, seen.height_px), seen.storeys)
    return CameraCalibration(
        calibration=to_json(found),
        T_site_camera=found.T_site_camera.tolist(),
        homography={name: found.homography(name).tolist() for name in found.storeys},
        error_map={name: [GroundErrorOut.model_validate(each) for each in error_map(found, name)]
                   for name in found.storeys},
        residual_px=found.residual_px,
        marks_off_px=found.misses_px(),
    )  # fmt: skip


PlacedByMarks = Annotated[CameraCalibration, Depends(_placed)]


@router.post("/cameras/{camera_id}/calibration")
def calibrate_camera(found: PlacedByMarks, access: Plans) -> CameraCalibration:
    """Where a camera stands, from 8 or more marks; nothing is kept.

    A layout that does not fix the camera is refused, and a mark that fits badly is named.
    """
    return found


@router.get("/cameras/{camera_id}/calibration")
def get_calibration(response: Response, access: Reads, camera_id: Ref) -> KeptCalibration:
    """The calibration that is kept of a camera; as a file it is what the watch reads."""
    row = found(access, Calibration, camera_id)
    etag(access.session, response, row)
    return _calibration(row)


@router.put("/cameras/{camera_id}/calibration")
def put_calibration(
    request: Request, response: Response, placed: PlacedByMarks, access: Plans, camera_id: Ref, seen: CameraMarks
) -> KeptCalibration:
    """Keep where a camera stands, from 8 or more marks, new or over the old ones."""
    row = access.session.get(Calibration, (access.site_id, camera_id))
    if row:
        check_version(request, row)
    row = put(access, Calibration, camera_id, seen.model_dump(mode="json") | placed.model_dump(mode="json"), "")
    etag(access.session, response, row)
    return _calibration(row)


def _calibration(row: Calibration) -> KeptCalibration:
    return KeptCalibration.model_validate({**row.body, **stored(row), "camera_id": row.id})


def _camera(row: Camera) -> CameraState:
    return CameraState.model_validate(row.body)


# --- Hazards ----------------------------------------------------------------------------------------------------------


@router.get("/hazards")
def list_hazards(
    access: Reads,
    state: HazardState | None = None,
    is_open: bool | None = None,
    changed_after: AwareDatetime | None = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[HazardOut]:
    """Hazards, newest first; a program that follows what people do with them asks for those that changed."""
    where = [col(Hazard.state) == state] if state else []
    if is_open is not None:
        where.append(col(Hazard.state) != "closed" if is_open else col(Hazard.state) == "closed")
    if changed_after is not None:
        where.append(col(Hazard.updated_at) > changed_after)
    return page(access, Hazard, lambda row: _hazard(access, row), cursor, limit, where)


@router.post("/hazards", status_code=201)
def report_hazard(response: Response, access: Raises, wanted: HazardIn) -> HazardOut:
    """A person reports a hazard."""
    ref = wanted.hazard_id or new_id()
    if access.session.get(Hazard, (access.site_id, ref)):
        raise conflict("already-there", "a hazard with this id exists; read it first", "该编号的隐患已存在；请先查看")
    event = Event(ref, Deed.REGISTER, min(wanted.at or now(), now()), _by(access), subject=_subject(wanted),
                  due_at=wanted.due_at, evidence=_pictures(access, wanted.photo_ids))  # fmt: skip
    return _kept(response, access, apply(None, event))


@router.get("/hazards/{hazard_id}")
def get_hazard(access: Reads, hazard_id: Ref) -> HazardOut:
    """A hazard and what the caller may do with it."""
    return _hazard(access, found(access, Hazard, hazard_id))


@router.put("/hazards/{hazard_id}")
def put_hazard(response: Response, access: Ingests, hazard_id: Ref, report: HazardReport) -> HazardOut:
    """The watch or the orchestrator reports a hazard.

    A hazard that is known keeps what people did with it; what is new is when it was seen and cleared, and its evidence.
    """
    reported = from_json(HazardRecord, report.model_dump(mode="json") | {"hazard_id": hazard_id})
    row = access.session.get(Hazard, (access.site_id, hazard_id))
    if row is None:
        return _kept(response, access, reported)
    known = _record(row)
    if known.open and reported.seen_at > known.seen_at:
        known = apply(known, Event(hazard_id, Deed.SEEN, reported.seen_at, _by(access)))
    if known.open and reported.cleared_at and known.cleared_at is None and reported.cleared_at >= known.seen_at:
        known = apply(known, Event(hazard_id, Deed.CLEARED, reported.cleared_at, _by(access)))
    if known.open and set(reported.evidence) - set(known.evidence):
        known = apply(known, Event(hazard_id, Deed.ADD_EVIDENCE, now(), _by(access), evidence=reported.evidence))
    return _kept(response, access, known)


@router.post("/hazards/{hazard_id}/clips", status_code=201, openapi_extra={"requestBody": {
    "required": True, "content": {CLIP_TYPE: {"schema": {"type": "string", "format": "binary"}}}}})  # fmt: skip
def keep_clip(request: Request, access: Ingests, hazard_id: Ref) -> HazardOut:
    """Bring a clip, blurred by the watch, that the hazard's evidence names by its hash. Again is fine."""
    row, content = found(access, Hazard, hazard_id), bytes(request.state.body)
    if not content.startswith(WEBM) or len(content) > CLIP_BYTES:
        raise Problem(415, "no-clip", "a clip is WebM of at most 60 MiB", "视频片段须为不超过 60 MiB 的 WebM")
    _check_clip(row, hashlib.sha256(content).hexdigest())
    access.server.files.keep_bytes(content)
    return _hazard(access, row)


@router.get("/hazards/{hazard_id}/clips/{sha256}")
def get_clip(request: Request, access: Reads, hazard_id: Ref, sha256: Ref) -> Response:
    """A clip of a hazard; 404 while the watch has not brought it."""
    _check_clip(found(access, Hazard, hazard_id), sha256)
    return file_response(request, access.server.files, sha256, f"{hazard_id}.webm", CLIP_TYPE)


def _check_clip(row: Hazard, sha256: str) -> None:
    if not any(each.kind == "clip" and each.sha256 == sha256 for each in _record(row).evidence):
        raise not_found(f"a clip {sha256} of hazard {row.id}")


@router.post("/hazards/{hazard_id}/deeds")
def deal_with_hazard(
    request: Request, response: Response, access: Raises, hazard_id: Ref, deed: HazardDeed
) -> HazardOut:
    """Do something with a hazard: acknowledge, review, assign, start, submit, close, return, stop work.

    Whoever rectified never re-checks. To assign, close, return and review takes a safety officer or a manager.
    """
    row = found(access, Hazard, hazard_id)
    check_version(request, row)
    if deed.deed in _OFFICER and Capability.SAFETY not in access.may:
        from web.access import forbidden

        raise forbidden(f"the right to {Capability.SAFETY}")
    event = Event(hazard_id, Deed(deed.deed), max(now(), _record(row).opened_at), _by(access), note=deed.note,
                  to=deed.to, due_at=deed.due_at, review=deed.review,
                  evidence=_pictures(access, deed.photo_ids))  # fmt: skip
    return _kept(response, access, apply(_record(row), event))


_OFFICER = frozenset({"assign", "close", "return", "review", "stop_work"})


def _kept(response: Response, access: Access, hazard: HazardRecord) -> HazardOut:
    row = put(access, Hazard, hazard.hazard_id, to_json(hazard), hazard.state.value)
    etag(access.session, response, row)
    return _hazard(access, row)


def _record(row: Hazard) -> HazardRecord:
    return from_json(HazardRecord, row.body)


def _hazard(access: Access, row: Hazard) -> HazardOut:
    record = _record(row)
    may = [deed for deed in possible(record, _by(access)) if deed in BY_PEOPLE]
    return HazardOut.model_validate({**row.body, **stored(row), "is_overdue": record.open and _late(record.due_at),
                                     "possible": may})  # fmt: skip


def _late(due_at: datetime) -> bool:
    return due_at < now()


def _subject(wanted: HazardIn) -> Subject:
    return Subject(
        wanted.rule, Source.PERSON, wanted.level, Reason(wanted.text.en, wanted.text.zh), wanted.storey, wanted.zone_id,
        wanted.place_m, tuple(wanted.element_ids), tuple(wanted.robot_ids), wanted.camera_id,
    )  # fmt: skip


def _pictures(access: Access, photo_ids: list[str]) -> tuple[Evidence, ...]:
    rows = [found(access, Photo, photo_id) for photo_id in photo_ids]
    return tuple(Evidence("photo", row.sha256, f"photos/{row.id}") for row in rows)


def _by(access: Access) -> str:
    """Who, as the record keeps it: a person by their e-mail address, a program by its token's id."""
    return access.actor.id if access.actor.token else access.actor.person.email
