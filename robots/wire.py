"""Tasks, states, stops and zones as JSON values, in the shapes of the public API. What comes in is checked first."""

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from bim.errors import BadInput
from bim.verdict import Reason
from robots.robot import RobotState
from robots.stop import Stop
from robots.tasks import Kind, Target, Task, TaskSpec

T = TypeVar("T")
SHOWN = frozenset(("task_id", "kind", "title", "element_ids", "storey", "tolerance_m", "targets_m", "tool", "permits"))
"""What the API shows of a task's description."""
MOST_TARGETS = 100_000
MOST_TEXT = 1_000_000


def reason_json(reason: Reason) -> dict[str, str]:
    """Both languages."""
    return {"en": reason.en, "zh": reason.zh}


def spec_json(spec: TaskSpec) -> dict[str, Any]:
    """All of a task that never changes; `read_spec` is its inverse."""
    return {
        "task_id": spec.task_id,
        "kind": spec.kind.value,
        "title": reason_json(spec.title),
        "targets_m": [list(target) for target in spec.targets],
        "tool": spec.tool,
        "tolerance_m": spec.tolerance_m,
        "duration_s": spec.duration_s,
        "storey": spec.storey,
        "element_ids": list(spec.element_ids),
        "after_tasks": list(spec.after_tasks),
        "after_elements": list(spec.after_elements),
        "zones": list(spec.zones),
        "permits": list(spec.permits),
        "due": spec.due.isoformat() if spec.due else None,
        "payload": spec.payload,
        "only_robot": spec.only_robot,
    }


def read_spec(value: Mapping[str, Any]) -> TaskSpec:
    """A task from outside. Raises BadInput that names the first wrong field."""
    if not isinstance(value, Mapping):
        raise BadInput(f"a task that is {type(value).__name__}", "an object", "send the fields of a task by name")
    return TaskSpec(
        task_id=_field(value, "task_id", _name),
        kind=_field(value, "kind", Kind),
        title=_field(value, "title", _reason),
        targets=_field(value, "targets_m", _targets),
        tool=_field(value, "tool", _text),
        tolerance_m=_field(value, "tolerance_m", _positive),
        duration_s=_field(value, "duration_s", _not_negative),
        storey=_field(value, "storey", _text, ""),
        element_ids=_field(value, "element_ids", _names, ()),
        after_tasks=_field(value, "after_tasks", _names, ()),
        after_elements=_field(value, "after_elements", _names, ()),
        zones=_field(value, "zones", _names, ()),
        permits=_field(value, "permits", _names, ()),
        due=_field(value, "due", _time, None),
        payload=_field(value, "payload", _text, ""),
        only_robot=_field(value, "only_robot", _text, ""),
    )


def task_json(task: Task, waits_for: Reason | None = None) -> dict[str, Any]:
    """A RobotTask of the API."""
    shown = {name: value for name, value in spec_json(task.spec).items() if name in SHOWN}
    return shown | {
        "state": task.state.value,
        "robot_id": task.robot_id,
        "waits_for": reason_json(waits_for) if waits_for else None,
        "progress": task.progress,
        "history": [
            {"at": change.at.isoformat(), "state": change.state.value, "reason": reason_json(change.reason)}
            for change in task.history
        ],
    }


def state_json(state: RobotState, *, name: str, kind: str, adapter: str, zones: Sequence[str]) -> dict[str, Any]:
    """A RobotState of the API."""
    return {
        "robot_id": state.robot_id,
        "name": name,
        "kind": kind,
        "adapter": adapter,
        "mode": state.mode.value,
        "position_m": list(state.position_m),
        "heading_rad": state.heading_rad,
        "storey": state.storey,
        "battery": state.battery,
        "task_id": state.task_id,
        "speed_m_s": state.speed_m_s,
        "zones": list(zones),
        "stop_confirmed": bool(state.stops),
        "errors": [reason_json(error) for error in state.errors],
        "at": state.at.isoformat(),
    }


def stop_json(stop: Stop) -> dict[str, Any]:
    """A Stop of the API."""
    return {
        "stop_id": stop.stop_id,
        "scope": stop.scope.value,
        "ref": stop.ref,
        "reason": reason_json(stop.reason),
        "requested_by": stop.requested_by,
        "requested_at": stop.requested_at.isoformat(),
        "released_by": stop.released_by,
        "released_at": stop.released_at.isoformat() if stop.released_at else None,
        "confirmations": {robot: at.isoformat() if at else None for robot, at in stop.confirmations.items()},
        "escalated": stop.escalated,
    }


def _field(value: Mapping[str, Any], name: str, read: Callable[[Any], T], default: Any = ...) -> T:
    if value.get(name) is None and default is not ...:
        left_out: T = default
        return left_out
    try:
        return read(value[name])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        found = repr(value.get(name))[:80]
        raise BadInput(f"{name} is {found}", str(error) or f"a {name}", "correct the task") from None


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MOST_TEXT:
        raise ValueError("a text")
    return value


def _name(value: Any) -> str:
    if not 0 < len(_text(value)) <= 200 or not value.isprintable():
        raise ValueError("a name of 1 to 200 printable characters")
    return str(value)


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError("a list of names")
    return tuple(map(_name, value))


def _reason(value: Any) -> Reason:
    return Reason(_text(value["en"]), _text(value["zh"]))


def _number(value: Any) -> float:
    if isinstance(value, bool) or not math.isfinite(value):
        raise ValueError("a finite number")
    return float(value)


def _not_negative(value: Any) -> float:
    if _number(value) < 0.0:
        raise ValueError("a number from 0")
    return float(value)


def _positive(value: Any) -> float:
    if _number(value) <= 0.0:
        raise ValueError("a number above 0")
    return float(value)


def _targets(value: Any) -> tuple[Target, ...]:
    if not isinstance(value, list) or len(value) > MOST_TARGETS:
        raise ValueError(f"a list of at most {MOST_TARGETS} places [x, y, z, yaw]")
    return tuple(Target(*map(_number, place)) for place in value)


def _time(value: Any) -> dt.datetime:
    at = dt.datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise ValueError("a time with its zone")
    return at.astimezone(dt.UTC)
