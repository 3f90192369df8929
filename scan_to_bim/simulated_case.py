"""A simulated survey as the files that a surveyor hands over, with the truth beside them.

A case is a folder: scan.laz (`point_source_id` is the station) and stations.csv in the scanner's own frame, which is
anywhere and heads anywhere, and truth.json with the pose and, for every element, its state and how much of its own
surface could be decided.
"""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bim.frames import FloatArray, invert, rigid, transform
from bim.model import Building
from scan_to_bim.clouds import write_las
from scan_to_bim.simulate import SimulatedScan, SimulatedScanner, simulate_scan, visible_share
from scan_to_bim.simulated_site import (
    Site,
    Truth,
)

TILT_RAD = np.radians(0.3)
PLACE_M = np.array([20.0, 20.0, 10.0])


def write_case(
    folder: Path,
    building: Building,
    truths: Sequence[Truth],
    site: Site,
    stations: FloatArray,
    scanner: SimulatedScanner,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Scan a site from stations (S, 3), write the case into a folder and return its truth."""
    scan = simulate_scan(site, stations, scanner, rng)
    truth = case_truth(building, truths, site, stations, scanner, scan, rng)
    T_scan_site = np.array(truth["model_to_scan"])
    folder.mkdir(parents=True, exist_ok=True)
    write_las(folder / "scan.laz", transform(T_scan_site, scan.xyz), scan.station)
    write_stations(folder / "stations.csv", transform(T_scan_site, stations))
    (folder / "truth.json").write_text(json.dumps(truth), encoding="utf-8")
    return truth


def case_truth(
    building: Building,
    truths: Sequence[Truth],
    site: Site,
    stations: FloatArray,
    scanner: SimulatedScanner,
    scan: SimulatedScan,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """What is so of a scanned site, in a scanner frame of unknown place and heading, as JSON values."""
    visible = visible_share(building, truths, site, stations, scanner, rng)
    hits = np.bincount(scan.element[scan.element >= 0], minlength=len(building.elements))
    T_scan_site = scanner_frame(rng)
    return {
        "ifc": [Path(source.path).name for source in building.sources],
        "model_to_scan": T_scan_site.tolist(),
        "scan_to_model": invert(T_scan_site).tolist(),
        "points": len(scan.xyz),
        "stations": stations.tolist(),
        "elements": _records(building, truths, visible, hits),
    }


def scanner_frame(rng: np.random.Generator) -> FloatArray:
    """T_scan_site (4, 4): any heading, some place, levelled to 0.3 degrees."""
    heading = rigid(np.array([0.0, 0.0, rng.uniform(-np.pi, np.pi)]), rng.uniform(-1.0, 1.0, 3) * PLACE_M)
    return rigid(np.append(rng.uniform(-TILT_RAD, TILT_RAD, 2), 0.0), np.zeros(3)) @ heading


def write_stations(path: Path, origins: FloatArray) -> None:
    """Scanner origins (S, 3) in the scan's own frame, numbered from 1."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["station", "x", "y", "z"])
        rows.writerows([number, *(f"{v:.4f}" for v in xyz)] for number, xyz in enumerate(origins, 1))


def _records(
    building: Building, truths: Sequence[Truth], visible: FloatArray, hits: npt.NDArray[np.intp]
) -> list[dict[str, Any]]:
    return [
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
    ]
