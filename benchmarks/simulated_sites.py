"""Simulated scans of part-built buildings, with the truth: what accuracy and confidence are measured on."""

from pathlib import Path
from typing import Any

import numpy as np

from bim.model import Building
from scan_to_bim.simulate import SimulatedScanner
from scan_to_bim.simulated_case import write_case
from scan_to_bim.simulated_site import (
    clutter,
    ground_level_m,
    part_build,
    place_stations,
    stand,
    terrain,
)

FIELD_OF_VIEW_SR = 2.0 * np.pi * (1.0 + np.sin(np.radians(62.0)))
"""What a scanner on its tripod sees."""


def make_site(
    building: Building,
    seed: int,
    stations: int,
    points: int,
    folder: Path,
    built_share: float = 0.65,
    by_storey: bool = True,
    clutter_count: int = 40,
) -> dict[str, Any]:
    """Part-build a model, scan it with about so many pulses, write the case into a folder and return its truth."""
    rng = np.random.default_rng(seed)
    truths = part_build(building, rng, built_share, by_storey=by_storey)
    ground_m = ground_level_m(building)
    stands = stand(building, truths)
    site = stands + terrain(stands, ground_m) + clutter(stands, ground_m, rng, clutter_count)
    scanner = SimulatedScanner(step_rad=float(np.sqrt(FIELD_OF_VIEW_SR * stations / points)))
    return write_case(folder, building, truths, site, place_stations(stands, ground_m, rng, stations), scanner, rng)
