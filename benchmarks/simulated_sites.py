"""Simulated scans of part-built buildings, with the truth: what accuracy and confidence are measured on.

make_site(building, seed, stations, points, folder) writes scan.laz, stations.csv and truth.json.
"""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

from bim.frames import FloatArray, invert, rigid, transform
from bim.model import Building
from scan_to_bim.clouds import write_las
from scan_to_bim.simulate import (
    SimulatedScan,
    SimulatedScanner,
    Truth,
    clutter,
    ground_level_m,
    part_build,
    place_stations,
    simulate_scan,
    stand,
    terrain,
    visible_share,
)

TILT_RAD = np.radians(0.3)
FIELD_OF_VIEW_SR = 2.0 * np.pi * (1.0 + np.sin(62.0 * np.pi / 180.0))
"""Steradians that a scanner on its tripod sees."""


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
    """Part-build a model, scan it, write the case into a folder and return its truth."""
    rng = np.random.default_rng(seed)
    truths = part_build(building, rng, built_share, by_storey=by_storey)
    ground_m = ground_level_m(building)
    stands = stand(building, truths)
    site = stands + terrain(stands, ground_m) + clutter(stands, ground_m, rng, clutter_count)
    origins = place_stations(stands, ground_m, rng, stations)
    scanner = SimulatedScanner(step_rad=float(np.sqrt(FIELD_OF_VIEW_SR * stations / points)))
    scan = simulate_scan(site, origins, scanner, rng)
    visible = visible_share(building, truths, site, origins, scanner, rng)
    T_scan_site = random_scanner_frame(rng)
    truth = truth_of(building, truths, scan, origins, visible, T_scan_site) | {"seed": seed}
    write_case(folder, scan, origins, T_scan_site, truth)
    return truth


def random_scanner_frame(rng: np.random.Generator) -> FloatArray:
    """T_scan_site (4, 4): any heading, some place, levelled to 0.3 degrees."""
    tilt = rng.uniform(-TILT_RAD, TILT_RAD, 2)
    heading = rigid(np.array([0.0, 0.0, rng.uniform(-np.pi, np.pi)]), rng.uniform(-20.0, 20.0, 3) * [1.0, 1.0, 0.5])
    return rigid(np.array([tilt[0], tilt[1], 0.0]), np.zeros(3)) @ heading


def truth_of(
    building: Building,
    truths: tuple[Truth, ...],
    scan: SimulatedScan,
    origins: FloatArray,
    visible: FloatArray,
    T_scan_site: FloatArray,
) -> dict[str, Any]:
    """The truth as JSON values: the pose, the stations in the site frame, and a record an element."""
    hits = np.bincount(scan.element[scan.element >= 0], minlength=len(building.elements))
    return {
        "ifc": [Path(source.path).name for source in building.sources],
        "model_to_scan": T_scan_site.tolist(),
        "scan_to_model": invert(T_scan_site).tolist(),
        "points": len(scan.xyz),
        "stations": origins.tolist(),
        "elements": [
            {
                "global_id": element.global_id,
                "ifc_class": element.ifc_class,
                "name": element.name,
                "storey": element.storey,
                "state": truth.state.value,
                "shift": list(truth.shift_m),
                "fraction": truth.fraction,
                "area": element.area_m2,
                "visible": float(seen),
                "visible_area": float(seen) * element.area_m2,
                "hits": int(count),
            }
            for element, truth, seen, count in zip(building.elements, truths, visible, hits, strict=True)
        ],
    }


def write_case(
    folder: Path, scan: SimulatedScan, origins: FloatArray, T_scan_site: FloatArray, truth: dict[str, Any]
) -> None:
    """scan.laz and stations.csv in the scanner's frame, truth.json."""
    folder.mkdir(parents=True, exist_ok=True)
    write_las(folder / "scan.laz", transform(T_scan_site, scan.xyz), scan.station)
    with (folder / "stations.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["station", "x", "y", "z"])
        rows.writerows([i + 1, *(f"{v:.4f}" for v in xyz)] for i, xyz in enumerate(transform(T_scan_site, origins)))
    (folder / "truth.json").write_text(json.dumps(truth))
