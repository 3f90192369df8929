"""The scan of a freshly printed layer, read as any scan is, and held against the layer's plan."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bim.arrays import Payload
from bim.errors import BadInput, BadScan
from bim.frames import FloatArray
from bim.isolation import Limits, isolated
from robots.printer_plan import PrintPlan
from robots.slicer_scan import SEARCH_M, LayerVerdict, judge_layer
from scan_to_bim.clouds import open_cloud

MOST_POINTS = 5_000_000


def scanned_layer(scan: Path, plan: PrintPlan, number: int, tolerance_m: float, limits: Limits) -> LayerVerdict:
    """The verdict on layer `number`, counted from 1. The scan is in the site frame, in metres unless it says otherwise.

    Raises BadInput for a layer that is not in the plan, BadScan.
    """
    if not 1 <= number <= len(plan.layers):
        raise BadInput(f"--layer {number}", f"1 to {len(plan.layers)}", "count layers from below")
    layer = plan.layers[number - 1]
    x0, y0, x1, y1 = layer.section.bounds
    reach_m = SEARCH_M + tolerance_m
    low = np.array([x0, y0, layer.top_m - layer.height_m]) - reach_m
    high = np.array([x1, y1, layer.top_m]) + reach_m
    found = isolated(_points, scan, low, high, limits=limits, failure=BadScan, what=f"scan {scan.name}")
    return judge_layer(found["xyz"], layer, tolerance_m)


def _points(scan: Path, low: FloatArray, high: FloatArray) -> Payload:
    """Points (N, 3) within a box, metres."""
    cloud = open_cloud(scan)
    kept, count = [np.zeros((0, 3))], 0
    for block in cloud.blocks:
        xyz = block.xyz * np.array(cloud.unit_m or (1.0, 1.0, 1.0))
        kept.append(xyz[((xyz >= low) & (xyz <= high)).all(axis=1)])
        count += len(kept[-1])
        if count > MOST_POINTS:
            raise BadScan(f"more than {MOST_POINTS} points at one layer", "fewer", "thin the scan to 2 mm")
    return {"xyz": np.concatenate(kept)}


def verdict_json(number: int, verdict: LayerVerdict) -> dict[str, Any]:
    """A verdict as JSON values; lengths in metres."""
    return {"layer": number, **asdict(verdict)}
