"""Printing: how long a plan of 100 m of walls takes to slice, and how near its numbers come to the closed forms."""

import statistics
import time
from pathlib import Path
from typing import Any

from robots.gcode import gcode
from robots.printer_plan import PrintPlan
from robots.printer_profiles import read_profile
from robots.slicer import plan_print
from tests.robots.walls import wall

TURNS = 5
WALLS_M = [(21.7, 0.2, 0, 0), (21.7, 0.2, 0, 9.8), *((0.2, 10, x, 0) for x in (0, 4.95, 9.9, 14.85, 19.8))]
"""Length along x, along y, and the corner of each wall: with one more, 100 m of centre lines, corners counted once."""
HEIGHT_M = 3.0


def measure(shared: Path) -> dict[str, Any]:
    """Seconds of slicing and of G-code (median of five turns), and relative errors of volume and length."""
    del shared
    walls = [wall(x, y, HEIGHT_M, (at_x, at_y, 0)) for x, y, at_x, at_y in [*WALLS_M, (9.0, 0.2, 5.0, 4.9)]]
    profile = read_profile("virtual")
    spent, wrote, plan = zip(*(_turn(walls, profile) for _ in range(TURNS)), strict=True)
    area_m2 = plan[0].layers[0].section.area
    centre_m = area_m2 / 0.2
    return {
        "wall_centre_line_m": centre_m,
        "layers": len(plan[0].layers),
        "plan_s": statistics.median(spent),
        "gcode_s": statistics.median(wrote),
        "volume_error": plan[0].volume_m3 / (area_m2 * HEIGHT_M) - 1,
        "length_error": plan[0].length_m / (area_m2 / 0.05 * len(plan[0].layers)) - 1,
        "refusals": [reason.en for reason in plan[0].refusals],
    }


def _turn(walls: Any, profile: Any) -> tuple[float, float, PrintPlan]:
    begun = time.perf_counter()
    plan = plan_print(walls, profile)
    sliced = time.perf_counter()
    if not plan.refusals:
        gcode(plan)
    return sliced - begun, time.perf_counter() - sliced, plan
