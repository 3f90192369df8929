"""A plan as G-code: millimetres, absolute, in the machine's frame. A plan that was refused has none."""

from collections.abc import Iterator

import numpy as np

from bim.errors import BadInput
from bim.frames import FloatArray, transform
from robots.printer_plan import PrintLayer, PrintPlan


def gcode(plan: PrintPlan) -> str:
    """The whole print. Raises BadInput for a plan with refusals.

    Comments: `;LAYER:n` begins a layer, `;TIME:s` is when that is by the plan, `;LINTEL:guid` a stop to lay a lintel.
    """
    if plan.refusals:
        raise BadInput("a plan that was refused", "one that can be printed", plan.refusals[0].en)
    return "\n".join(_lines(plan)) + "\n"


def _lines(plan: PrintPlan) -> Iterator[str]:
    words, profile = plan.profile.gcode, plan.profile
    yield f"; {profile.name}, {len(plan.layers)} layers, {plan.length_m:.2f} m, {plan.time_s:.0f} s"
    yield f"; {'tried on ' + profile.tried if profile.tried else 'this profile was never tried on a machine'}"
    yield from words.prologue
    flows, begins_s = False, 0.0
    for n, layer in enumerate(plan.layers):
        for bed in plan.lintels:
            if bed.before_layer == n:
                yield from (f";LINTEL:{bed.global_id}", *words.hold)
        yield from (f";LAYER:{n}", f";TIME:{begins_s:.1f}")
        begins_s += layer.time.total_s
        yield from _layer(plan, layer, flows)
        flows = layer.goes_on
        if layer.time.wait_s > 0:
            yield f"G4 S{layer.time.wait_s:.1f}"
    yield from words.epilogue


def _layer(plan: PrintPlan, layer: PrintLayer, flows: bool) -> Iterator[str]:
    """One layer; `flows` when the pump is on as it begins, exactly above where the last one ended."""
    words, motion, pump = plan.profile.gcode, plan.profile.motion, plan.profile.pump
    for n, (run, width_m) in enumerate(zip(layer.runs, layer.widths_m, strict=True)):
        points = 1000.0 * _in_machine(plan, run, layer.top_m)
        yield f"G0 {_place(points[0])} F{60_000 * motion.travel_speed_m_s:.0f}"
        if n or not flows:
            yield from (*words.pump_on, f"G4 P{1000 * pump.start_s:.0f}")
        areas_mm2 = 1e6 * width_m * layer.height_m
        steps_mm = np.hypot(*np.diff(points[:, :2], axis=0).T)
        speed = f" F{60_000 * motion.print_speed_m_s:.0f}"
        for point, step_mm in zip(points[1:], steps_mm, strict=True):
            fed = f" E{step_mm * areas_mm2:.1f}" if words.extrusion == "volume" else ""
            yield f"G1 {_place(point)}{fed}{speed}"
            speed = ""
        if not layer.goes_on or n + 1 < len(layer.runs):
            yield from (f"G4 P{1000 * pump.stop_s:.0f}", *words.pump_off)


def _in_machine(plan: PrintPlan, run: FloatArray, z_m: float) -> FloatArray:
    return transform(plan.T_machine_site, np.column_stack([run, np.full(len(run), z_m)]))


def _place(point: FloatArray) -> str:
    return f"X{point[0]:.2f} Y{point[1]:.2f} Z{point[2]:.2f}"
