"""The morning's questions, answered from what is stored: how far, how late, how safe, who is here, what first."""

from collections import Counter
from datetime import date, datetime
from typing import Any, TypeVar

from sqlmodel import Session, col, func, select

from web.schemas import Action, DiaryOut, Today, Words
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
    "robot_task": ("Approve robot task: {}", "待批准的机器人任务：{}"),
    "task": ("Late: {}", "滞后：{}"),
}


def today(session: Session, site_id: str, day: date, diary: DiaryOut | None) -> Today:
    """The first screen of a site on a day."""
    progress = _newest_progress(session, site_id)
    hazards = [row for row in _all(session, Hazard, site_id) if row.state != "closed"]
    issues = [row for row in _all(session, Issue, site_id) if row.state in ("open", "in_progress")]
    overdue = [row for row in issues if (row.body.get("due_date") or "9999") < day.isoformat()]
    stops = [row for row in _all(session, Stop, site_id) if row.state == "active"]
    proposed = [row for row in _all(session, RobotTask, site_id) if row.state == "proposed"]
    summary = progress.summary if progress else {}
    return Today(
        date=day,
        progress={key: value for key, value in summary.items() if key != "tasks_of"} or None,
        progress_date=date.fromisoformat(progress.date) if progress else None,
        days_late=summary.get("days_late"),
        counts=_counts(session, site_id),
        elements=_elements(session, site_id),
        last_scan_at=session.exec(select(func.max(Scan.taken_at)).where(Scan.site_id == site_id)).one(),
        hazards=dict(Counter(row.body["level"] for row in hazards)),
        issues_open=len(issues),
        issues_overdue=len(overdue),
        stops_active=len(stops),
        robots=dict(Counter(row.state for row in _all(session, Robot, site_id))),
        cameras=dict(Counter(row.state for row in _all(session, Camera, site_id))),
        diary=diary,
        actions=_actions(stops, hazards, overdue, proposed, summary.get("late", [])),
    )


def _actions(
    stops: list[Stop],
    hazards: list[Hazard],
    overdue: list[Issue],
    proposed: list[RobotTask],
    late: list[dict[str, Any]],
) -> list[Action]:
    """What to do first: people's safety, then promises that are broken, then what waits for a word."""
    urgent = sorted(hazards, key=lambda row: (LEVELS.index(row.body["level"]), row.body.get("due_at") or ""))
    found = [_action("stop", row.id, row.body["reason"]) for row in stops]
    found += [_action("hazard", row.id, row.body["text"], row.body.get("due_at")) for row in urgent]
    found += [
        _action("issue", row.id, _same(row.body["title"]), f"{row.body['due_date']}T00:00:00Z") for row in overdue
    ]
    found += [_action("robot_task", row.id, row.body["title"]) for row in proposed]
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


def _all(session: Session, table: type[D], site_id: str) -> list[D]:
    return list(session.exec(select(table).where(table.site_id == site_id)))


def _counts(session: Session, site_id: str) -> dict[str, int]:
    query = select(Current.state, func.count()).where(Current.site_id == site_id).group_by(Current.state)
    return dict(session.exec(query).all())


def _elements(session: Session, site_id: str) -> int:
    current = select(Model.current).where(Model.site_id == site_id)
    where = (ModelElement.site_id == site_id, col(ModelElement.version_id).in_(current))
    return session.exec(select(func.count()).select_from(ModelElement).where(*where)).one()
