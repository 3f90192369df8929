"""A task and its states. Pure: a step is a function of the task before it; nothing here reads a clock or a file.

    proposed -> approved -> queued -> assigned -> running <-> paused -> done
                              ^           |          |           |
                              +--- back --+----------+-----------+--> failed, cancelled, quarantined

A robot *holds* a task that is assigned, running or paused: then, and only then, the task has a robot and a fencing
token (a number that grows with every assignment; a robot refuses an older one). A task that is quarantined waits for a
person: nobody knows whether its work was done, or its description cannot be trusted.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from bim.errors import BadInput
from bim.verdict import Reason


class Kind(StrEnum):
    """What kind of work it is."""

    LAYOUT = "layout"
    DRILL = "drill"
    SCAN = "scan"
    INSPECT = "inspect"
    TRANSPORT = "transport"
    REWORK = "rework"
    BRICK = "brick"
    PRINT = "print"
    CHARGE = "charge"
    """At its charger until its battery is full."""
    MOVE = "move"
    """To a place, with nothing to do there."""


ERRANDS = frozenset({Kind.CHARGE, Kind.MOVE})
"""What takes no tool: whatever drives can do it."""
REPEATABLE = frozenset({Kind.SCAN, Kind.INSPECT}) | ERRANDS
"""Work that does no harm when it is done twice. All other work is never repeated without knowing what was done."""


class TaskState(StrEnum):
    """Where a task stands."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    QUEUED = "queued"
    ASSIGNED = "assigned"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    QUARANTINED = "quarantined"


HELD = frozenset({TaskState.ASSIGNED, TaskState.RUNNING, TaskState.PAUSED})
OVER = frozenset({TaskState.DONE, TaskState.FAILED, TaskState.CANCELLED})


class Target(NamedTuple):
    """A place and heading in the site frame."""

    x_m: float
    y_m: float
    z_m: float
    yaw_rad: float


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """What shall be done. Never changes once a robot had it: other work is another task then."""

    task_id: str
    kind: Kind
    title: Reason
    targets: tuple[Target, ...]
    """In working order; a robot reports how many of them are done."""
    tool: str
    """What the robot must carry, such as `marker`, `drill`, `lidar`; empty for an errand."""
    tolerance_m: float
    duration_s: float
    """Expected time at the targets, travel not counted."""
    storey: str = ""
    element_ids: tuple[str, ...] = ()
    after_tasks: tuple[str, ...] = ()
    """Tasks that must be done before."""
    after_elements: tuple[str, ...] = ()
    """Elements that a scan must have verified as built before."""
    zones: tuple[str, ...] = ()
    """Zones that the robot must hold while it works."""
    permits: tuple[str, ...] = ()
    due: dt.datetime | None = None
    payload: str = ""
    """What only the robot reads, as JSON text: the G-code file of a print, the settings of a scanner."""
    only_robot: str = ""
    """The only robot that it is for; empty: any."""


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a task's history."""

    at: dt.datetime
    state: TaskState
    reason: Reason


@dataclass(frozen=True, slots=True)
class Task:
    """A task on its way. Made by `propose`, changed by `advance` alone."""

    spec: TaskSpec
    state: TaskState
    history: tuple[Change, ...]
    robot_id: str | None = None
    token: int = 0
    """The newest fencing token that was ever given out for it."""
    attempts: int = 0
    targets_done: int = 0
    avoid: frozenset[str] = frozenset()
    """Robots that gave it back or failed at it."""
    cancelling: bool = False
    """A person cancelled it; the robot that holds it has not answered yet."""

    @property
    def progress(self) -> float:
        """Share of the targets that are done."""
        if self.state is TaskState.DONE:
            return 1.0
        return self.targets_done / len(self.spec.targets) if self.spec.targets else 0.0


class Step(StrEnum):
    """What can happen to a task."""

    APPROVE = "approve"
    QUEUE = "queue"
    ASSIGN = "assign"
    START = "start"
    WORK = "work"
    """Some more targets are done."""
    PAUSE = "pause"
    RESUME = "resume"
    FINISH = "finish"
    BACK = "back"
    """The robot gave it up without doing the rest: it waits for a robot again."""
    FAIL = "fail"
    ASK_CANCEL = "ask_cancel"
    CANCEL = "cancel"
    QUARANTINE = "quarantine"
    REQUEUE = "requeue"
    """A person looked, and wants it done."""


