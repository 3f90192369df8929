"""The morning's questions, answered from what is stored: how far, how late, how safe, who is here, what first."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, select

from web.schemas.day import Action, DiaryOut, Today
from web.schemas.wire import Words
from web.tables import (
    Camera,
    Current,
    DocumentRow,
    Hazard,
    Issue,
    Model,
    ModelElement,
    ProgressRecord,
    Robot,
    RobotTask,
    Scan,
    Stop,
)

D = TypeVar("D", bound=DocumentRow)
ACTIONS = 5
LEVELS = ("stop", "danger", "warning", "notice")
WORDS = {
    "stop": ("Stop in force: {}", "停机指令生效中：{}"),
    "hazard": ("Hazard: {}", "隐患：{}"),
    "issue": ("Overdue issue: {}", "逾期问题：{}"),
    "robot_task": ("Robot tasks that wait for approval: {}", "待批准的机器人任务：{}"),
    "task": ("Late: {}", "滞后：{}"),
}


def today(session: Session, site_id: str, day: date, diary: DiaryOut | None) -> Today:
    """The first screen of a site on a day. What is many is counted by the database, not read."""
    progress = _newest_progress(session, site_id)
    hazards = _all(session, Hazard, site_id, col(Hazard.state) != "closed")
    is_open = col(Issue.state).in_(("open", "in_progress"))
    is_overdue = is_open & (_due < day.isoformat())
    stops = _all(session, Stop, site_id, Stop.state == "active")
    summary = progress.summary if progress else {}
    first = select(Issue).where(Issue.site_id == site_id, is_overdue).order_by(_due, col(Issue.id)).limit(ACTIONS)
    is_proposed = col(RobotTask.state) == "proposed"
    proposed = select(RobotTask).where(RobotTask.site_id == site_id, is_proposed).order_by(col(RobotTask.id)).limit(1)
    overdue = _count(session, Issue, site_id, is_overdue)
    return Today(
        date=day,
        progress={key: value for key, value in summary.items() if key != "tasks_of"} or None,
        progress_date=date.fromisoformat(progress.date) if progress else None,
        days_late=summary.get("days_late"),
        counts=_counts(session, Current, site_id),
        elements=_elements(session, site_id),
        last_scan_at=session.exec(select(func.max(Scan.taken_at)).where(Scan.site_id == site_id)).one(),
        hazards=dict(Counter(row.body["level"] for row in hazards)),
        issues_open=_count(session, Issue, site_id, is_open),
        issues_overdue=overdue,
        stops_active=len(stops),
        robots=_counts(session, Robot, site_id),
        cameras=_counts(session, Camera, site_id),
        diary=diary,
        actions=_actions(
            stops,
            hazards,
            session.exec(first).all() if overdue else [],
            session.exec(proposed).first(),
            _count(session, RobotTask, site_id, is_proposed),
            summary.get("late", []),
        ),
    )


_due = col(Issue.body)["due_date"].as_string()
"""The day by which an issue is promised, YYYY-MM-DD; null where none is."""


def _actions(
    stops: Sequence[Stop],
    hazards: Sequence[Hazard],
    overdue: Sequence[Issue],
    proposed: RobotTask | None,
    proposals: int,
    late: list[dict[str, Any]],
) -> list[Action]:
    """What to do first: people's safety, then promises that are broken, then what waits for a word."""
    urgent = sorted(hazards, key=lambda row: (LEVELS.index(row.body["level"]), row.body.get("due_at") or ""))
    found = [_action("stop", row.id, row.body["reason"]) for row in stops]
    found += [_action("hazard", row.id, row.body["text"], row.body.get("due_at")) for row in urgent]
    found += [
        _action("issue", row.id, _same(row.body["title"]), f"{row.body['due_date']}T00:00:00Z") for row in overdue
    ]
    if proposed:
        found.append(
            _action("robot_task", proposed.id, proposed.body["title"] if proposals == 1 else _same(str(proposals)))
        )
    found += [_action("task", each["id"], _same(each["name"])) for each in late]
    return found[:ACTIONS]


def _action(kind: Any, ref: str, text: dict[str, str], due: str | None = None) -> Action:
    en, zh = WORDS[kind]
    words = Words(en=en.format(text["en"]), zh=zh.format(text["zh"]))
    return Action(kind=kind, ref=ref, text=words, due=datetime.fromisoformat(due) if due else None)


def _same(text: str) -> dict[str, str]:
    return {"en": text, "zh": text}


def _newest_progress(session: Session, site_id: str) -> ProgressRecord | None:
    query = select(ProgressRecord).where(ProgressRecord.site_id == site_id)
    return session.exec(query.order_by(col(ProgressRecord.date).desc(), col(ProgressRecord.id).desc())).first()


def _all(session: Session, table: type[D], site_id: str, where: ColumnElement[bool] | bool) -> Sequence[D]:
    return session.exec(select(table).where(table.site_id == site_id, where).order_by(col(table.id))).all()


def _count(session: Session, table: type[D], site_id: str, where: ColumnElement[bool]) -> int:
    return session.exec(select(func.count()).select_from(table).where(table.site_id == site_id, where)).one()


def _counts(session: Session, table: type[Current | Robot | Camera], site_id: str) -> dict[str, int]:
    """How many rows there are of each state."""
    query = select(table.state, func.count()).where(table.site_id == site_id).group_by(table.state)
    return dict(session.exec(query).all())


def _elements(session: Session, site_id: str) -> int:
    current = select(Model.current).where(Model.site_id == site_id)
    where = (ModelElement.site_id == site_id, col(ModelElement.version_id).in_(current))
    return session.exec(select(func.count()).select_from(ModelElement).where(*where)).one()
