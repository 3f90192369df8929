"""The life of a hazard: one record for camera, robot, scan, sensor and human hazards. Pure: values in, values out.

    registered ─ assign ─▶ assigned ─ start ─▶ rectifying ─ submit ─▶ rechecking ─ close ─▶ closed
        └─ review: false ─▶ closed                 ▲                       └─ return ─▶ returned
                                                   └───────── start ──────────────────────┘

A hazard is the fold of its events: `apply(None, registered)`, then `apply(hazard, event)` for each that follows. Same
events, same hazard. Whoever rectified never re-checks, and no one reviews what they reported.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Literal

from bim.errors import BadInput
from bim.verdict import Reason, Vector


class Level(StrEnum):
    """How bad, ascending. `stop` asks robots to stop; a person who works beside them is in danger now."""

    NOTICE = "notice"
    WARNING = "warning"
    DANGER = "danger"
    STOP = "stop"


class Source(StrEnum):
    """Who reports."""

    CAMERA = "camera"
    ROBOT = "robot"
    SCAN = "scan"
    SENSOR = "sensor"
    PERSON = "person"


class HazardState(StrEnum):
    """Where a hazard stands on its way to being closed."""

    REGISTERED = "registered"
    ASSIGNED = "assigned"
    RECTIFYING = "rectifying"
    RECHECKING = "rechecking"
    CLOSED = "closed"
    RETURNED = "returned"


class Deed(StrEnum):
    """What may happen to a hazard."""

    REGISTER = "register"
    SEEN = "seen"
    """The condition still holds, or holds again."""
    CLEARED = "cleared"
    """The condition has ended by itself; the hazard stays open until somebody has dealt with it."""
    ACKNOWLEDGE = "acknowledge"
    REVIEW = "review"
    ASSIGN = "assign"
    START = "start"
    SUBMIT = "submit"
    CLOSE = "close"
    RETURN = "return"
    ADD_EVIDENCE = "add_evidence"
    STOP_WORK = "stop_work"
    ESCALATE = "escalate"
    SETTLE = "settle"
    """Closed on the server where people deal with it."""


SERVER = "server"
"""Who settles, and who passes on what people answered there."""

Review = Literal["true", "false", "cannot_tell"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Something that shows the hazard; its content is known by its hash."""

    kind: Literal["clip", "photo", "verdict", "reading"]
    sha256: str
    file: str
    """Name of the stored file, or a reference such as `comparison/12#GUID`."""


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of a hazard's history."""

    at: datetime
    by: str
    deed: Deed
    state: HazardState
    note: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is registered: which rule, how bad, and where."""

    rule: str
    source: Source
    level: Level
    text: Reason
    storey: str | None = None
    zone_id: str | None = None
    place_m: Vector | None = None
    element_ids: tuple[str, ...] = ()
    robot_ids: tuple[str, ...] = ()
    camera_id: str | None = None
    key: str = ""
    """What is watched, as an alarm names it: seen again while the hazard is open, it is the same hazard."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to one hazard. `by` is the id of a person, or of the part that reports."""

    hazard_id: str
    deed: Deed
    at: datetime
    by: str
    note: str = ""
    subject: Subject | None = None
    """With `register`."""
    to: str | None = None
    """With `assign`: who shall rectify."""
    due_at: datetime | None = None
    """With `register` and `assign`; from the level where it is left out."""
    review: Review | None = None
    """With `review`."""
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Hazard:
    """A hazard as its events have made it."""

    hazard_id: str
    rule: str
    source: Source
    level: Level
    state: HazardState
    text: Reason
    storey: str | None
    zone_id: str | None
    place_m: Vector | None
    element_ids: tuple[str, ...]
    robot_ids: tuple[str, ...]
    camera_id: str | None
    key: str
    opened_by: str
    opened_at: datetime
    due_at: datetime
    seen_at: datetime
    """When the condition was last seen."""
    cleared_at: datetime | None = None
    acknowledged_at: datetime | None = None
    closed_at: datetime | None = None
    assigned_to: str | None = None
    rectified_by: str | None = None
    review: Review | None = None
    stop_work: bool = False
    """Work stands still here until the hazard is closed."""
    escalations: int = 0
    history: tuple[Step, ...] = ()
    evidence: tuple[Evidence, ...] = ()

    @property
    def open(self) -> bool:
        """Whether somebody still has to act."""
        return self.state is not HazardState.CLOSED


@dataclass(frozen=True)
class Deadlines:
    """How long a hazard of each level may take, and how long after that before the next escalation."""

    due: Mapping[Level, timedelta] = field(default_factory=lambda: DUE)
    escalate_every: timedelta = timedelta(hours=4)


