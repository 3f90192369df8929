"""Reading models and comparing: files in, elements and verdicts out."""

import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import insert
from sqlmodel import Session, col, select

from bim.errors import BadInput, SitewrightError
from bim.ifc import read_building
from bim.isolation import Limits
from bim.model import Element
from bim.quality.elements import Tolerances
from bim.verdict import Verdict
from scan_to_bim.pipeline import Progress
from scan_to_bim.pipeline import compare as compare_scans
from scan_to_bim.report.contract import to_json
from scan_to_bim.report.outputs import write_outputs
from scan_to_bim.result import Report
from web.database import reading
from web.files import Files
from web.history import renew_current
from web.jobs import LostLease, enqueue, finishing, words_of
from web.tables import Comparison, ElementVerdict, Model, ModelElement, ModelVersion, Scan, Schedule
from web.work import Work

FILES = {"json": "comparison.json", "html": "comparison.html", "bcf": "comparison.bcfzip", "glb": "comparison.glb",
         "ifc": "comparison.ifc"}  # fmt: skip


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


@dataclass(frozen=True)
class Wanted:
    """A comparison by value: every machine that reaches the files can do it. Files are (SHA-256, name)."""

    files_url: str
    models: tuple[tuple[str, str], ...]
    scans: tuple[tuple[str, str], ...]
    stations: tuple[str, ...]
    """SHA-256 of the lists of stations; ids are those of the points."""
    unit_m: float | None
    pose: list[list[float]] | None
    tolerance_m: float
    at: datetime


@dataclass(frozen=True)
class Compared:
    """What came of it: the reports' SHA-256 by kind, the document of `compare --json`, and the verdicts."""

    kept: dict[str, str]
    document: dict[str, Any]
    verdicts: tuple[Verdict, ...]


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
        from web.cluster import on_cluster

        found = on_cluster(work, scheduler, compared, wanted, work.cache, work.limits)
    else:
        found = compared(wanted, work.cache, work.limits, work.advance)
    with finishing(work.engine, work.job) as (session, job):
        row = session.get(Comparison, key)
        if row:
            _store(session, row, found)
        job.result = {"comparison_id": key[1]}


def compared(wanted: Wanted, cache: Path, limits: Limits, progress: Progress = lambda step, share: None) -> Compared:
    """Do a comparison, here or on any machine that reaches the files. Raises SitewrightError."""
    with tempfile.TemporaryDirectory(prefix="sitewright-compare-") as name:
        files, folder = Files(wanted.files_url), Path(name)
        models = [files.named(*each, folder / f"model-{n}") for n, each in enumerate(wanted.models)]
        scans = [files.named(*each, folder / f"scan-{n}") for n, each in enumerate(wanted.scans)]
        report = compare_scans(
            read_building(models, cache, limits),
            scans,
            stations=_stations(files, wanted.stations, folder),
            pose="auto" if wanted.pose is None else np.array(wanted.pose),
            tolerances=Tolerances(wanted.tolerance_m),
            day=wanted.at.date(),
            unit_m=wanted.unit_m,
            cache=cache,
            limits=limits,
            progress=progress,
        )
        named = _under_their_names(report, dict((*wanted.models, *wanted.scans)))
        return Compared(_reports(files, named, wanted, folder), to_json(report), report.verdicts)


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


def _stations(files: Files, shas: tuple[str, ...], folder: Path) -> Path | None:
    """All station lists as one; ids are those of the points."""
    lists = [files.read(sha).splitlines() for sha in shas]
    if not lists:
        return None
    path = folder / "stations.csv"
    path.write_bytes(b"\n".join([*lists[0], *(line for each in lists[1:] for line in each[1:])]) + b"\n")
    return path


def _unit(scans: list[Scan]) -> float | None:
    units = {scan.unit_m for scan in scans}
    if len(units) > 1:
        raise BadInput("scans in different units", "one unit in a comparison", "compare them one by one")
    return units.pop()


def _under_their_names(report: Report, names: Mapping[str, str]) -> Report:
    """The report with the files' own names: where a worker put them is nobody's business."""
    return replace(report, inputs=tuple(replace(i, path=names.get(i.sha256, Path(i.path).name)) for i in report.inputs))


def _reports(files: Files, report: Report, wanted: Wanted, folder: Path) -> dict[str, str]:
    paths = {kind: folder / name for kind, name in FILES.items()}
    if len(wanted.models) > 1:
        del paths["ifc"]  # several models give several files; each can be had by `sitewright compare --ifc`
    outputs: dict[str, Any] = dict(paths)
    write_outputs(report, **outputs, date=wanted.at)
    return {kind: files.keep(path) for kind, path in paths.items()}


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
