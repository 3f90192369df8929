"""How far from a machine a person must be seen, so that it stands before they reach it.

    S >= v_p (Td + Ts) + v_r (Td + Tr) + braking + C + errors

ISO 13855:2010 (walking: 1.6 m/s) and ISO/TS 15066:2016, 5.5.4.2.3 (separation while both move): the person walks on
while the camera detects (Td) and while the machine stops (Ts); the machine goes on until it reacts (Tr), then brakes.
Td is measured, from the shutter to the published stop: its 99th percentile, not its mean. This is an extra layer and no
certified safety function: it says what the layer can promise, and refuses where it can promise nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bim.errors import BadInput
from bim.verdict import Reason

WALK_M_S = 1.6
"""ISO 13855: approach of a walking person towards a danger zone."""
REACH_M = 0.85
"""C, intrusion before detection: an arm's reach, where a body is detected and not a hand (ISO 13855, 8.1.2)."""
SIGMAS = 2.0
PERCENTILE = 99.0
MIN_SAMPLES = 100


@dataclass(frozen=True, slots=True)
class Chain:
    """What is known of the way from a person to a standing machine."""

    detect_s: float
    """Td: from the shutter to the published stop, frame interval and dwell included."""
    react_s: float
    """From the published stop to the machine's brakes."""
    speed_m_s: float
    """The machine's highest speed in the zone."""
    brake_m_s2: float
    """Its deceleration; what stands at once has infinity."""
    camera_error_m: float
    """Standard error of a person's place there, the worst in the zone."""
    machine_error_m: float = 0.05
    """Standard error of where the machine says it is."""
    reach_m: float = REACH_M
    walk_m_s: float = WALK_M_S

    def __post_init__(self) -> None:
        """Refuse what is no time, speed or length."""
        for name in self.__slots__:
            value = getattr(self, name)
            if not value >= 0.0 or (name != "brake_m_s2" and math.isinf(value)):
                raise BadInput(f"{name} = {value}", "a measured value of 0 or more", "measure it")
        if self.brake_m_s2 == 0.0:
            raise BadInput("brake_m_s2 = 0", "a machine that brakes", "measure how it stops")

    @property
    def stop_s(self) -> float:
        """Ts: from the published stop until the machine stands."""
        return self.react_s + self.speed_m_s / self.brake_m_s2


@dataclass(frozen=True, slots=True)
class Margin:
    """The distance that is needed, and what it is made of; all in metres."""

    person_m: float
    """What the person walks until the machine stands."""
    travel_m: float
    """What the machine travels before its brakes act."""
    braking_m: float
    reach_m: float
    errors_m: float

    @property
    def total_m(self) -> float:
        """S."""
        return self.person_m + self.travel_m + self.braking_m + self.reach_m + self.errors_m


def margin(chain: Chain) -> Margin:
    """The least distance between a person and the machine at which detection still comes in time."""
    return Margin(
        person_m=chain.walk_m_s * (chain.detect_s + chain.stop_s),
        travel_m=chain.speed_m_s * (chain.detect_s + chain.react_s),
        braking_m=chain.speed_m_s**2 / (2.0 * chain.brake_m_s2),
        reach_m=chain.reach_m,
        errors_m=SIGMAS * math.hypot(chain.camera_error_m, chain.machine_error_m),
    )


def detection_time_s(measured_s: Sequence[float]) -> float:
    """Td of measured latencies: the 99th percentile, which 100 samples are the least to tell. Raises BadInput."""
    if len(measured_s) < MIN_SAMPLES or not np.isfinite(measured_s).all() or min(measured_s) < 0.0:
        found = f"{len(measured_s)} latencies, of which some may be no times"
        raise BadInput(found, f"at least {MIN_SAMPLES} measured ones", "measure longer")
    return float(np.percentile(measured_s, PERCENTILE, method="higher"))


def fastest_m_s(chain: Chain, distance_m: float) -> float:
    """The highest speed at which a distance suffices; 0 where not even a machine that stands is far enough.

    Solves S(v) = distance: v² / 2a + v (Td + Tr + v_p / a) + v_p (Td + Tr) + C + errors = distance.
    """
    delay_s = chain.detect_s + chain.react_s
    fixed_m = (
        chain.walk_m_s * delay_s + chain.reach_m + SIGMAS * math.hypot(chain.camera_error_m, chain.machine_error_m)
    )
    free_m = distance_m - fixed_m
    if free_m <= 0.0:
        return 0.0
    linear = delay_s + chain.walk_m_s / chain.brake_m_s2
    # The stable form of the root: exact also where braking takes no time.
    return 2.0 * free_m / (linear + math.sqrt(linear**2 + 2.0 * free_m / chain.brake_m_s2))


@dataclass(frozen=True, slots=True)
class Clearance:
    """Whether a zone's edge is far enough from where its machine works."""

    enough: bool
    needed_m: float
    found_m: float
    fastest_m_s: float
    reason: Reason


def check_zone(chain: Chain, distance_m: float) -> Clearance:
    """Hold the distance from the zone's edge to where the machine works against the margin.

    What is too small is refused with what would do: how much larger, or how much slower.
    """
    needed, slower = margin(chain).total_m, fastest_m_s(chain, distance_m)
    if distance_m >= needed:
        reason = Reason(f"{distance_m:.2f} m suffice; {needed:.2f} m are needed",
                        f"间距 {distance_m:.2f} 米满足要求，最小需 {needed:.2f} 米")  # fmt: skip
        return Clearance(True, needed, distance_m, slower, reason)
    en = f"{distance_m:.2f} m are too little; make it {needed:.2f} m"
    zh = f"间距 {distance_m:.2f} 米不足；应扩大至 {needed:.2f} 米"
    if slower >= 0.05:
        en, zh = (
            f"{en}, or let the machine go no faster than {slower:.2f} m/s",
            f"{zh}，或将机械限速至 {slower:.2f} 米/秒",
        )
    return Clearance(False, needed, distance_m, slower, Reason(en, zh))


def require_zone(zone_id: str, chain: Chain, distance_m: float) -> Clearance:
    """As `check_zone`. Raises BadInput where the zone is too small."""
    found = check_zone(chain, distance_m)
    if not found.enough:
        raise BadInput(
            f"zone {zone_id}: {found.reason.en}", f"{found.needed_m:.2f} m around the machine", "change either"
        )
    return found
