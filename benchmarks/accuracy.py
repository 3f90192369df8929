"""How right the verdicts are: four scans with known truth, by the scorer of the shared data, and a real room."""

import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import laspy
import numpy as np
from scipy.spatial import cKDTree

from benchmarks.calibration import _calibration_error
from bim.errors import CannotPlace
from bim.frames import FloatArray, rotation_vector, transform
from bim.ifc import read_building
from bim.mesh import Mesh
from bim.model import Building
from scan_to_bim.pipeline import Pose, compare
from scan_to_bim.report.contract import json_bytes, to_json
from scan_to_bim.result import Registration, Report

CASES = {
    "duplex": "Duplex_A",
    "tall": "BimWhale_TallBuilding",
    "fzk": "AC20-FZK-Haus",
    "large": "BimWhale_LargeBuilding",
}
ROOM, ROOM_MODEL = "everse_room_3M.laz", "Everse_Project1"
SAMPLES_PER_M2 = 2500
"""Of the model's surface: the nearest lies about 10 mm aside, which is 1 mm of 50."""
ROOM_POINTS = 100_000


def measure(shared: Path) -> dict[str, Any]:
    """Figures of every case from LAZ and, where there is one, E57; calibration of all LAZ cases; the real room."""
    cases, said = {}, []
    for name, model in CASES.items():
        building = read_building([shared / "data/ifc" / f"{model}.ifc"])
        folder = shared / "data/cases" / name
        try:
            report = compare(building, [folder / "scan.laz"], folder / "stations.csv")
        except CannotPlace as refusal:
            cases[name] = {"refused": str(refusal)}
            continue
        cases[name] = _scored(shared, report, folder)
        said += _said(report, json.loads((folder / "truth.json").read_text(encoding="utf-8")))
        if (folder / "scan.e57").exists():
            cases[f"{name} (E57)"] = _scored(shared, compare(building, [folder / "scan.e57"]), folder)
    return {"cases": cases, "calibration_error": _calibration_error(said), "verdicts": len(said), "room": _room(shared)}


def _scored(shared: Path, report: Report, folder: Path) -> dict[str, Any]:
    with tempfile.NamedTemporaryFile(suffix=".json") as result:
        result.write(json_bytes(report))
        result.flush()
        command: list[str | Path] = [sys.executable, shared / "tools/score.py", result.name, folder / "truth.json"]
        output = subprocess.run(command, check=True, capture_output=True).stdout  # noqa: S603
    figures: dict[str, Any] = json.loads(output.splitlines()[0])
    return figures


def _said(report: Report, truth: dict[str, Any]) -> list[tuple[float, bool]]:
    """Confidence and whether the state is exactly right, of every element that is not called unseen."""
    states = {element["global_id"]: element["state"] for element in truth["elements"]}
    verdicts = [element for element in to_json(report)["elements"] if element["state"] != "unseen"]
    return [(v["confidence"], v["state"] == states[v["global_id"]]) for v in verdicts]


def _room(shared: Path) -> dict[str, Any]:
    building = read_building([shared / "data/ifc" / f"{ROOM_MODEL}.ifc"])
    path = shared / "data/scans" / ROOM
    xyz = laspy.read(path).xyz
    xyz = xyz[:: max(1, len(xyz) // ROOM_POINTS)]
    surface = cKDTree(_sampled(building.mesh, xyz))
    poses: tuple[Pose, ...] = ("auto", "identity")
    return {str(pose): _placed(building, path, pose, surface, xyz) for pose in poses}


def _placed(building: Building, path: Path, pose: Pose, surface: Any, xyz: FloatArray) -> dict[str, Any]:
    try:
        report = compare(building, [path], pose=pose)
    except CannotPlace as refusal:
        return {"refused": str(refusal)}
    at = transform(report.registration.T_site_scan, xyz)
    distance_m, _ = surface.query(at, distance_upper_bound=0.1)
    return {
        **_moved(report.registration, xyz.mean(axis=0)),
        "within_50_mm": round(float(np.mean(distance_m < 0.05)), 4),
        "within_15_mm": round(float(np.mean(distance_m < 0.015)), 4),
        "states": Counter(verdict.state.value for verdict in report.verdicts),
    }


def _moved(registration: Registration, middle: FloatArray) -> dict[str, Any]:
    T = registration.T_site_scan
    return {
        "moved_mm": np.round(1000.0 * (transform(T, middle) - middle), 1).tolist(),
        "turned_deg": round(float(np.degrees(np.linalg.norm(rotation_vector(T[:3, :3])))), 3),
        "sigma_mm": round(1000.0 * registration.sigma_m, 2),
    }


def _sampled(mesh: Mesh, near: FloatArray) -> FloatArray:
    """Random points (N, 3) on the triangles, not farther than a metre from the box around points (M, 3)."""
    rng = np.random.default_rng(1)
    triangle = np.repeat(np.arange(len(mesh.areas)), rng.poisson(mesh.areas * SAMPLES_PER_M2))
    u, v = np.sort(rng.random((2, len(triangle), 1)), axis=0)
    a, b, c = mesh.corners[triangle].transpose(1, 0, 2)
    xyz: FloatArray = u * a + (v - u) * b + (1.0 - v) * c
    inside: FloatArray = xyz[((xyz > near.min(axis=0) - 1.0) & (xyz < near.max(axis=0) + 1.0)).all(axis=1)]
    return inside
