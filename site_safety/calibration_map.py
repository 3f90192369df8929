"""How far off the ground is, in metres: the map that a calibration is judged by, and pictures of other sizes."""

from dataclasses import dataclass, replace

import numpy as np

from bim.verdict import Vector
from site_safety.calibration import Calibration

COLUMNS, ROWS = 16, 9
FURTHEST_M = 200.0
"""Beyond it nobody is told apart: the ground near the horizon runs on without end."""


@dataclass(frozen=True, slots=True)
class GroundError:
    """What a pixel on the ground means."""

    picture_px: tuple[float, float]
    position_m: Vector
    distance_m: float
    """From the camera, over the ground."""
    sigma_m: float


def error_map(calibration: Calibration, storey: str) -> tuple[GroundError, ...]:
    """The standard error of a storey's ground over a grid of pixels, those above the horizon left out."""
    us = (np.arange(COLUMNS) + 0.5) * calibration.width_px / COLUMNS
    vs = (np.arange(ROWS) + 0.5) * calibration.height_px / ROWS
    found = (_at(calibration, storey, float(u), float(v)) for v in vs for u in us)
    return tuple(each for each in found if each is not None and each.distance_m <= FURTHEST_M)


def _at(calibration: Calibration, storey: str, u: float, v: float) -> GroundError | None:
    place = calibration.ground((u, v), storey)
    if place is None:
        return None
    return GroundError((u, v), place.position_m, distance_m(calibration, place.position_m), place.sigma_m)


def distance_m(calibration: Calibration, position_m: Vector) -> float:
    """From the camera to a place, over the ground."""
    eye = calibration.T_site_camera[:2, 3]
    return float(np.hypot(position_m[0] - eye[0], position_m[1] - eye[1]))


def standing_height_m(calibration: Calibration, box: tuple[float, float, float, float], position_m: Vector) -> float:
    """How tall something is whose feet stand at a place and whose box ends at its top edge.

    The ray through the middle of the top edge is followed to the vertical line over the feet.
    """
    x, y, z = position_m
    low, high = calibration.project(np.array([[x, y, z], [x, y, z + 1.0]]))
    metre_px = float(low[1] - high[1])
    return (box[3] - box[1]) / metre_px if metre_px > 1e-6 else float("inf")


def scaled(calibration: Calibration, width_px: int, height_px: int) -> Calibration:
    """The same camera's calibration for pictures of another size, as a sub-stream has."""
    ratio = width_px / calibration.width_px
    change = np.ones(8)
    change[6] = ratio
    covariance = np.array(calibration.covariance).reshape(8, 8) * np.outer(change, change)
    return replace(
        calibration,
        width_px=width_px,
        height_px=height_px,
        state=tuple((np.array(calibration.state) * change).tolist()),
        covariance=tuple(covariance.ravel().tolist()),
    )
