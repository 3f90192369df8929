"""What the rules read and what they say: one moment of a site, and alarms. Values only."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from bim.verdict import Reason, Vector
from site_safety.hazards import Level, Source
from site_safety.tracks import Track
from site_safety.zones import Zone


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine that reports where it is: a robot."""

    machine_id: str
    position_m: Vector
    speed_m_s: float
    storey: str | None
    at: datetime
    radius_m: float = 0.5


@dataclass(frozen=True, slots=True)
class Crane:
    """A crane's telemetry."""

    crane_id: str
    load_m: Vector
    """Where the hook is, site frame."""
    loaded: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Tag:
    """A radio tag that says what role somebody has there; it names no one."""

    role: str
    position_m: Vector
    reach_m: float
    """It speaks for whoever is seen so near to it."""


@dataclass(frozen=True, slots=True)
class CameraView:
    """How well a camera sees now."""

    camera_id: str
    state: str
    """live, stale, frozen, dark, moved or lost."""
    frame_age_s: float
    storey: str | None = None
    guards: tuple[str, ...] = ()
    """Ids of the zones whose robots stop when no camera sees the zone."""

    def sees(self, max_age_s: float) -> bool:
        """Whether what it shows is true now."""
        return self.state == "live" and self.frame_age_s <= max_age_s


@dataclass(frozen=True, slots=True)
class Obstruction:
    """Something that stands where the background was free."""

    camera_id: str
    zone_id: str


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that is known at one moment; `tracks` are the newest of every camera."""

    at: datetime
    tracks: tuple[Track, ...] = ()
    zones: tuple[Zone, ...] = ()
    cameras: tuple[CameraView, ...] = ()
    machines: tuple[Machine, ...] = ()
    cranes: tuple[Crane, ...] = ()
    tags: tuple[Tag, ...] = ()
    obstructions: tuple[Obstruction, ...] = ()


class Phase(StrEnum):
    """An alarm is raised once, goes on, and ends once."""

    RAISED = "raised"
    ONGOING = "ongoing"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class StopWish:
    """What shall stop: the site, a zone's robots, or one robot."""

    scope: Literal["site", "zone", "robot"]
    ref: str
    robots: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Alarm:
    """What a rule says at one moment. `key` is the same from raised to ended."""

    key: str
    phase: Phase
    rule: str
    level: Level
    source: Source
    text: Reason
    at: datetime
    since: datetime
    """When the condition began, before its dwell."""
    storey: str | None = None
    zone_id: str | None = None
    place_m: Vector | None = None
    machine_ids: tuple[str, ...] = ()
    camera_id: str | None = None
    track_ids: tuple[str, ...] = ()
    stop: StopWish | None = None
    """Set while the stop is wanted, not when the alarm has ended."""
