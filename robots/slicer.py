"""An IFC wall into a print: sections at every layer, beads in each, and whether it can be printed at all.

`plan_print` reads like a method section. What cannot be printed is not raised but said in the plan, so that the picture
can show it; only a plan without refusals becomes G-code (robots/gcode.py).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import shapely

from bim.errors import BadInput
from bim.frames import FloatArray
from bim.verdict import Reason
from robots.gcode_timing import layer_time
from robots.printability import beds_of, refusals_of, without_lintels
from robots.printer_plan import Body, LintelBed, PrintLayer, PrintPlan
from robots.printer_profiles import PrinterProfile
from robots.slicer_sections import sections_of
from robots.toolpath import runs_of

MOST_LAYERS = 5000


def plan_print(
    walls: Sequence[Body],
    profile: PrinterProfile,
    *,
    lintels: Sequence[Body] = (),
    T_machine_site: FloatArray | None = None,
) -> PrintPlan:
    """Walls that stand on one level, as one print.

    Without a place the machine is put about the middle of the walls, which the plan records as an assumption. Raises
    BadInput where there is nothing to slice: no wall, or a surface that is not closed.
    """
    base_m, height_m, tops_m = _levels(walls, profile)
    beds = beds_of(lintels, base_m, height_m, len(tops_m))
    middles_m = tops_m - 0.5 * height_m
    solids = sections_of(walls, middles_m, height_m)
    clearance_m = profile.lintel.clearance_m
    sections = [
        without_lintels(solid, float(middle), beds, clearance_m)
        for solid, middle in zip(solids, middles_m, strict=True)
    ]
    layers = _layers(sections, tops_m, height_m, beds, profile)
    placed = _middle_of(walls, profile) if T_machine_site is None else T_machine_site
    assumptions = tuple(_assumptions(beds, layers, placed, assumed=T_machine_site is None))
    ids = tuple(wall.global_id for wall in walls)
    plan = PrintPlan(profile, ids, layers, beds, placed, assumptions=assumptions)
    return replace(plan, refusals=tuple(refusals_of(plan)))


def _levels(walls: Sequence[Body], profile: PrinterProfile) -> tuple[float, float, FloatArray]:
    """The base, the height of a layer, and the top of each: equal layers nearest to the machine's own height."""
    if not walls or not all(len(wall.corners) for wall in walls):
        raise BadInput("nothing to print", "walls with geometry", "name them with --element")
    heights = np.concatenate([wall.corners[:, :, 2].ravel() for wall in walls])
    base_m, top_m = float(heights.min()), float(heights.max())
    count = max(round((top_m - base_m) / profile.bead.height_m), 1)
    if count > MOST_LAYERS:
        raise BadInput(f"{top_m - base_m:.0f} m of wall are {count} layers", f"at most {MOST_LAYERS}", "print in parts")
    height_m = (top_m - base_m) / count
    return base_m, height_m, base_m + height_m * np.arange(1.0, count + 1.0)


def _layers(
    sections: Sequence[shapely.MultiPolygon],
    tops_m: FloatArray,
    height_m: float,
    beds: Sequence[LintelBed],
    profile: PrinterProfile,
) -> tuple[PrintLayer, ...]:
    """Beads and times of every layer; equal sections that begin at the same point are worked out once."""
    known: dict[tuple[bytes, bytes], list[tuple[FloatArray, float]]] = {}
    layers: list[PrintLayer] = []
    start: FloatArray | None = None
    for n, (section, top_m) in enumerate(zip(sections, tops_m, strict=True)):
        key = (section.wkb, b"" if start is None else start.tobytes())
        if key not in known:
            known[key] = runs_of(section, profile.bead, start)
        runs = tuple(run for run, _ in known[key])
        start = runs[0][0] if runs else start
        lintels = sum(bed.before_layer == n + 1 for bed in beds)
        time = layer_time(runs, height_m, lintels, n + 1 == len(sections), profile)
        layers.append(PrintLayer(float(top_m), height_m, section, runs, tuple(w for _, w in known[key]), time))
    return tuple(layers)


def _middle_of(walls: Sequence[Body], profile: PrinterProfile) -> FloatArray:
    """A machine on the walls' base, turned as their plan is: a gantry about it, an arm beside its long side."""
    points = np.concatenate([wall.corners.reshape(-1, 3) for wall in walls])
    box = np.asarray(shapely.oriented_envelope(shapely.MultiPoint(points[:, :2])).exterior.coords)
    sides = np.diff(box, axis=0)[:2]
    long, short = sides[np.argsort(-np.hypot(*sides.T))]
    x_axis = long / np.hypot(*long)
    y_axis = np.array([-x_axis[1], x_axis[0]])
    middle = np.array([x_axis, y_axis]) @ box[:4].mean(axis=0)
    size = profile.envelope.size_m
    if profile.envelope.kind == "gantry":
        foot = middle - 0.5 * np.array(size[:2])
    else:
        foot = middle - [0.0, size[0] + 0.5 * float(np.hypot(*short)) + profile.bead.width_m]
    T = np.eye(4)
    T[:2, :2] = [x_axis, y_axis]
    T[:3, 3] = [-foot[0], -foot[1], -float(points[:, 2].min())]
    return T


def _assumptions(
    beds: Sequence[LintelBed], layers: Sequence[PrintLayer], T_machine_site: FloatArray, *, assumed: bool
) -> list[Reason]:
    notes = []
    if assumed:
        x, y, z = -T_machine_site[:3, :3].T @ T_machine_site[:3, 3]
        yaw = float(np.degrees(np.arctan2(T_machine_site[0, 1], T_machine_site[0, 0])))
        notes.append(
            Reason(
                f"The machine's origin is taken to be at x {x:.3f}, y {y:.3f}, z {z:.3f} m, its x axis {yaw:.1f}° from"
                " the site's.",
                f"假定设备原点位于 x {x:.3f}、y {y:.3f}、z {z:.3f} m，其 x 轴与现场 x 轴夹角 {yaw:.1f}°。",
            )
        )
    for bed in beds:
        if 0 < bed.before_layer < len(layers):
            step_mm = 1000 * (bed.low_m - layers[bed.before_layer - 1].top_m)
            notes.append(
                Reason(
                    f"The lintel {bed.name} is laid before layer {bed.before_layer + 1}, on a bed"
                    f" {abs(step_mm):.0f} mm too {'low' if step_mm > 0 else 'high'}.",
                    f"过梁 {bed.name} 在第 {bed.before_layer + 1} 层之前安装，坐浆面偏{'低' if step_mm > 0 else '高'}"
                    f" {abs(step_mm):.0f} mm。",
                )
            )
    return notes
