"""Models and their versions, scans: files of which workers make something."""

from fastapi import Request, Response
from sqlmodel import col, func, select

from web.access import Access, Plans, Reads, Surveys
from web.downloads import file_response
from web.identifiers import new_id
from web.jobs import enqueue
from web.problems import conflict
from web.routes.routers import Cursor, Limit, Ref, site_routes
from web.routes.uploads import whole
from web.schemas.building import ModelIn, ModelOut, ScanIn, ScanOut, VersionIn, VersionOut
from web.schemas.wire import Page
from web.store import found, page, stored
from web.tables import Comparison, Model, ModelVersion, Scan, Upload

router = site_routes("models and scans")
IFC, CLOUD = "application/x-step", "application/octet-stream"


@router.get("/models")
def list_models(access: Reads, cursor: Cursor = None, limit: Limit = 100) -> Page[ModelOut]:
    """The site's models, each with its current version."""
    return page(access, Model, lambda model: _model(access, model), cursor, limit)


@router.post("/models", status_code=201)
def add_model(access: Plans, wanted: ModelIn) -> ModelOut:
    """Add a model from an upload. A worker reads it."""
    upload = whole(access, wanted.upload_id)
    model = Model(site_id=access.site_id, name=wanted.name, discipline=wanted.discipline, created_by=access.actor.id)
    access.session.add(model)
    _add_version(access, model, upload)
    return _model(access, model)


@router.get("/models/{model_id}")
def get_model(access: Reads, model_id: Ref) -> ModelOut:
    """A model."""
    return _model(access, found(access, Model, model_id))


@router.get("/models/{model_id}/versions")
def list_versions(access: Reads, model_id: Ref, cursor: Cursor = None, limit: Limit = 100) -> Page[VersionOut]:
    """The versions of a model, newest first."""
    found(access, Model, model_id)
    return page(access, ModelVersion, _version, cursor, limit, [col(ModelVersion.model_id) == model_id])


@router.post("/models/{model_id}/versions", status_code=201)
def add_version(access: Plans, model_id: Ref, wanted: VersionIn) -> VersionOut:
    """Add a version of a model. It becomes the current one when a worker could read it."""
    return _version(_add_version(access, found(access, Model, model_id), whole(access, wanted.upload_id)))


@router.get("/models/{model_id}/versions/{version_id}/file")
def get_model_file(request: Request, access: Reads, model_id: Ref, version_id: Ref) -> Response:
    """The file of a version, as it was given."""
    version = found(access, ModelVersion, version_id)
    return file_response(request, access.server.files, version.sha256, version.filename, IFC)


def _add_version(access: Access, model: Model, upload: Upload) -> ModelVersion:
    where = (ModelVersion.site_id == access.site_id, ModelVersion.model_id == model.id)
    number = access.session.exec(select(func.count()).select_from(ModelVersion).where(*where)).one() + 1
    version = ModelVersion(site_id=access.site_id, model_id=model.id, number=number, filename=upload.filename,
                           sha256=upload.sha256 or "", size=upload.length, created_by=access.actor.id)  # fmt: skip
    access.session.add(version)
    enqueue(access.session, access.site_id, "read_model", {"version_id": version.id}, access.actor.id)
    return version


def _model(access: Access, model: Model) -> ModelOut:
    where = (ModelVersion.site_id == access.site_id, ModelVersion.model_id == model.id)
    newest = access.session.exec(select(ModelVersion).where(*where).order_by(col(ModelVersion.number).desc())).first()
    current = access.session.get(ModelVersion, (access.site_id, model.current)) if model.current else None
    assert newest
    return ModelOut(model_id=model.id, name=model.name, discipline=model.discipline, newest=_version(newest),
                    current=_version(current) if current else None, **stored(model))  # fmt: skip


def _version(version: ModelVersion) -> VersionOut:
    return VersionOut.model_validate({**version.model_dump(), "version_id": version.id})


# --- Scans ------------------------------------------------------------------------------------------------------------


@router.get("/scans")
def list_scans(access: Reads, cursor: Cursor = None, limit: Limit = 100) -> Page[ScanOut]:
    """The site's scans, newest first."""
    return page(access, Scan, _scan, cursor, limit)


@router.post("/scans", status_code=201)
def add_scan(access: Surveys, wanted: ScanIn) -> ScanOut:
    """Add a scan from an upload, with the stations that it was taken from where they are known."""
    upload = whole(access, wanted.upload_id)
    stations = whole(access, wanted.stations_upload_id) if wanted.stations_upload_id else None
    scan = Scan(id=new_id(), site_id=access.site_id, name=wanted.name, filename=upload.filename,
                sha256=upload.sha256 or "", size=upload.length, taken_at=wanted.taken_at, unit_m=wanted.unit_m,
                stations_sha256=stations.sha256 if stations else None, created_by=access.actor.id)  # fmt: skip
    access.session.add(scan)
    enqueue(access.session, access.site_id, "copc", {"scan_id": scan.id}, access.actor.id)
    return _scan(scan)


@router.get("/scans/{scan_id}")
def get_scan(access: Reads, scan_id: Ref) -> ScanOut:
    """A scan."""
    return _scan(found(access, Scan, scan_id))


@router.delete("/scans/{scan_id}", status_code=204)
def delete_scan(access: Surveys, scan_id: Ref) -> Response:
    """Remove a scan that no comparison rests on."""
    scan = found(access, Scan, scan_id)
    used = access.session.exec(select(Comparison).where(Comparison.site_id == access.site_id)).all()
    if any(scan_id in comparison.scans for comparison in used):
        raise conflict(
            "in-use", "verdicts rest on this scan; it stays as their evidence", "已有比对结果依据此扫描，须作为证据保留"
        )
    access.session.delete(scan)
    return Response(status_code=204)


@router.get("/scans/{scan_id}/file")
def get_scan_file(request: Request, access: Reads, scan_id: Ref) -> Response:
    """The file of a scan, whole or in ranges."""
    scan = found(access, Scan, scan_id)
    return file_response(request, access.server.files, scan.sha256, scan.filename, CLOUD)


def _scan(scan: Scan) -> ScanOut:
    return ScanOut.model_validate({**scan.model_dump(), "scan_id": scan.id})
