"""From boxes in one camera's frames to tracks on the ground: ByteTrack, then place, speed and equipment by vote.

Association as in Zhang et al. 2022, "ByteTrack": sure boxes are matched to predicted ones first, unsure boxes only keep
alive what is followed already. The motion model is a Kalman filter of constant velocity over box centre, aspect and
height, in seconds instead of frames, because cameras drop frames.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from scipy.optimize import linear_sum_assignment

from bim.frames import FloatArray
from bim.verdict import Vector
from site_safety.calibration import Calibration, Place
from site_safety.calibration_map import distance_m, standing_height_m
from site_safety.detector import Detection
from site_safety.detector_outputs import iou
from site_safety.equipment import VOTES, Equipment, voted
from site_safety.tracks import Box, Kind, Track, Worn

SURE, UNSURE, BEGIN = 0.45, 0.1, 0.55
"""Scores: matched first; matched to what is left; enough to begin a track."""
FIRST_IOU, SECOND_IOU = 0.1, 0.4
LOST_S = 2.0
"""A track that was not seen for longer has ended."""
LARGEST_GAP_S = 5.0
"""After a longer gap, or a clock that went back, everybody is followed anew."""
SPEED_OVER_S, LEAST_S = 1.5, 0.5
JUDGE_EVERY_S = 0.6
"""How often equipment is looked at again once the vote is full."""

Judge = Callable[[Sequence[Box]], Sequence[Equipment]]
"""What the people in boxes of the current picture wear."""


@dataclass
class _Followed:
    """A box through time. `mean` (8,) is centre x, y, aspect, height and their rates a second."""

    number: int
    kind: Kind
    mean: FloatArray
    covariance: FloatArray
    first: datetime
    seen: datetime
    box: Box
    score: float
    confirmed: bool = False
    places: deque[tuple[datetime, Place]] = field(default_factory=lambda: deque(maxlen=64))
    worn: deque[Equipment] = field(default_factory=lambda: deque(maxlen=VOTES))
    judged: datetime | None = None


class Tracker:
    """Follows what one camera sees. `calibration` must be of the pictures' size; without it there are no places."""

    def __init__(
        self,
        camera_id: str,
        calibration: Calibration | None = None,
        storey: str | None = None,
        first_number: int = 0,
    ) -> None:
        self.camera_id = camera_id
        self._calibration = calibration
        self._storey = storey
        self._followed: list[_Followed] = []
        self._last: datetime | None = None
        self._numbers = first_number

    def update(self, detections: Sequence[Detection], at: datetime) -> tuple[Track, ...]:
        """The confirmed tracks that this frame shows, given its detections and its time (aware UTC)."""
        gap_s = (at - self._last).total_seconds() if self._last else 0.0
        if not 0.0 <= gap_s <= LARGEST_GAP_S:
            self._followed = []
        self._last = at
        for each in self._followed:
            _predict(each, gap_s)
        self._associate(detections, at)
        self._followed = [each for each in self._followed if _lives(each, at)]
        return tuple(self._track(each, at) for each in self._shown(at))

    def look_at_equipment(self, judge: Judge) -> None:
        """Have the newest frame's people judged whose turn it is; the next update's tracks tell it."""
        at = self._last
        due = [each for each in self._shown(at) if each.kind is Kind.PERSON and _due(each, at)] if at else []
        for each, equipment in zip(due, judge([each.box for each in due]) if due else (), strict=True):
            each.worn.append(equipment)
            each.judged = at

    def _shown(self, at: datetime) -> list[_Followed]:
        return [each for each in self._followed if each.confirmed and each.seen == at]

    def _associate(self, detections: Sequence[Detection], at: datetime) -> None:
        sure = [each for each in detections if each.score >= SURE]
        unsure = [each for each in detections if UNSURE <= each.score < SURE]
        left, new = _match(self._followed, sure, FIRST_IOU, at)
        # An unsure box may only continue what was seen a moment ago.
        fresh = [each for each in left if each.confirmed]
        _match(fresh, unsure, SECOND_IOU, at)
        self._followed += [self._begin(each, at) for each in new if each.score >= BEGIN]

    def _begin(self, detection: Detection, at: datetime) -> _Followed:
        self._numbers += 1
        seen = _measured(detection.xyxy)
        mean = np.concatenate([seen, np.zeros(4)])
        spread = np.array([0.1, 0.1, 0.05, 0.1, 1.0, 1.0, 0.05, 0.5]) * seen[3]
        spread[[2, 6]] = 0.1, 0.1
        number = self._numbers
        return _Followed(number, detection.kind, mean, np.diag(spread**2), at, at, detection.xyxy, detection.score)

    def _track(self, each: _Followed, at: datetime) -> Track:
        place = self._calibration.standing(each.box, self._storey) if self._calibration and self._storey else None
        if place is not None:
            each.places.append((at, place))
        position = place.position_m if place else None
        return Track(
            track_id=f"{self.camera_id}/{each.number}",
            camera_id=self.camera_id,
            kind=each.kind,
            at=at,
            age_s=(at - each.first).total_seconds(),
            xyxy=each.box,
            score=each.score,
            storey=self._storey if place else None,
            position_m=position,
            sigma_m=place.sigma_m if place else None,
            velocity_m_s=_velocity(each.places, at),
            height_m=self._height(each.box, position),
            distance_m=distance_m(self._calibration, position) if self._calibration and position else None,
            helmet=_vote(each, "helmet"),
            vest=_vote(each, "vest"),
        )

    def _height(self, box: Box, position: Vector | None) -> float | None:
        if self._calibration is None or position is None:
            return None
        height = standing_height_m(self._calibration, box, position)
        return height if np.isfinite(height) else None


