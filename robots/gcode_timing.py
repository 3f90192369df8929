"""How long moves take: from rest to rest between sharp corners, with constant acceleration. The machine's own
controller looks further ahead or not as far; the profile's speeds are to be measured on it."""

import math
from collections.abc import Sequence

import numpy as np

from bim.frames import FloatArray
from robots.printer_plan import LayerTime
from robots.printer_profiles import Motion, PrinterProfile


def move_s(distance_m: float, speed_m_s: float, acceleration_m_s2: float) -> float:
    """From rest to rest over a straight distance: a trapezoid of speed, or a triangle when it is short."""
    if distance_m * acceleration_m_s2 >= speed_m_s**2:
        return distance_m / speed_m_s + speed_m_s / acceleration_m_s2
    return 2.0 * math.sqrt(distance_m / acceleration_m_s2)


def run_s(run: FloatArray, motion: Motion) -> float:
    """Along a run (N, 2) or (N, 3), stopping at its sharp corners."""
    steps = np.diff(run, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    heading = steps / lengths[:, None]
    turn = np.arccos(np.clip(np.einsum("ij,ij->i", heading[:-1], heading[1:]), -1.0, 1.0))
    pieces = np.split(lengths, np.flatnonzero(turn > motion.smooth_rad) + 1)
    return sum(move_s(float(piece.sum()), motion.print_speed_m_s, motion.acceleration_m_s2) for piece in pieces)


def layer_time(
    runs: Sequence[FloatArray], height_m: float, lintels: int, last: bool, profile: PrinterProfile
) -> LayerTime:
    """Time of one layer: it waits when it would be too quick, and the pump stops for travel, waits and lintels."""
    motion, pump, limits = profile.motion, profile.pump, profile.layers
    ends = [*zip(runs, [*runs[1:], runs[0]], strict=True)]
    travel_s = sum(
        move_s(float(np.hypot(*(after[0] - run[-1]))), motion.travel_speed_m_s, motion.acceleration_m_s2)
        for run, after in ends
    ) + move_s(height_m, motion.travel_speed_m_s, motion.acceleration_m_s2)
    bead_s = sum(run_s(run, motion) for run in runs)
    lintel_s = lintels * profile.lintel.lay_s
    pumped = LayerTime(bead_s, travel_s, len(runs) * (pump.start_s + pump.stop_s), lintel_s)
    if len(runs) == 1 and not lintels and not last and bead_s + travel_s >= limits.min_s:
        return LayerTime(bead_s, travel_s, 0.0)
    wait_s = 0.0 if last else max(limits.min_s - pumped.total_s, 0.0)
    return LayerTime(bead_s, travel_s, pumped.pump_s, lintel_s, wait_s)
