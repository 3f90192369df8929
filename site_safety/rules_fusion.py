"""Several cameras see one person: their tracks become one body, by place and time."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from bim.verdict import Vector
from site_safety.tracks import Box, Kind, Track, Worn

GATE_M = 0.5
"""Two views of one body differ by so much beyond their errors: feet are wide and boxes are coarse."""
MAX_GATE_M = 2.5
SIGMAS = 2.0
WALK_M_S = 1.6
"""ISO 13855: how fast a person walks; frames that were not taken together may show a body apart."""
RIDES = 0.8
"""A person with this share of its box in a vehicle's box rides it."""


@dataclass(frozen=True, slots=True)
class Body:
    """One person or vehicle, as the best of the tracks that show it tells."""

    tracks: tuple[Track, ...]
    """The first knows the place best."""

    @property
    def best(self) -> Track:
        """The track that places the body."""
        return self.tracks[0]

    @property
    def track_ids(self) -> tuple[str, ...]:
        """Of all cameras, sorted."""
        return tuple(sorted(track.track_id for track in self.tracks))

    @property
    def score(self) -> float:
        """Of the surest track."""
        return max(track.score for track in self.tracks)

    def worn(self, equipment: str) -> Worn:
        """What the cameras agree on; `cannot_tell` where they contradict each other."""
        said = {getattr(track, equipment) for track in self.tracks} - {Worn.CANNOT_TELL}
        worn: Worn = said.pop() if len(said) == 1 else Worn.CANNOT_TELL
        return worn


def bodies(tracks: Iterable[Track], now: datetime, max_age_s: float = 2.0) -> tuple[Body, ...]:
    """The bodies that recent tracks show. Tracks without a place stand for themselves."""
    recent = [track for track in tracks if abs((now - track.at).total_seconds()) <= max_age_s]
    groups: list[list[Track]] = []
    for track in sorted(recent, key=lambda track: (track.sigma_m is None, track.sigma_m or 0.0, track.track_id)):
        group = min(
            (group for group in groups if _same(group, track)),
            key=lambda group: _apart_m(group[0], track),
            default=None,
        )
        if group is None:
            groups.append([track])
        else:
            group.append(track)
    return tuple(Body(tuple(group)) for group in groups)


def rides(person: Track, vehicle: Track) -> bool:
    """Whether the person is in or on the vehicle, as their camera sees it."""
    if person.camera_id != vehicle.camera_id:
        return False
    x1, y1, x2, y2 = person.xyxy
    inside = _area(
        (max(x1, vehicle.xyxy[0]), max(y1, vehicle.xyxy[1]), min(x2, vehicle.xyxy[2]), min(y2, vehicle.xyxy[3]))
    )
    return inside >= RIDES * _area(person.xyxy)


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _same(group: list[Track], track: Track) -> bool:
    first = group[0]
    if track.kind is not first.kind or track.storey != first.storey or track.sigma_m is None or first.sigma_m is None:
        return False
    if track.camera_id in {each.camera_id for each in group}:
        return False
    apart_s = abs((track.at - first.at).total_seconds())
    gate_m = min(GATE_M + SIGMAS * math.hypot(track.sigma_m, first.sigma_m), MAX_GATE_M) + WALK_M_S * apart_s
    return _apart_m(first, track) <= gate_m


def _apart_m(first: Track, second: Track) -> float:
    a, b = _place(first), _place(second)
    return math.hypot(a[0] - b[0], a[1] - b[1])


def _place(track: Track) -> Vector:
    return track.position_m or (math.inf, math.inf, math.inf)


def moving(track: Track, slowest_m_s: float) -> bool:
    """Whether a vehicle is known to move."""
    return (
        track.kind is Kind.VEHICLE and track.velocity_m_s is not None and math.hypot(*track.velocity_m_s) >= slowest_m_s
    )
