"""Robots, their tasks, and stops. The orchestrator reports; people command; commands go out as events.

The stop path that protects people does not pass here (robots/stop_channel.py): this is how a person at a screen asks,
and how everybody sees what actually stopped.
"""

from collections.abc import Callable
from typing import Annotated

from fastapi import Body, Response
from sqlmodel import col

from web.access import Access, Commands, Ingests, Reads, Releases, Stops
from web.identifiers import new_id
from web.problems import conflict
from web.routes.routers import Cursor, Limit, Ref, site_routes
from web.schemas.robots import (
    RobotState,
    RobotTaskIn,
    RobotTaskOut,
    StopIn,
    StopOut,
    StopReport,
    TaskCommand,
    TaskState,
)
from web.schemas.wire import Page
from web.store import found, page, put
from web.tables import Robot, RobotTask, Stop, now
from web.trail import tell

router = site_routes("robots")
MAY: dict[str, frozenset[str]] = {
    "approved": frozenset({"proposed"}),
    "cancelled": frozenset({"proposed", "approved", "queued", "assigned", "running", "paused"}),
    "paused": frozenset({"assigned", "running", "queued"}),
    "resumed": frozenset({"paused"}),
}
"""From which states a person may ask what."""


@router.get("/robots")
def list_robots(access: Reads, cursor: Cursor = None, limit: Limit = 1000) -> Page[RobotState]:
    """Every robot as it reported itself last."""
    return page(access, Robot, _robot, cursor, limit)


@router.get("/robots/{robot_id}")
def get_robot(access: Reads, robot_id: Ref) -> RobotState:
    """A robot."""
    return _robot(found(access, Robot, robot_id))


@router.post("/robots/states", status_code=204)
def report_robots(access: Ingests, states: Annotated[list[RobotState], Body(max_length=1000)]) -> Response:
    """The orchestrator reports robots, many at once; one event tells of all. An older state is passed over."""
    news = [state for state in states if _is_news(access, state)]
    for state in news:
        put(access, Robot, state.robot_id, state.model_dump(mode="json"), state.mode)
    if news:
        tell(access.session, access.site_id, "robot.updated", {"robots": [s.model_dump(mode="json") for s in news]})
    return Response(status_code=204)


def _is_news(access: Access, state: RobotState) -> bool:
    row = access.session.get(Robot, (access.site_id, state.robot_id))
    return row is None or RobotState.model_validate(row.body).at < state.at


def _robot(row: Robot) -> RobotState:
    return RobotState.model_validate(row.body)


# --- Tasks ------------------------------------------------------------------------------------------------------------


@router.get("/robot-tasks")
def list_robot_tasks(
    access: Reads, state: TaskState | None = None, cursor: Cursor = None, limit: Limit = 100
) -> Page[RobotTaskOut]:
    """Robots' tasks, newest first."""
    return page(access, RobotTask, _task, cursor, limit, [col(RobotTask.state) == state] if state else [])


@router.get("/robot-tasks/{task_id}")
def get_robot_task(access: Reads, task_id: Ref) -> RobotTaskOut:
    """A task."""
    return _task(found(access, RobotTask, task_id))


@router.put("/robot-tasks/{task_id}")
def report_robot_task(access: Ingests, task_id: Ref, task: RobotTaskIn) -> RobotTaskOut:
    """The orchestrator reports a task. A person's command stays beside it until the state shows it."""
    row = access.session.get(RobotTask, (access.site_id, task_id))
    asked = row.body.get("asked") if row else None
    shown = asked is None or (row is not None and row.state != task.state)
    kept = {} if shown else {"asked": asked, "asked_by": row.body.get("asked_by") if row else None}
    body = task.model_dump(mode="json") | {"task_id": task_id} | kept
    return _task(put(access, RobotTask, task_id, body, task.state))


def _command(name: str) -> Callable[[Commands, str, TaskCommand], RobotTaskOut]:
    def command(access: Commands, task_id: Ref, command: TaskCommand) -> RobotTaskOut:
        row = found(access, RobotTask, task_id)
        if row.state not in MAY[name]:
            raise conflict("wrong-state", f"the task is {row.state}; only {', '.join(sorted(MAY[name]))} may be {name}",
                           f"任务状态为 {row.state}，不能执行该操作")  # fmt: skip
        row.body = row.body | {"asked": name, "asked_by": access.actor.name}
        data = {"task_id": task_id, "by": access.actor.name, "reason": command.model_dump()["reason"]}
        tell(access.session, access.site_id, f"robot_task.{name}", data)
        return _task(row)

    return command


for _name, _path in (("approved", "approve"), ("cancelled", "cancel"), ("paused", "pause"), ("resumed", "resume")):
    _said = f"Ask that a task be {_name}; the orchestrator hears it as robot_task.{_name}."
    router.post(f"/robot-tasks/{{task_id}}/{_path}", name=f"{_path}_robot_task", summary=_said)(_command(_name))


def _task(row: RobotTask) -> RobotTaskOut:
    return RobotTaskOut.model_validate({**row.body, "version": row.version, "updated_at": row.updated_at})


# --- Stops ------------------------------------------------------------------------------------------------------------


@router.get("/stop")
def list_stops(access: Reads, active: bool | None = None, cursor: Cursor = None, limit: Limit = 100) -> Page[StopOut]:
    """Stops, newest first, and which robots confirmed."""
    where = [] if active is None else [col(Stop.state) == ("active" if active else "released")]
    return page(access, Stop, _stop, cursor, limit, where)


@router.post("/stop", status_code=201)
def ask_for_stop(access: Stops, wanted: StopIn) -> StopOut:
    """Ask for a stop. It holds until a person releases it; `confirmations` says what actually stopped."""
    if (wanted.scope == "site") != (wanted.ref is None):
        raise conflict(
            "no-ref",
            "a stop of a zone or robot names it, a stop of the site names nothing",
            "区域或机器人停机须指明对象",
        )
    ref = wanted.stop_id or new_id()
    row = access.session.get(Stop, (access.site_id, ref))
    if row is None:
        report = StopReport(
            **wanted.model_dump(exclude={"stop_id"}), requested_by=access.actor.name, requested_at=now()
        )
        row = put(access, Stop, ref, report.model_dump(mode="json") | _UNRELEASED, "active")
        tell(access.session, access.site_id, "stop.requested", _stop(row).model_dump(mode="json"))
    return _stop(row)


@router.put("/stop/{stop_id}")
def report_stop(access: Ingests, stop_id: Ref, report: StopReport) -> StopOut:
    """The orchestrator reports a stop: who confirmed, and whether it escalated. It cannot release one."""
    row = access.session.get(Stop, (access.site_id, stop_id))
    before = row.body if row else _UNRELEASED
    body = before | report.model_dump(mode="json")
    return _stop(put(access, Stop, stop_id, body, row.state if row else "active"))


@router.post("/stop/{stop_id}/release")
def release_stop(access: Releases, stop_id: Ref) -> StopOut:
    """Release a stop: a person who may, never a program."""
    row = found(access, Stop, stop_id)
    if row.state != "active":
        raise conflict("released", "this stop was released before", "该停机指令已解除")
    row.body = row.body | {"released_by": access.actor.name, "released_at": now().isoformat()}
    row.state = "released"
    tell(access.session, access.site_id, "stop.released", _stop(row).model_dump(mode="json"))
    return _stop(row)


_UNRELEASED = {"released_by": None, "released_at": None}


def _stop(row: Stop) -> StopOut:
    return StopOut.model_validate({**row.body, "stop_id": row.id, "version": row.version})
