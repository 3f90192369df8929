"""What the planner is asked and what it answers: values only.

Times are whole seconds after the moment of planning, distances metres along the floor, battery levels shares of 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bim.frames import FloatArray
from bim.verdict import Reason

Window = tuple[int, int]
"""Start and end of a shift in seconds."""


@dataclass(frozen=True, slots=True)
class Job:
    """One task as the planner sees it. Places are rows of `Problem.distance_m`."""

    job_id: str
    skill: str
    """Kind of work and tool, such as `drill with hammer_drill`."""
    start_place: int
    end_place: int
    """Where the robot is when the work is done: the far end of a line, else the same place."""
    work_s: int
    """Working time of a robot of rate 1."""
    after: tuple[str, ...] = ()
    """Jobs of the same problem that end before this one starts."""
    zones: tuple[str, ...] = ()
    """Held alone from start to end of the work."""
    release_s: int = 0
    due_s: int | None = None
    priority: int = 1
    """How much a second of its lateness weighs beside others."""


@dataclass(frozen=True, slots=True)
class Machine:
    """One robot as the planner sees it. It charges at its own dock, to full; one without a dock needs no charging."""

    robot_id: str
    kind: str
    """Robots of one kind share a row of `Problem.distance_m`: they fit through the same doors."""
    rates: Mapping[str, float]
    """Its skills, and how fast it works by each beside a robot of rate 1."""
    place: int
    speed_m_s: float = 0.5
    free_s: int = 0
    """When what it does now is done; it is at `place` then."""
    dock: int | None = None
    battery: float = 1.0
    reserve: float = 0.1
    """Never below this on its way to the dock."""
    drive_per_s: float = 0.0
    work_per_s: float = 0.0
    charge_per_s: float = 0.0
    shifts: tuple[Window, ...] = ((0, 8 * 3600),)
    """Work lies within one of these; driving and charging may not."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What a plan costs, in seconds of one robot's time. All whole numbers."""

    busy: int = 1
    """A second of work or of driving."""
    finish: int = 10
    """A second by which the last job ends later."""
    late: int = 20
    """A second that a job of priority 1 ends after it is due."""
    change: int = 300
    """A job that goes to another robot than in the plan before, though that one is still there."""
    left_out: int = 10_000_000
    """A job that could be done and is not planned: more than any plan costs."""


@dataclass(frozen=True)
class Problem:
    """Jobs, robots, and the way between places. distance_m: for each kind of robot (P, P), infinite where no way is."""

    jobs: tuple[Job, ...]
    machines: tuple[Machine, ...]
    distance_m: Mapping[str, FloatArray]
    weights: Weights = field(default_factory=Weights)
    before: Mapping[str, str] = field(default_factory=dict)
    """The plan before: which robot each job had."""


class Bound(StrEnum):
    """What set the start of a visit: it could not have been earlier because of this."""

    TRAVEL = "travel"
    CHARGING = "charging"
    RELEASE = "release"
    PREDECESSOR = "predecessor"
    ZONE = "zone"
    SHIFT = "shift"


@dataclass(frozen=True, slots=True)
class Visit:
    """A robot does a job. It leaves where it was at `leave_s`, perhaps by way of its dock."""

    job_id: str
    robot_id: str
    leave_s: int
    travel_s: int
    charge_s: int
    """Time on the dock before the job, 0 for none."""
    arrive_s: int
    start_s: int
    end_s: int
    battery_after: float
    bound: Bound
    waits_for: str | None
    """The job or zone that it waited for, where `bound` says so."""
    reason: Reason


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job that is not planned, and why."""

    job_id: str
    reason: Reason


@dataclass(frozen=True)
class Plan:
    """Visits by start, what waits and why, and how good the plan is."""

    visits: tuple[Visit, ...]
    waiting: tuple[Waiting, ...]
    cost: int
    bound: int | None
    """No plan costs less. None where jobs that could be done are left out: nothing is proven then."""
    finish_s: int
    travel_s: int
    late_s: int
    changes: int
    """Jobs that have another robot than before."""

    @property
    def gap(self) -> float | None:
        """How far the plan may be from the best, as a share of the bound; 0 is proven optimal."""
        if self.bound is None:
            return None
        return (self.cost - self.bound) / self.bound if self.bound else float(self.cost > 0)


def planned(robot_of: Mapping[str, str]) -> Plan:
    """A plan of which only is known who does what, in the order of starts: enough to plan again from."""
    unknown = Reason("", "")
    visits = tuple(
        Visit(job_id, robot_id, 0, 0, 0, 0, 0, 0, 1.0, Bound.TRAVEL, None, unknown)
        for job_id, robot_id in robot_of.items()
    )
    return Plan(visits, (), 0, None, 0, 0, 0, 0)
