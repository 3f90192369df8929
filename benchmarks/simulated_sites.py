"""Simulated scans of part-built buildings, with the truth: what accuracy and confidence are measured on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bim.frames import FloatArray, IntArray, transform
from bim.model import Building
from scan_to_bim.simulate import SimulatedScanner, simulate_scan
from scan_to_bim.simulated_case import case_truth, write_case
from scan_to_bim.simulated_site import (
    Site,
    Truth,
    clutter,
    ground_level_m,
    part_build,
    place_stations,
    stand,
    terrain,
)
from scan_to_bim.survey import Survey, build_survey

FIELD_OF_VIEW_SR = 2.0 * np.pi * (1.0 + np.sin(np.radians(62.0)))
"""What a scanner on its tripod sees."""


def simulate_site(
    building: Building, seed: int, stations: int, points: int, built_share: float = 0.65, by_storey: bool = True
) -> tuple[Survey, dict[str, Any]]:
    """Part-build a model and scan it with about so many pulses: the survey, and the truth as `write_case` writes it."""
    rng, truths, site, origins, scanner = _site(building, seed, stations, points, built_share, by_storey)
    scan = simulate_scan(site, origins, scanner, rng)
    truth = case_truth(building, truths, site, origins, scanner, scan, rng)
    T_scan_site = np.array(truth["model_to_scan"])
    places = {number: tuple(xyz) for number, xyz in enumerate(transform(T_scan_site, origins), 1)}
    return build_survey([_Block(transform(T_scan_site, scan.xyz), scan.station)], places, len(scan.xyz)), truth


def make_site(
    building: Building, seed: int, stations: int, points: int, folder: Path, built_share: float = 0.65,
    by_storey: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """The same as the files of a case in a folder; returns the truth."""
    rng, truths, site, origins, scanner = _site(building, seed, stations, points, built_share, by_storey)
    return write_case(folder, building, truths, site, origins, scanner, rng)


@dataclass(frozen=True)
class _Block:
    xyz: FloatArray
    station: IntArray


def _site(
    building: Building, seed: int, stations: int, points: int, built_share: float, by_storey: bool
) -> tuple[np.random.Generator, tuple[Truth, ...], Site, FloatArray, SimulatedScanner]:
    rng = np.random.default_rng(seed)
    truths = part_build(building, rng, built_share, by_storey=by_storey)
    ground_m = ground_level_m(building)
    stands = stand(building, truths)
    site = stands + terrain(stands, ground_m) + clutter(stands, ground_m, rng)
    scanner = SimulatedScanner(step_rad=float(np.sqrt(FIELD_OF_VIEW_SR * stations / points)))
    return rng, truths, site, place_stations(stands, ground_m, rng, stations), scanner
