"""A print as a picture: the beads of one layer, the whole in elevation, and the time of every layer.

The picture holds no words of a language, only numbers and units: the page or the table beside it explains them.
"""

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from bim.errors import BadInput

if TYPE_CHECKING:
    from robots.printer_plan import PrintPlan

FORMATS = (".svg", ".png", ".pdf")
BEAD, STOP, LINTEL, LIMIT = "#2b6ca3", "#d4107a", "#e0a021", "#b00020"


def picture_bytes(plan: "PrintPlan", suffix: str) -> bytes:
    """The picture in the format of a file name's suffix. Raises BadInput for another."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    if suffix not in FORMATS:
        raise BadInput(f"a picture of format {suffix or 'none'}", f"one of {', '.join(FORMATS)}", "change the name")
    with mpl.rc_context({"svg.hashsalt": "sitewright", "font.size": 9}):
        figure = Figure(figsize=(11, 9), layout="constrained")
        above, middle, below = figure.subplots(3, 1, height_ratios=(2, 4, 2))
        _plan_view(above, plan)
        _elevation(middle, plan)
        _times(below, plan)
        figure.suptitle(
            f"{plan.profile.name}   {len(plan.layers)} × {1000 * plan.layers[0].height_m:.1f} mm"
            f"   {plan.length_m:.0f} m   {plan.volume_m3:.2f} m³   {plan.time_s / 3600:.1f} h"
            + ("   ✕" if plan.refusals else "")
        )
        content = io.BytesIO()
        figure.savefig(
            content, format=suffix[1:], dpi=110, metadata=None if suffix == ".png" else {_DATE[suffix]: None}
        )
    return content.getvalue()


_DATE = {".svg": "Date", ".pdf": "CreationDate"}


def _plan_view(axes: Any, plan: "PrintPlan") -> None:
    """The first layer: beads at their width, travel without material dashed, where the pump starts and stops."""
    from shapely import LineString, get_parts
    from shapely.plotting import patch_from_polygon

    layer = plan.layers[0]
    for run, width_m in zip(layer.runs, layer.widths_m, strict=True):
        for bead in get_parts(LineString(run).buffer(0.46 * width_m, cap_style="flat", join_style="round")):
            # With its holes: a cavity is not material.
            axes.add_patch(patch_from_polygon(bead, facecolor="#cfe0ee", edgecolor=BEAD, linewidth=0.4))
        axes.plot(*run.T, color=BEAD, linewidth=0.7)
        axes.plot(*run[0], "o", *run[-1], "s", color=STOP, markersize=4)
    for run, after in zip(layer.runs[:-1], layer.runs[1:], strict=True):
        axes.plot(*np.array([run[-1], after[0]]).T, "--", color=STOP, linewidth=1)
    axes.set(aspect="equal", xlabel="x  m", ylabel="y  m", title=f"1 / {len(plan.layers)}")


def _elevation(axes: Any, plan: "PrintPlan") -> None:
    """Every layer seen across the print's long side; lintels in their place."""
    from matplotlib.collections import PolyCollection

    everything = np.concatenate([run for layer in plan.layers for run in layer.runs])
    axis = np.linalg.svd(everything - everything.mean(axis=0), full_matrices=False)[2][0]
    axis = axis * np.sign(axis[np.argmax(np.abs(axis))])
    bars = []
    for layer in plan.layers:
        low_m, high_m = layer.top_m - layer.height_m, layer.top_m
        for piece in layer.section.geoms:
            along = np.asarray(piece.exterior.coords) @ axis
            left, right = along.min(), along.max()
            bars.append([(left, low_m), (right, low_m), (right, high_m), (left, high_m)])
    axes.add_collection(PolyCollection(bars, facecolor="#cfe0ee", edgecolor=BEAD, linewidth=0.3))
    for bed in plan.lintels:
        along = np.asarray(bed.footprint.exterior.coords) @ axis
        axes.fill_between([along.min(), along.max()], bed.low_m, bed.high_m, color=LINTEL)
        middle = (0.5 * (along.min() + along.max()), 0.5 * (bed.low_m + bed.high_m))
        axes.text(*middle, bed.name, ha="center", va="center", fontsize=8)
    axes.autoscale_view()
    axes.set(aspect="equal", xlabel="m", ylabel="z  m")


def _times(axes: Any, plan: "PrintPlan") -> None:
    """Seconds of every layer, waits on top, between the least and the greatest that the material allows."""
    layers = np.arange(1, len(plan.layers) + 1)
    total = np.array([layer.time.total_s for layer in plan.layers])
    waits = np.array([layer.time.wait_s + layer.time.lintel_s for layer in plan.layers])
    axes.bar(layers, total - waits, width=1.0, color=BEAD)
    axes.bar(layers, waits, width=1.0, bottom=total - waits, color=LINTEL)
    for limit_s in (plan.profile.layers.min_s, plan.profile.layers.max_s):
        axes.axhline(limit_s, color=LIMIT, linewidth=1, linestyle="--")
    axes.set(ylabel="s", xlim=(0.5, len(layers) + 0.5))
