"""F_F floor flatness and F_L floor levelness numbers in the manner of ASTM E1155, from the height map of a floor.

Along straight runs, elevations h_i are read every 300 mm. With curvatures q_i = h_i - 2 h_(i-1) + h_(i-2) and elevation
differences z_i = h_i - h_(i-10), each run has

    F_F = 4.57 in / (3 S_q + |mean q|)        F_L = 12.5 in / (3 S_z + |mean z|)        (S: standard deviation)

and runs combine by the number of their readings r: 1 / F^2 = sum(r_j / F_j^2) / sum(r_j). The step is 300 mm as E1155M
has it, the constants are those of E1155 in inches (check against E1155M for a contract). A scan is no floor profiler:
its noise lowers both numbers, so each comes as measured and with the noise taken out.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bim.errors import BadScan
from bim.frames import FloatArray
from scan_to_bim.flatness import LEVEL, SurfaceMap

INCH_M = 0.0254
STEP_M = 0.3
LEVEL_STEPS = 10
FLATNESS_M, LEVELNESS_M = 4.57 * INCH_M, 12.5 * INCH_M
MIN_SIDE_M, MIN_AREA_M2 = 2.4, 30.0
"""Of a test section."""
EDGE_M, APART_M = 0.6, 1.2
"""Runs keep this far from the edge of the section and from each other."""


@dataclass(frozen=True, slots=True)
class FNumber:
    """`value` as measured, with noise counted as unevenness; `without_noise` with its share taken out.

    The floor's own number lies between them. None stands for a number without bound: no unevenness was found.
    """

    value: float | None
    without_noise: float | None
    readings: int


@dataclass(frozen=True, slots=True)
class FloorNumbers:
    """F_F and F_L of one test section."""

    flatness: FNumber
    levelness: FNumber


def floor_numbers(surface: SurfaceMap) -> FloorNumbers:
    """F_F and F_L of a floor. Raises BadScan for what is no floor, or too small or too sparse for a test section."""
    _check(surface)
    runs = list(_runs(surface))
    curvatures = [(h[2:] - 2 * h[1:-1] + h[:-2], 6 * noise) for h, noise in runs]
    differences = [(h[LEVEL_STEPS:] - h[:-LEVEL_STEPS], 2 * noise) for h, noise in runs]
    return FloorNumbers(_number(curvatures, FLATNESS_M), _number(differences, LEVELNESS_M))


def f_number(readings: FloatArray, constant_m: float, noise_m2: float = 0.0) -> float:
    """F of one run's readings (R,), q or z in metres, with a noise variance taken out; infinite for a perfect one."""
    variance = max(float(np.var(readings, ddof=1)) - noise_m2, 0.0)
    unevenness = 3.0 * math.sqrt(variance) + abs(float(readings.mean()))
    return constant_m / unevenness if unevenness > 0.0 else math.inf


def combined(numbers: list[tuple[float, int]]) -> float:
    """F of several runs from the F and the number of readings of each."""
    total = sum(count for _, count in numbers)
    inverse = sum(count / number**2 for number, count in numbers) / total
    return 1.0 / math.sqrt(inverse) if inverse > 0.0 else math.inf


def _number(runs: list[tuple[FloatArray, float]], constant_m: float) -> FNumber:
    known = [(readings[np.isfinite(readings)], noise) for readings, noise in runs]
    known = [(readings, noise) for readings, noise in known if len(readings) >= 2]
    if not known:
        raise BadScan("a floor with too few readings along its runs", "runs of 3.3 m and more", "scan it more densely")
    value = combined([(f_number(each, constant_m), len(each)) for each, _ in known])
    clean = combined([(f_number(each, constant_m, noise), len(each)) for each, noise in known])
    return FNumber(_bounded(value), _bounded(clean), sum(len(each) for each, _ in known))


def _bounded(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _check(surface: SurfaceMap) -> None:
    if surface.normal[2] < LEVEL:
        raise BadScan("a face that is not the top of a floor", "one whose normal points up", "choose a slab's top")
    sides = [surface.cell_m * length for length in surface.height_m.shape]
    area_m2 = surface.cell_m**2 * int(np.isfinite(surface.height_m).sum())
    if min(sides) < MIN_SIDE_M or area_m2 < MIN_AREA_M2:
        raise BadScan(
            f"a floor of {sides[0]:.1f} x {sides[1]:.1f} m with {area_m2:.0f} m2 measured",
            f"sides of {MIN_SIDE_M} m and {MIN_AREA_M2:.0f} m2 (ASTM E1155)",
            "join floors into one test section",
        )
    if abs(STEP_M / surface.cell_m - round(STEP_M / surface.cell_m)) > 1e-6:
        raise BadScan(f"cells of {surface.cell_m} m", "a whole number in 300 mm", "use cells of 0.1 m")


def _runs(surface: SurfaceMap) -> Iterator[tuple[FloatArray, float]]:
    """Elevations every 300 mm along parallel lines in both directions, and the variance of their noise."""
    edge, apart, step = (round(length / surface.cell_m) for length in (EDGE_M, APART_M, STEP_M))
    for heights, sigmas in ((surface.height_m, surface.sigma_m), (surface.height_m.T, surface.sigma_m.T)):
        for line in range(edge, len(heights) - edge, apart):
            run = heights[line, edge : heights.shape[1] - edge : step]
            sigma = sigmas[line, edge : heights.shape[1] - edge : step]
            if np.isfinite(run).sum() > LEVEL_STEPS:
                yield run, float(np.nanmean(sigma**2))
