"""State, Evidence, Deviation, Verdict: the words that the other folders share about what is known of an element."""

from dataclasses import dataclass
from enum import StrEnum

Vector = tuple[float, float, float]


class State(StrEnum):
    """What is known of an element. `unseen` is not `absent`: nothing could be said."""

    BUILT = "built"
    PARTIAL = "partial"
    DISPLACED = "displaced"
    ABSENT = "absent"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Counts of an element's surface samples by what the scan says of them."""

    present: int
    absent: int
    """Looked through: a ray went on where the surface should have stopped it."""
    occluded: int
    """Something else stood in the way."""
    not_covered: int
    """No station looked there, or another element's surface could explain what was seen."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why, in both languages of the product: one sentence that a site manager understands."""

    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class Deviation:
    """As-built minus as-designed, in the site frame. Components that the visible surface cannot fix are 0."""

    translation_m: Vector
    rotation_rad: Vector
    sigma_m: float
    """Standard error of the translation along its best-fixed directions, registration included."""
    rms_m: float
    p95_m: float
    within_tolerance: bool
    clause: Reason | None = None
    """What allows as much: the clause of a tolerance library; None for the general tolerance."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer for one element, with its evidence."""

    global_id: str
    state: State
    completion: float | None
    """Share built, None when unseen."""
    completion_low: float
    completion_high: float
    """From what is known to what is unseen."""
    observable: float
    """Share of its own surface that the scan could judge."""
    confidence: float
    """Probability that the state is right; calibrated (docs/benchmarks.md)."""
    evidence: Evidence
    deviation: Deviation | None
    reason: Reason