DUE: Mapping[Level, timedelta] = MappingProxyType({
    Level.NOTICE: timedelta(days=7),
    Level.WARNING: timedelta(days=1),
    Level.DANGER: timedelta(hours=4),
    Level.STOP: timedelta(hours=1),
})  # fmt: skip

_S, _D = HazardState, Deed
_OPEN = frozenset(HazardState) - {_S.CLOSED}
FROM: Mapping[Deed, frozenset[HazardState]] = MappingProxyType({
    _D.SEEN: _OPEN,
    _D.CLEARED: _OPEN,
    _D.ACKNOWLEDGE: _OPEN,
    _D.REVIEW: _OPEN,
    _D.ASSIGN: frozenset({_S.REGISTERED, _S.ASSIGNED, _S.RETURNED}),
    _D.START: frozenset({_S.ASSIGNED, _S.RETURNED}),
    _D.SUBMIT: frozenset({_S.RECTIFYING}),
    _D.CLOSE: frozenset({_S.RECHECKING}),
    _D.RETURN: frozenset({_S.RECHECKING}),
    _D.ADD_EVIDENCE: _OPEN,
    _D.STOP_WORK: _OPEN,
    _D.ESCALATE: _OPEN,
    _D.SETTLE: _OPEN,
})  # fmt: skip
"""From which states each deed may be done."""

TO: Mapping[Deed, HazardState] = MappingProxyType({
    _D.ASSIGN: _S.ASSIGNED, _D.START: _S.RECTIFYING, _D.SUBMIT: _S.RECHECKING, _D.CLOSE: _S.CLOSED,
    _D.RETURN: _S.RETURNED, _D.SETTLE: _S.CLOSED,
})  # fmt: skip


def apply(hazard: Hazard | None, event: Event, deadlines: Deadlines | None = None) -> Hazard:
    """The hazard after an event. Raises BadInput for what may not be done now, or not by them, and says why."""
    deadlines = deadlines or Deadlines()
    if hazard is None or event.deed is Deed.REGISTER:
        return _registered(hazard, event, deadlines)
    _refuse(hazard, event)
    changed = replace(hazard, **_changes(hazard, event, deadlines))
    step = Step(event.at, event.by, event.deed, changed.state, event.note)
    # A condition that goes on for hours is one line of history, not one a minute; one that comes back is another.
    goes_on = event.deed is Deed.SEEN and hazard.cleared_at is None
    history = hazard.history if goes_on else (*hazard.history, step)
    return replace(changed, history=history, evidence=hazard.evidence + _new(hazard, event.evidence))


def replay(events: Iterable[Event], deadlines: Deadlines | None = None) -> dict[str, Hazard]:
    """Every hazard by its id, in the order of registration."""
    hazards: dict[str, Hazard] = {}
    for event in events:
        hazards[event.hazard_id] = apply(hazards.get(event.hazard_id), event, deadlines)
    return hazards


def possible(hazard: Hazard, by: str) -> tuple[Deed, ...]:
    """What this person may do with it now: what a screen offers."""
    return tuple(deed for deed, states in FROM.items() if hazard.state in states and not _not_by(hazard, deed, by))


def escalation(hazard: Hazard, now: datetime, deadlines: Deadlines | None = None) -> Event | None:
    """The escalation that is due now, if one is: at the deadline, and again every `escalate_every` after it."""
    every = (deadlines or Deadlines()).escalate_every
    if not hazard.open or now < hazard.due_at + hazard.escalations * every:
        return None
    late_h = (now - hazard.due_at).total_seconds() / 3600
    return Event(hazard.hazard_id, Deed.ESCALATE, now, "deadline", f"overdue by {late_h:.1f} h")


# --- One event --------------------------------------------------------------------------------------------------------


def _registered(hazard: Hazard | None, event: Event, deadlines: Deadlines) -> Hazard:
    subject = event.subject
    if hazard is not None:
        raise BadInput(f"hazard {event.hazard_id} exists", "a new id", "register it once")
    if event.deed is not Deed.REGISTER or subject is None:
        raise BadInput(f"no hazard {event.hazard_id}", "a hazard that was registered", "check the id")
    return Hazard(
        event.hazard_id, subject.rule, subject.source, subject.level, HazardState.REGISTERED, subject.text,
        subject.storey, subject.zone_id, subject.place_m, subject.element_ids, subject.robot_ids, subject.camera_id,
        subject.key,
        opened_by=event.by,
        opened_at=event.at,
        due_at=event.due_at or event.at + deadlines.due[subject.level],
        seen_at=event.at,
        history=(Step(event.at, event.by, event.deed, HazardState.REGISTERED, event.note),),
        evidence=tuple(dict.fromkeys(event.evidence)),
    )  # fmt: skip


