"""A second look at the zones that a camera guards, larger.

A detector makes the picture small before it looks, and who is far away vanishes. Of people who are shorter than a fifth
of the picture's width the shipped one finds few (benchmarks/distance.py): where a guarded zone's far side is farther,
that is told, and a part of the picture around the zones can be looked at as well.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from bim.frames import FloatArray
from bim.verdict import Reason
from site_safety.calibration import Calibration
from site_safety.cameras import Camera
from site_safety.detector import SAME_OBJECT_IOU, Detection, Detector
from site_safety.detector_models import Picture
from site_safety.detector_outputs import iou
from site_safety.tracks import Box
from site_safety.zones import Zone

STANDING_M = 1.75
LEAST_SHARE = 240 / 1280
"""Height of a person over the longer side of what is looked at: the shipped detector misses most who are shorter."""
STEP_M = 0.5
MARGIN = 0.1
"""By which the part is larger than what it is for, on each side."""
EDGE_PX = 2.0
TOO_FAR = Reason(
    "To camera {camera} a person on the far side of {zone} is {is:.0f} px tall, and most who are shorter than"
    " {need:.0f} px are missed: bring it nearer, narrow its view, or set closer = true",
    "在摄像头 {camera} 中，{zone} 远端的人员高 {is:.0f} 像素，而低于 {need:.0f} 像素的人员大多会被漏检："
    "请移近摄像头、缩小视角，或设置 closer = true",
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a camera sees of a zone."""

    part_px: Box
    """The part of the picture in which people stand who are in the zone."""
    shortest_px: float
    """How tall the farthest of them is."""


def seen_of(zone: Zone, calibration: Calibration, storey: str) -> Seen | None:
    """What a camera sees of a zone of its storey; None where nobody's feet there are in its picture."""
    edge = shapely.segmentize(shapely.Polygon(zone.polygon_m).exterior, STEP_M)
    inner = shapely.Polygon(zone.polygon_m).representative_point()
    places = np.vstack([np.asarray(edge.coords), [[inner.x, inner.y]]])
    ground = np.column_stack([places, np.full(len(places), calibration.storeys[storey])])
    feet, heads = calibration.project(ground), calibration.project(ground + np.array([0.0, 0.0, STANDING_M]))
    size = np.array([calibration.width_px, calibration.height_px])
    visible = ((feet >= 0) & (feet <= size)).all(axis=1)
    if not visible.any():
        return None
    body: FloatArray = np.vstack([feet[visible], heads[visible]])
    low, high = np.nanmin(body, axis=0), np.nanmax(body, axis=0)
    (x1, y1), (x2, y2) = (np.clip(at, 0.0, size) for at in (low - MARGIN * (high - low), high + MARGIN * (high - low)))
    shortest_px = float(np.nanmin((feet - heads)[visible, 1]))
    return Seen((float(x1), float(y1), float(x2), float(y2)), shortest_px)


def guarded(camera: Camera, zones: Sequence[Zone], calibration: Calibration | None) -> Iterator[tuple[Zone, Seen]]:
    """The zones that a camera guards and sees, and what it sees of them; none where it is not calibrated."""
    if calibration is not None and camera.storey is not None:
        for zone in zones:
            seen = seen_of(zone, calibration, camera.storey) if zone.zone_id in camera.guards else None
            if seen:
                yield zone, seen


def too_far(camera: Camera, zones: Sequence[Zone], calibration: Calibration | None) -> Iterator[tuple[Zone, Reason]]:
    """Guarded zones on whose far side the shipped detector misses most people, and why."""
    found = list(guarded(camera, zones, calibration))
    if calibration is None or not found:
        return
    whole = (0.0, 0.0, float(calibration.width_px), float(calibration.height_px))
    need_px = least_px(around([seen.part_px for _, seen in found]) if camera.closer else whole)
    for zone, seen in found:
        if seen.shortest_px < need_px:
            words = {"camera": camera.camera_id, "zone": zone.name, "is": seen.shortest_px, "need": need_px}
            yield zone, Reason(TOO_FAR.en.format_map(words), TOO_FAR.zh.format_map(words))


def around(parts: Sequence[Box]) -> Box:
    """The part of the picture that holds all of some."""
    x1, y1 = np.min([part[:2] for part in parts], axis=0).tolist()
    x2, y2 = np.max([part[2:] for part in parts], axis=0).tolist()
    return x1, y1, x2, y2


def least_px(part_px: Box) -> float:
    """How tall a person must be in a part of the picture, or in the whole of it, to be found."""
    x1, y1, x2, y2 = part_px
    return LEAST_SHARE * max(x2 - x1, y2 - y1)


def look_closer(detector: Detector, picture: Picture, part_px: Box, least_score: float) -> tuple[Detection, ...]:
    """Who and what is in the picture, looked at as a whole and in a part; each once, best first.

    Whoever the part's own edge cuts off is left to the whole: half a person has no feet to place.
    """
    x1, y1, x2, y2 = (round(value) for value in part_px)
    whole = detector.detect(picture, least_score)
    close = [_moved(each, x1, y1) for each in detector.detect(picture[y1:y2, x1:x2], least_score)]
    height, width = picture.shape[:2]
    inner = (
        x1 + EDGE_PX if x1 > 0 else -np.inf,
        y1 + EDGE_PX if y1 > 0 else -np.inf,
        x2 - EDGE_PX if x2 < width else np.inf,
        y2 - EDGE_PX if y2 < height else np.inf,
    )
    return _once([*whole, *(each for each in close if _within(each.xyxy, inner))])


def _moved(found: Detection, x: int, y: int) -> Detection:
    x1, y1, x2, y2 = found.xyxy
    return Detection(found.kind, (x1 + x, y1 + y, x2 + x, y2 + y), found.score)


def _within(box: Box, inner: tuple[float, float, float, float]) -> bool:
    return box[0] > inner[0] and box[1] > inner[1] and box[2] < inner[2] and box[3] < inner[3]


def _once(found: Sequence[Detection]) -> tuple[Detection, ...]:
    kept: list[Detection] = []
    for each in sorted(found, key=lambda one: -one.score):
        same = [other.xyxy for other in kept if other.kind is each.kind]
        if not same or iou(np.array([each.xyxy]), np.array(same)).max() < SAME_OBJECT_IOU:
            kept.append(each)
    return tuple(kept)
