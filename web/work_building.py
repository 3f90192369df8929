"""Reading models and comparing: files in, elements and verdicts out."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import insert
from sqlmodel import Session, col, select

from bim.errors import BadInput, SitewrightError
from bim.ifc import read_building
from bim.model import Element
from bim.verdict import Verdict
from web.comparison import Compared, compared
from web.comparison_scans import Wanted
from web.database import reading
from web.files import Files
from web.history import renew_current
from web.jobs import LostLease, enqueue, finishing, words_of
from web.tables import Comparison, ElementVerdict, Model, ModelElement, ModelVersion, Scan, Schedule
from web.work import Work


def read_model(work: Work) -> None:
    """Read a version of a model; it becomes the current one."""
    key = (work.job.site_id, work.job.payload["version_id"])
    with reading(work.engine) as session:
        version = session.get(ModelVersion, key)
    if version is None:
        raise LostLease(work.job.id)
    work.advance("reading the model", 0.0)
    try:
        building = read_building([_model(work.files, version, work.folder)], work.cache, work.limits)
    except SitewrightError as error:
        _refused(work, key, error)
        return
    with finishing(work.engine, work.job) as (session, job):
        row = session.get(ModelVersion, key)
        model = session.get(Model, (work.job.site_id, version.model_id))
        if row and model:
            row.state, row.elements, row.assumptions = "ready", len(building.elements), list(building.assumptions)
            row.ifc_schema = building.sources[0].schema
            row.storeys = [asdict(storey) for storey in building.storeys]
            model.current = row.id
            session.execute(insert(ModelElement), [_element(row, each) for each in building.elements])
            # Due with this job: before comparisons that were asked for in the meantime.
            enqueue(session, row.site_id, "pack", {}).due_at = job.due_at
        job.result = {"elements": len(building.elements)}


def _refused(work: Work, key: tuple[str, str], error: SitewrightError) -> None:
    """A file that is no model is an answer, not a fault: the job is done, the version failed."""
    with finishing(work.engine, work.job) as (session, _):
        row = session.get(ModelVersion, key)
        if row:
            row.state, row.error = "failed", words_of(error)


def _element(version: ModelVersion, element: Element) -> dict[str, Any]:
    about = asdict(element)
    del about["source"]
    return about | {"site_id": version.site_id, "version_id": version.id, "model_id": version.model_id}


def _model(files: Files, version: ModelVersion, folder: Path) -> Path:
    return files.named(version.sha256, version.filename, folder / version.id)


# --- Comparing --------------------------------------------------------------------------------------------------------


def compare(work: Work) -> None:
    """Hold scans against models; verdicts, reports and what all comparisons say together commit as one."""
    key = (work.job.site_id, work.job.payload["comparison_id"])
    with reading(work.engine) as session:
        comparison = session.get(Comparison, key)
        if comparison is None or comparison.is_done:
            raise LostLease(work.job.id)
        wanted = _wanted(session, work, comparison)
    scheduler = work.settings.dask_scheduler
    if scheduler:
        from web.cluster import compared_on_cluster

        found = compared_on_cluster(work, scheduler, wanted)
    else:
        found = compared(wanted, work.cache, work.limits, work.advance)
    with finishing(work.engine, work.job) as (session, job):
        row = session.get(Comparison, key)
        if row:
            _store(session, row, found)
        job.result = {"comparison_id": key[1]}


def _wanted(session: Session, work: Work, comparison: Comparison) -> Wanted:
    versions = [_found(session, ModelVersion, work, each) for each in comparison.versions]
    scans = [_found(session, Scan, work, each) for each in comparison.scans]
    return Wanted(
        files_url=work.settings.files,
        models=tuple((each.sha256, each.filename) for each in versions),
        scans=tuple((each.sha256, each.filename) for each in scans),
        stations=tuple(dict.fromkeys(each.stations_sha256 for each in scans if each.stations_sha256)),
        unit_m=_unit(scans),
        pose=comparison.pose,
        tolerance_m=comparison.tolerance_m,
        at=comparison.at,
    )


def _found(session: Session, table: type[Any], work: Work, ref: str) -> Any:
    row = session.get(table, (work.job.site_id, ref))
    if row is None:
        raise BadInput(f"{table.kind} {ref} was removed", "what was chosen", "start a new comparison")
    return row


def _unit(scans: list[Scan]) -> float | None:
    units = {scan.unit_m for scan in scans}
    if len(units) > 1:
        raise BadInput("scans in different units", "one unit in a comparison", "compare them one by one")
    return units.pop()


def _store(session: Session, row: Comparison, found: Compared) -> None:
    document = found.document
    counts = Counter(verdict.state.value for verdict in found.verdicts)
    row.is_done, row.registration, row.files = True, document["registration"], found.kept
    shown = {key: document[key] for key in ("unexplained", "next_viewpoints")}
    row.totals = {"counts": dict(counts), "total": document["progress"]["total"]} | shown
    row.assumptions = document["assumptions"]
    session.execute(insert(ElementVerdict), [_verdict(row, verdict) for verdict in found.verdicts])
    renew_current(session, row.site_id)
    ready = select(Schedule).where(Schedule.site_id == row.site_id, col(Schedule.state) == "ready")
    if session.exec(ready.limit(1)).first():
        enqueue(session, row.site_id, "progress", {"date": row.at.date().isoformat()})


def _verdict(row: Comparison, verdict: Verdict) -> dict[str, Any]:
    deviation = asdict(verdict.deviation) if verdict.deviation else None
    return {
        "site_id": row.site_id,
        "comparison_id": row.id,
        "global_id": verdict.global_id,
        "state": verdict.state.value,
        "completion": verdict.completion,
        "completion_low": verdict.completion_low,
        "completion_high": verdict.completion_high,
        "observable": verdict.observable,
        "confidence": verdict.confidence,
        "evidence": asdict(verdict.evidence),
        "deviation": deviation,
        "reason": asdict(verdict.reason),
        "translation_m": deviation["translation_m"] if deviation else None,
        "sigma_m": deviation["sigma_m"] if deviation else None,
    }


def building_elements(session: Session, site_id: str) -> list[Element]:
    """The elements of the current models."""
    current = select(Model.current).where(Model.site_id == site_id)
    query = select(ModelElement).where(ModelElement.site_id == site_id, col(ModelElement.version_id).in_(current))
    return [
        Element(e.global_id, e.ifc_class, e.name, e.storey, e.system, 0, e.area_m2, e.volume_m3)
        for e in session.exec(query.order_by(col(ModelElement.global_id)))
    ]