def _refuse(hazard: Hazard, event: Event) -> None:
    if hazard.state not in FROM[event.deed]:
        needed = ", ".join(sorted(FROM[event.deed]))
        raise BadInput(f"{event.deed} of a hazard that is {hazard.state}", f"one that is {needed}", "look at it again")
    if why := _not_by(hazard, event.deed, event.by):
        raise BadInput(f"{event.deed} by {event.by}", why, "ask another person")
    if event.at < hazard.opened_at:
        raise BadInput(f"{event.deed} at {event.at}", f"a time after {hazard.opened_at}", "check the clock")
    if why := _incomplete(hazard, event):
        raise BadInput(f"{event.deed} without {why}", why, "add it")


def _not_by(hazard: Hazard, deed: Deed, by: str) -> str:
    """Why this person may not do this; empty where they may."""
    if deed in (Deed.CLOSE, Deed.RETURN) and by in _who_rectified(hazard):
        return "a re-check by somebody else than who rectified"
    if deed is Deed.REVIEW and by == hazard.opened_by:
        return "a review by somebody else than who reported"
    if deed is Deed.SETTLE and by != SERVER:
        return "the server where people close it"
    return ""


def _who_rectified(hazard: Hazard) -> set[str | None]:
    return {step.by for step in hazard.history if step.deed in (Deed.START, Deed.SUBMIT)} | {hazard.assigned_to}


def _incomplete(hazard: Hazard, event: Event) -> str:
    if event.deed is Deed.ASSIGN and not event.to:
        return "a responsible person"
    if event.deed is Deed.REVIEW and event.review is None:
        return "an answer: true, false or cannot_tell"
    if event.deed is Deed.SUBMIT and hazard.level in (Level.DANGER, Level.STOP) and not event.evidence:
        return "a picture or reading that shows it rectified"
    if event.deed in (Deed.SUBMIT, Deed.RETURN, Deed.STOP_WORK) and not event.note and not event.evidence:
        return "a note or a picture"
    return ""


def _changes(hazard: Hazard, event: Event, deadlines: Deadlines) -> dict[str, Any]:
    changes: dict[str, Any] = {"state": TO.get(event.deed, hazard.state)}
    if event.deed not in _BY_THEMSELVES:
        changes |= {"acknowledged_at": hazard.acknowledged_at or event.at}
    if event.deed is Deed.RETURN:
        changes |= {"due_at": max(hazard.due_at, event.at + deadlines.escalate_every)}
    return changes | (_CHANGES[event.deed](hazard, event) if event.deed in _CHANGES else {})


_BY_THEMSELVES = frozenset({Deed.SEEN, Deed.CLEARED, Deed.ESCALATE, Deed.ADD_EVIDENCE})
"""Deeds that no person does: they acknowledge nothing."""
BY_PEOPLE = frozenset(Deed) - {Deed.REGISTER, Deed.SEEN, Deed.CLEARED, Deed.ESCALATE, Deed.SETTLE}
"""Deeds that a person may ask for."""


def _reviewed(hazard: Hazard, event: Event) -> dict[str, Any]:
    """A false alarm ends here, unless people already work on it."""
    ends = event.review == "false" and hazard.state in (HazardState.REGISTERED, HazardState.ASSIGNED)
    closing = {"state": HazardState.CLOSED, "closed_at": event.at, "stop_work": False} if ends else {}
    return {"review": event.review} | closing


_CHANGES: Mapping[Deed, Callable[[Hazard, Event], dict[str, Any]]] = MappingProxyType({
    Deed.SEEN: lambda hazard, event: {"seen_at": event.at, "cleared_at": None},
    Deed.CLEARED: lambda hazard, event: {"cleared_at": event.at},
    Deed.REVIEW: _reviewed,
    Deed.ASSIGN: lambda hazard, event: {"assigned_to": event.to, "due_at": event.due_at or hazard.due_at},
    Deed.SUBMIT: lambda hazard, event: {"rectified_by": event.by},
    Deed.CLOSE: lambda hazard, event: {"closed_at": event.at, "stop_work": False},
    Deed.SETTLE: lambda hazard, event: {"closed_at": event.at, "stop_work": False},
    Deed.STOP_WORK: lambda hazard, event: {"stop_work": True},
    Deed.ESCALATE: lambda hazard, event: {"escalations": hazard.escalations + 1},
})  # fmt: skip


def _new(hazard: Hazard, evidence: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    return tuple(each for each in dict.fromkeys(evidence) if each not in hazard.evidence)
