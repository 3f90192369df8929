"""Track: one person or vehicle through time, on the ground, in metres. What the rules read.

A track belongs to one camera; several cameras are fused by place and time (site_safety/rules.py reads the tracks of
all of them). It says who wears what, never who someone is.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from bim.verdict import Vector

Picture = npt.NDArray[np.uint8]
"""(H, W, 3), blue green red."""
Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels of the full picture; y grows downwards."""


class Kind(StrEnum):
    """What was seen. Machines of every sort are vehicles: the detectors that are free to ship know no finer."""

    PERSON = "person"
    VEHICLE = "vehicle"


class Worn(StrEnum):
    """Whether a piece of protective equipment is worn."""

    YES = "yes"
    NO = "no"
    CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True, slots=True)
class Track:
    """The state of a track at the newest frame that showed it."""

    track_id: str
    """`camera/number`; numbers are never used again while a watcher runs."""
    camera_id: str
    kind: Kind
    at: datetime
    """When the frame was taken; aware UTC."""
    age_s: float
    """How long it has been followed."""
    xyxy: Box
    score: float
    storey: str | None
    """Name of the storey whose ground plane the camera is calibrated to; None without calibration."""
    position_m: Vector | None
    """Where the feet (the wheels) meet the ground, site frame; None where no calibration says."""
    sigma_m: float | None
    """Standard error of `position_m` along its worst horizontal direction: calibration, box and storey height."""
    velocity_m_s: tuple[float, float] | None
    """Over the ground in site x and y; None until it was followed for long enough to say."""
    height_m: float | None
    """How tall it stands at that place: tells a person from a poster or a bird on the lens."""
    distance_m: float | None
    """From the camera, over the ground."""
    helmet: Worn = Worn.CANNOT_TELL
    vest: Worn = Worn.CANNOT_TELL
    """By vote over the last frames (site_safety/equipment.py)."""