# --- Matching -------------------------------------------------------------------------------------------------------


def _match(
    followed: Sequence[_Followed], detections: Sequence[Detection], least_iou: float, at: datetime
) -> tuple[list[_Followed], list[Detection]]:
    """Update what matches; return what of both is left."""
    if not followed or not detections:
        return list(followed), list(detections)
    overlap = iou(np.array([_box(each.mean) for each in followed]), np.array([each.xyxy for each in detections]))
    overlap[[[a.kind is not b.kind for b in detections] for a in followed]] = 0.0
    rows, columns = linear_sum_assignment(-overlap)
    pairs = [(r, c) for r, c in zip(rows, columns, strict=True) if overlap[r, c] >= least_iou]
    for r, c in pairs:
        _correct(followed[r], detections[c], at)
    matched, used = {r for r, _ in pairs}, {c for _, c in pairs}
    left = [each for i, each in enumerate(followed) if i not in matched]
    return left, [each for i, each in enumerate(detections) if i not in used]


def _lives(each: _Followed, at: datetime) -> bool:
    """A track that one frame began must be seen in the next; a confirmed one may be hidden for a while."""
    return each.seen == at or (each.confirmed and at - each.seen <= timedelta(seconds=LOST_S))


def _due(each: _Followed, at: datetime) -> bool:
    waited = each.judged is None or at - each.judged >= timedelta(seconds=JUDGE_EVERY_S)
    return len(each.worn) < VOTES or waited


def _vote(each: _Followed, piece: str) -> Worn:
    return voted([getattr(equipment, piece).state for equipment in each.worn])


# --- Motion ---------------------------------------------------------------------------------------------------------


def _measured(box: Box) -> FloatArray:
    x1, y1, x2, y2 = box
    return np.array([(x1 + x2) / 2, (y1 + y2) / 2, (x2 - x1) / (y2 - y1), y2 - y1])


def _box(mean: FloatArray) -> FloatArray:
    x, y, aspect, height = mean[:4]
    height = max(height, 1.0)
    half = np.array([max(aspect, 0.05) * height, height]) / 2
    return np.array([x - half[0], y - half[1], x + half[0], y + half[1]])


def _predict(each: _Followed, seconds: float) -> None:
    F = np.eye(8)
    F[:4, 4:] = seconds * np.eye(4)
    height = max(each.mean[3], 1.0)
    # Changes of speed a second, in heights: people stop and turn within one.
    noise = np.array([0.05, 0.05, 0.0, 0.05, 0.5, 0.5, 0.0, 0.2]) * height
    noise[[2, 6]] = 0.02, 0.02
    each.mean = F @ each.mean
    each.covariance = F @ each.covariance @ F.T + np.diag(noise**2) * max(seconds, 1e-3)


def _correct(each: _Followed, detection: Detection, at: datetime) -> None:
    seen = _measured(detection.xyxy)
    noise = np.array([0.05, 0.05, 0.0, 0.05]) * seen[3]
    noise[2] = 0.1
    S = each.covariance[:4, :4] + np.diag(noise**2)
    gain = np.linalg.solve(S, each.covariance[:4, :]).T
    each.mean = each.mean + gain @ (seen - each.mean[:4])
    each.covariance = each.covariance - gain @ S @ gain.T
    each.box, each.score, each.seen, each.confirmed = detection.xyxy, detection.score, at, True


def _velocity(places: Sequence[tuple[datetime, Place]], now: datetime) -> tuple[float, float] | None:
    """Slope of x and y over the last moments, by least squares."""
    recent = [(at, place) for at, place in places if (now - at).total_seconds() <= SPEED_OVER_S]
    if len(recent) < 3 or (recent[-1][0] - recent[0][0]).total_seconds() < LEAST_S:
        return None
    seconds = np.array([(at - now).total_seconds() for at, _ in recent])
    xy = np.array([place.position_m[:2] for _, place in recent])
    slope = np.polyfit(seconds, xy, 1)[0]
    return float(slope[0]), float(slope[1])
