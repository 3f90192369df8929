"""What stands in a way that was free: goods, told by the edges of the picture that changed and stay.

Each camera keeps, for every way that it sees (fire lanes and escape routes), what the ground there looked like while it
was free. Compared are the edges, not the brightness: light and shade come and go, a pallet has an outline. People and
vehicles that are followed are left out; how long it must stand is the rule's own dwell.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from site_safety.calibration import Calibration
from site_safety.detector_models import Picture
from site_safety.tracks import Box
from site_safety.zones import Zone, ZoneKind, distance_m

WAYS = (ZoneKind.FIRE_LANE, ZoneKind.ESCAPE)
VIEW = (160, 90)
"""Width and height at which backgrounds are compared."""
LEARNING_FRAMES = 50
"""Ten seconds at five frames a second, in which a way is taken to be free."""
CHANGED = 24.0
"""Edges that are so much stronger than they were, of 255: beyond noise. Weaker ones say that it is dark."""
BRIGHTNESS, DARKEST = 110.0, 40.0
"""What edges are compared at; below the second nothing is made brighter, noise would be edges."""
BLOCKED_SHARE = 0.06
"""Of the way's visible ground: a pallet across the middle of a lane 10 m long."""
LEAST_CELLS = 12
"""Cells of a way that must be seen, else it is too far off to tell."""

Edges = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Background:
    """What a camera's picture looks like while its ways are free. `edges` (90, 160) is a mean over the learning."""

    frames: int = 0
    edges: Edges | None = None


def learnt(background: Background, picture: Picture, moving: Sequence[Box]) -> Background:
    """With one frame more, as long as it is learning. Where somebody stands, what was known stays."""
    if background.frames >= LEARNING_FRAMES:
        return background
    seen = _edges(picture)
    if background.edges is None:
        return Background(1, seen)
    share = np.where(_boxes(picture, moving), 0.0, 1.0 / (background.frames + 1)).astype(np.float32)
    return replace(background, frames=background.frames + 1, edges=background.edges + share * (seen - background.edges))


def blocked(background: Background, picture: Picture, moving: Sequence[Box], ways: dict[str, Mask]) -> list[str]:
    """Ids of the ways (masks of `ways_seen`) in which something stands that was not there before."""
    if background.frames < LEARNING_FRAMES or background.edges is None:
        return []
    free = ~_boxes(picture, moving)
    changed = _edges(picture) - background.edges > CHANGED
    return [name for name, way in ways.items() if _share(changed & free, way) >= BLOCKED_SHARE]


def ways_seen(zones: Sequence[Zone], calibration: Calibration, storey: str) -> dict[str, Mask]:
    """Where the camera sees the ground of each way of its storey: masks (90, 160); ways too far off are left out.

    The lens counts as one without distortion: at this size that is less than a cell.
    """
    ways = [zone for zone in zones if zone.kind in WAYS and zone.storey in (None, storey)]
    u, v = np.meshgrid(*((np.arange(n) + 0.5) * size / n for n, size in zip(VIEW, _size(calibration), strict=True)))
    H = calibration.homography(storey)
    ground = np.linalg.solve(H, np.stack([u.ravel(), v.ravel(), np.ones(u.size)]))
    places = (ground[:2] / ground[2]).T
    # In front of the camera, where the third row of the homography, the depth, is positive.
    ahead = H[2] @ np.column_stack([places, np.ones(len(places))]).T > 0.0
    masks = {zone.zone_id: (ahead & (distance_m(zone.polygon_m, places) < 0.0)).reshape(u.shape) for zone in ways}
    return {name: mask for name, mask in masks.items() if mask.sum() >= LEAST_CELLS}


def _size(calibration: Calibration) -> tuple[int, int]:
    return calibration.width_px, calibration.height_px


def _share(changed: Mask, way: Mask) -> float:
    return float((changed & way).sum() / way.sum())


def _edges(picture: Picture) -> Edges:
    """Strength of edges (90, 160), as in a picture of ordinary brightness."""
    small = cv2.cvtColor(cv2.resize(picture, VIEW, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    light = BRIGHTNESS / max(float(small.mean()), DARKEST)
    slopes = [cv2.Sobel(small, cv2.CV_32F, *order, scale=0.25 * light) for order in ((1, 0), (0, 1))]
    return np.asarray(cv2.GaussianBlur(np.hypot(*slopes), (3, 3), 0), dtype=np.float32)


def _boxes(picture: Picture, moving: Sequence[Box]) -> Mask:
    """Cells (90, 160) that a person's or a vehicle's box covers, and those beside it."""
    height, width = picture.shape[:2]
    mask = np.zeros(VIEW[::-1], dtype=bool)
    for x1, y1, x2, y2 in moving:
        columns = slice(max(0, int(x1 / width * VIEW[0]) - 1), int(x2 / width * VIEW[0]) + 2)
        rows = slice(max(0, int(y1 / height * VIEW[1]) - 1), int(y2 / height * VIEW[1]) + 2)
        mask[rows, columns] = True
    return mask