_S = TaskState
_FROM_HELD = {Step.FINISH: _S.DONE, Step.BACK: _S.QUEUED, Step.FAIL: _S.FAILED}
_ANYWHERE = {Step.CANCEL: _S.CANCELLED, Step.QUARANTINE: _S.QUARANTINED}
NEXT: Mapping[TaskState, Mapping[Step, TaskState]] = {
    _S.PROPOSED: {Step.APPROVE: _S.APPROVED, **_ANYWHERE},
    _S.APPROVED: {Step.QUEUE: _S.QUEUED, **_ANYWHERE},
    _S.QUEUED: {Step.ASSIGN: _S.ASSIGNED, Step.FAIL: _S.FAILED, **_ANYWHERE},
    _S.ASSIGNED: {Step.START: _S.RUNNING, Step.ASK_CANCEL: _S.ASSIGNED, **_FROM_HELD, **_ANYWHERE},
    _S.RUNNING: {
        Step.WORK: _S.RUNNING,
        Step.PAUSE: _S.PAUSED,
        Step.ASK_CANCEL: _S.RUNNING,
        **_FROM_HELD,
        **_ANYWHERE,
    },
    _S.PAUSED: {Step.RESUME: _S.RUNNING, Step.ASK_CANCEL: _S.PAUSED, **_FROM_HELD, **_ANYWHERE},
    _S.FAILED: {Step.REQUEUE: _S.QUEUED},
    _S.QUARANTINED: {Step.REQUEUE: _S.QUEUED, Step.CANCEL: _S.CANCELLED, Step.FINISH: _S.DONE},
    _S.DONE: {},
    _S.CANCELLED: {},
}
"""All that can happen; what is not here is refused."""


class WrongStep(BadInput):
    """A step that is not possible in the task's state."""


def propose(spec: TaskSpec, at: dt.datetime, reason: Reason, before: Task | None = None) -> Task:
    """A new task, or one that is described anew before any robot had it: then it must be approved again.

    `at` is aware UTC; the reason says what in the model or a scan called for it.
    """
    past = before.history if before else ()
    return Task(spec, TaskState.PROPOSED, (*past, Change(at, TaskState.PROPOSED, reason)))


def advance(
    task: Task,
    step: Step,
    at: dt.datetime,
    reason: Reason,
    *,
    robot_id: str | None = None,
    token: int | None = None,
    targets_done: int | None = None,
) -> Task:
    """The task after one step.

    ASSIGN needs the robot and a token above all before it. `targets_done` never falls. Raises WrongStep otherwise.
    """
    state = NEXT[task.state].get(step)
    if state is None:
        raise WrongStep(
            f"task {task.spec.task_id} is {task.state}, {step} is not possible",
            f"one of {', '.join(NEXT[task.state]) or 'nothing: it is over'}",
            "read its newest state and decide again",
        )
    after = _holding(task, step, robot_id, token) if state in HELD else _let_go(task, step)
    done = max(task.targets_done, targets_done or 0)
    if done > len(task.spec.targets):
        raise WrongStep(f"{done} targets done", f"at most {len(task.spec.targets)}", "distrust the robot's report")
    changes = () if step is Step.WORK else (Change(at, state, reason),)
    return replace(after, state=state, targets_done=done, history=task.history + changes)


def _holding(task: Task, step: Step, robot_id: str | None, token: int | None) -> Task:
    if step is Step.ASK_CANCEL:
        return replace(task, cancelling=True)
    if step is not Step.ASSIGN:
        return task
    if robot_id is None or token is None or token <= task.token:
        raise WrongStep(
            f"{task.spec.task_id} given to {robot_id} with token {token}",
            f"a robot and a token above {task.token}",
            "take the next token",
        )
    return replace(task, robot_id=robot_id, token=token, attempts=task.attempts + 1)


def _let_go(task: Task, step: Step) -> Task:
    """Done and failed tasks keep the robot's name for the record; a waiting one has none."""
    if step is Step.REQUEUE:
        return replace(task, robot_id=None, attempts=0, avoid=frozenset())
    if step is Step.BACK and task.robot_id:
        return replace(task, robot_id=None, avoid=task.avoid | {task.robot_id}, cancelling=False)
    return replace(task, cancelling=False)
