"""What a comparison returns: values only, so that reports, tests and the server read the same thing."""

from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from bim.frames import FloatArray, IntArray
from bim.model import Building
from bim.quality.elements import Tolerances
from bim.verdict import Vector, Verdict


class Outcome(IntEnum):
    """What the scan says of one sample of an element's surface."""

    NOT_COVERED = 0
    OCCLUDED = 1
    ABSENT = 2
    PRESENT = 3


@dataclass(frozen=True)
class Samples:
    """Points spread evenly over the elements' own surfaces, with what the scan says of each.

    xyz: (N, 3) float64 site frame, metres. normal: (N, 3) float32, outward where the model says so. element: (N,)
    int32 index into `Building.elements`, ascending. area_m2: (N,) float32. outcome: (N,) uint8 of `Outcome`.
    deviation_m: (N,) float32, as-built minus as-designed along the normal, NaN where nothing was measured.
    """

    xyz: FloatArray
    normal: npt.NDArray[np.float32]
    element: IntArray
    area_m2: npt.NDArray[np.float32]
    outcome: npt.NDArray[np.uint8]
    deviation_m: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Candidate:
    """A place where the scan might belong. `score` is comparable within one registration; higher is better."""

    T_site_scan: FloatArray
    score: float
    why_not: str
    """What speaks against it, in words."""


@dataclass(frozen=True)
class PoseUncertainty:
    """How far the true pose may be from the one given: a small rotation w about `pivot_m`, then a translation t.

    pivot_m: (3,) site frame. covariance: (6, 6) of (w, t) in radians and metres, axes of the site frame.
    """

    pivot_m: FloatArray
    covariance: FloatArray

    def sigma_m(self, xyz: FloatArray, direction: FloatArray | None = None) -> FloatArray:
        """(N,) standard error of points (N, 3) along unit directions (N, 3), or along each point's worst direction."""
        x, y, z = (xyz - self.pivot_m).T
        zero = np.zeros_like(x)
        # A rotation w moves an arm a by w x a, which is -[a]x w.
        rows = [[zero, z, -y], [-z, zero, x], [y, -x, zero]]
        jacobian = np.concatenate([np.array(rows).transpose(2, 0, 1), np.tile(np.eye(3), (len(xyz), 1, 1))], axis=2)
        if direction is None:
            spread = jacobian @ self.covariance @ jacobian.transpose(0, 2, 1)
            worst: FloatArray = np.sqrt(np.linalg.eigvalsh(spread)[:, -1])
            return worst
        along = np.einsum("ni,nij->nj", direction, jacobian)
        sigma: FloatArray = np.sqrt(np.einsum("ni,ij,nj->n", along, self.covariance, along))
        return sigma


@dataclass(frozen=True)
class Registration:
    """Where the scan is in the site frame, how well that is known, and what else it could have been."""

    T_site_scan: FloatArray
    method: str
    """"auto", "identity" or "given"."""
    rmse_m: float
    """Point-to-surface residual of the consistent points."""
    sigma_m: float
    """Standard error of the position of the stations (largest axis)."""
    sigma_rad: float
    inlier_share: float
    confidence: float
    """Probability that this is the right place and not one of the alternatives."""
    ambiguous: bool
    alternatives: tuple[Candidate, ...] = ()
    uncertainty: PoseUncertainty | None = None
    """The same at any point; None where the pose was given and nothing is known of it."""


@dataclass(frozen=True)
class Unexplained:
    """Something that was scanned and is in no model."""

    kind: str
    """"scaffold", "formwork", "object" or "unknown"."""
    bbox_site_m: tuple[Vector, Vector]
    points: int


@dataclass(frozen=True)
class Viewpoint:
    """A place to scan from next, and the elements that it would show."""

    position_m: Vector
    storey: str
    global_ids: tuple[str, ...]


@dataclass(frozen=True)
class Input:
    """A file that went into the comparison."""

    path: str
    sha256: str
    points: int = 0
    elements: int = 0


@dataclass(frozen=True)
class Report:
    """The whole answer: one verdict an element, in the order of `building.elements`."""

    building: Building
    inputs: tuple[Input, ...]
    registration: Registration
    stations_site_m: FloatArray
    """(S, 3) scanner origins in the site frame; empty where unknown."""
    samples: Samples
    verdicts: tuple[Verdict, ...]
    unexplained: tuple[Unexplained, ...]
    next_viewpoints: tuple[Viewpoint, ...]
    tolerances: Tolerances
    assumptions: tuple[str, ...]
    day: date | None = None
    """When the scan was taken, where somebody says so; files rarely do."""
    timing_s: dict[str, float] = field(default_factory=dict)
    peak_memory_bytes: int = 0
