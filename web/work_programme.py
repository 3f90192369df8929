"""Reading schedules, and holding what is known against them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from bim.epochs import Epoch
from bim.errors import BadInput, SitewrightError
from bim.model import Element
from bim.schedule.advance import Progress, Status, advance
from bim.schedule.document import to_json
from bim.schedule.linking import link
from bim.schedule.observations import end_of
from bim.schedule.reading import read_plan
from bim.schedule.rules import Rules, default_rules
from bim.schedule.summary import summarise
from bim.trades import trade_of
from bim.verdict import State
from web.database import reading
from web.history import epochs_of
from web.jobs import LostLease, enqueue, finishing, words_of
from web.tables import Comparison, Current, Model, ModelVersion, ProgressRecord, Schedule, Site
from web.work import Work
from web.work_building import building_elements

LATE = 20
HAS_TASKS = b"IFCTASK("


def read_schedule(work: Work) -> None:
    """Read a schedule, and report progress against it as of the newest scan."""
    key = (work.job.site_id, work.job.payload["schedule_id"])
    with reading(work.engine) as session:
        schedule = session.get(Schedule, key)
    if schedule is None:
        raise LostLease(work.job.id)
    try:
        plan, error = read_plan(work.files.named(schedule.sha256, schedule.filename, work.folder), work.limits), None
    except SitewrightError as refusal:
        plan, error = None, words_of(refusal)
    with finishing(work.engine, work.job) as (session, _):
        row = session.get(Schedule, key)
        if row and plan:
            row.state, row.format, row.tasks = "ready", plan.format, len(plan.tasks)
            row.problems = [asdict(problem) for problem in plan.problems]
            _report_next(session, row.site_id)
        elif row:
            row.state, row.error = "failed", error


def _report_next(session: Session, site_id: str) -> None:
    done = select(Comparison).where(Comparison.site_id == site_id, col(Comparison.is_done))
    newest = session.exec(done.order_by(col(Comparison.at).desc())).first()
    if newest:
        enqueue(session, site_id, "progress", {"date": newest.at.date().isoformat()})


def report_progress(work: Work) -> None:
    """Hold every comparison up to the evening of a day against the newest schedule."""
    site_id, day = work.job.site_id, date.fromisoformat(work.job.payload["date"])
    with reading(work.engine) as session:
        schedule = _newest(session, site_id)
        elements, history = building_elements(session, site_id), _history(session, site_id)
        models = _models(session, site_id)
        current = {row.global_id: row for row in session.exec(select(Current).where(Current.site_id == site_id))}
    plan = read_plan(work.files.named(schedule.sha256, schedule.filename, work.folder / "plan"), work.limits)
    carried = [read_plan(path, work.limits) for path in _with_tasks(work, models)]
    ifc = [plan, *carried] if plan.format.startswith("IFC") else carried
    assigned = {task.id: task.products for found in ifc for task in found.tasks if task.products}
    links = link(plan, elements, Rules(), default_rules(), assigned)
    progress = advance(plan, links, history, end_of(day))
    with finishing(work.engine, work.job) as (session, job):
        summary, document = _summary(progress, elements, current), to_json(progress)
        session.add(ProgressRecord(site_id=site_id, schedule_id=schedule.id, date=day.isoformat(), summary=summary,
                                   document=document))  # fmt: skip
        job.result = {"date": day.isoformat()}


def _newest(session: Session, site_id: str) -> Schedule:
    query = select(Schedule).where(Schedule.site_id == site_id, col(Schedule.state) == "ready")
    schedule = session.exec(query.order_by(col(Schedule.id).desc())).first()
    if schedule is None:
        raise BadInput("no schedule that could be read", "one", "add a schedule first")
    return schedule


def _history(session: Session, site_id: str) -> list[Epoch]:
    """Every comparison by the site's own clock, as schedules have it (bim.schedule.observations)."""
    site = session.get(Site, site_id)
    zone = ZoneInfo(site.time_zone if site else "UTC")
    return [replace(each, at=each.at.astimezone(zone).replace(tzinfo=UTC)) for each in epochs_of(session, site_id)]


def _models(session: Session, site_id: str) -> list[ModelVersion]:
    current = select(Model.current).where(Model.site_id == site_id)
    where = (ModelVersion.site_id == site_id, col(ModelVersion.id).in_(current))
    return list(session.exec(select(ModelVersion).where(*where)))


def _with_tasks(work: Work, models: Sequence[ModelVersion]) -> list[Path]:
    """The models that carry a work schedule, for the elements that its tasks name."""
    paths = [work.files.named(each.sha256, each.filename, work.folder / each.id) for each in models]
    return [path for path in paths if HAS_TASKS in path.read_bytes().upper()]


# --- In short ---------------------------------------------------------------------------------------------------------


def _summary(progress: Progress, elements: Sequence[Element], current: Mapping[str, Current]) -> dict[str, Any]:
    found, value = summarise(progress), progress.earned_value
    return {
        "sentence": asdict(found.sentence),
        "percent": _percent(value.ev.low, value.ev.high, value.bac),
        "planned": _percent(value.pv.low, value.pv.high, value.bac),
        "spi": asdict(value.spi),
        "days_late": _days_late(progress),
        "late": [{"id": each.task.id, "name": each.task.name} for each in found.late[:LATE]],
        "late_count": len(found.late),
        "absent_due": len(found.absent_due),
        "linked_share": found.linked_share,
        "matrix": _matrix(elements, current),
        "tasks_of": _tasks_of(progress),
    }


def _percent(low: float | None, high: float | None, whole: float) -> dict[str, float] | None:
    return None if low is None or high is None or not whole else {"low": 100 * low / whole, "high": 100 * high / whole}


def _days_late(progress: Progress) -> float | None:
    """How many days after its planned end the whole is done, if everything that is unseen stands."""
    ends = [
        (t.forecast_finish_low, t.task.finish) for t in progress.tasks if t.task.finish and t.status is not Status.DONE
    ]
    if not ends:
        return None
    late = max(forecast for forecast, _ in ends) - max(planned for _, planned in ends if planned)
    return round(late / timedelta(days=1), 1)


def _matrix(elements: Sequence[Element], current: Mapping[str, Current]) -> list[dict[str, Any]]:
    """Trade by storey: how many elements, how many of each state, and the share that stands, by surface."""
    cells: defaultdict[tuple[str, str], list[Element]] = defaultdict(list)
    for element in elements:
        cells[trade_of(element.ifc_class).value, element.storey].append(element)
    return [{"trade": trade, "storey": storey} | _cell(members, current) for (trade, storey), members in cells.items()]


def _cell(members: Sequence[Element], current: Mapping[str, Current]) -> dict[str, Any]:
    weights = [each.area_m2 or 1.0 for each in members]
    known = [current.get(each.global_id) for each in members]
    counts: defaultdict[str, int] = defaultdict(int)
    for each in known:
        counts[each.state if each else State.UNSEEN.value] += 1
    low = sum(w * (k.completion_low if k else 0.0) for w, k in zip(weights, known, strict=True)) / sum(weights)
    high = sum(w * (k.completion_high if k else 1.0) for w, k in zip(weights, known, strict=True)) / sum(weights)
    return {"elements": len(members), "counts": dict(counts), "percent": {"low": 100 * low, "high": 100 * high}}


def _tasks_of(progress: Progress) -> dict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for each in progress.tasks:
        for index in each.link.elements:
            found[progress.links.elements[index].global_id].append(each.task.id)
    return dict(found)
