"""Whether a plan can be printed: each check says what is wrong and where, in words for the person at the machine.

What a layer rests on is the layer below, widened by the overhang that fresh material bears, and the lintels that lie
at that height. What hangs beyond is refused: an opening needs a lintel, which is an element of the model with a name.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import shapely

from bim.frames import FloatArray, transform
from bim.verdict import Reason
from robots.printer_plan import Body, LintelBed, PrintLayer, PrintPlan
from robots.printer_profiles import Envelope, PrinterProfile
from robots.slicer_sections import polygons
from robots.toolpath import bead_fit, thickness_m

SLIVER_M = 0.0005
"""What is not twice as wide hangs nowhere: it is rounding."""
VOID_SHARE = 0.01
"""A section is filled when no more of it than this stays empty or is filled twice."""


def beds_of(lintels: Sequence[Body], base_m: float, height_m: float, layers: int) -> tuple[LintelBed, ...]:
    """Where lintels lie, and the first layer that goes beside or above each."""
    beds = []
    for lintel in lintels:
        points = lintel.corners.reshape(-1, 3)
        low, high = float(points[:, 2].min()), float(points[:, 2].max())
        footprint = shapely.oriented_envelope(shapely.MultiPoint(points[:, :2]))
        before = int(np.clip(round((low - base_m) / height_m), 0, layers))
        beds.append(LintelBed(lintel.global_id, lintel.name, footprint, low, high, before))
    return tuple(sorted(beds, key=lambda bed: (bed.before_layer, bed.global_id)))


def without_lintels(
    solid: shapely.MultiPolygon, middle_m: float, beds: Sequence[LintelBed], clearance_m: float
) -> shapely.MultiPolygon:
    """A section with room for the lintels that pass through it."""
    through = [
        bed.footprint.buffer(clearance_m, join_style="mitre") for bed in beds if bed.low_m < middle_m < bed.high_m
    ]
    return polygons(solid.difference(shapely.union_all(through))) if through else solid


def refusals_of(plan: PrintPlan) -> Iterator[Reason]:
    """Everything that keeps a plan from being printed; each kind is said once, where it is met first."""
    profile = plan.profile
    yield from _heights(plan)
    different = {layer.section.wkb: layer for layer in reversed(plan.layers)}
    yield from _first(reason for layer in reversed(different.values()) for reason in _beads(layer, profile))
    for below, layer in pairwise(plan.layers):
        if hanging := list(_hanging(below, layer, plan)):
            yield from hanging
            break
    for bed in plan.lintels:
        yield from _bearing(bed, plan)
    yield from _first(reason for n, layer in enumerate(plan.layers[:-1]) for reason in _interval(n, layer, profile))
    yield from _reach(plan)


def _first(reasons: Iterator[Reason]) -> Iterator[Reason]:
    yield from (reason for reason in [next(reasons, None)] if reason)


def _heights(plan: PrintPlan) -> Iterator[Reason]:
    low, high = plan.profile.bead.height_range_m
    height = plan.layers[0].height_m
    if not low <= height <= high:
        yield Reason(
            f"The wall's height divides into layers of {1000 * height:.1f} mm;"
            f" the machine lays {1000 * low:.0f} to {1000 * high:.0f} mm.",
            f"墙高均分后每层 {1000 * height:.1f} mm，设备允许 {1000 * low:.0f}–{1000 * high:.0f} mm。",
        )


def _beads(layer: PrintLayer, profile: PrinterProfile) -> Iterator[Reason]:
    """Whether beads of a width that the machine can lay fill every piece."""
    low, high = profile.bead.width_range_m
    for piece in layer.section.geoms:
        count, width = bead_fit(piece, profile.bead)
        thickness = thickness_m(piece)
        at, above = piece.representative_point(), layer.top_m
        if not low <= width <= high or thickness < 2.0 * count * width * (1.0 - VOID_SHARE):
            yield Reason(
                f"At x {at.x:.2f}, y {at.y:.2f}, height {above:.2f} m the wall is {1000 * thickness:.0f} mm thick,"
                f" which no whole number of beads of {1000 * low:.0f} to {1000 * high:.0f} mm from each face fills.",
                f"在 x {at.x:.2f}、y {at.y:.2f}、高 {above:.2f} m 处墙厚 {1000 * thickness:.0f} mm，"
                f"两侧各整数道宽 {1000 * low:.0f}–{1000 * high:.0f} mm 的条带无法填满。",
            )
        elif not profile.bead.shells and (void := _misfilled(piece, count, width)) > VOID_SHARE:
            yield Reason(
                f"At x {at.x:.2f}, y {at.y:.2f}, height {above:.2f} m {100 * void:.0f} % of the section would stay"
                " empty or be filled twice: its thickness is not even. Print walls of one thickness at a time.",
                f"在 x {at.x:.2f}、y {at.y:.2f}、高 {above:.2f} m 处截面有 {100 * void:.0f} % 会留空或重复填充："
                "厚度不均。请将不同厚度的墙分开打印。",
            )


def _misfilled(piece: shapely.Polygon, count: int, width: float) -> float:
    """Share of a piece that beads leave empty in its middle, or fill twice there."""
    insets = [piece.buffer(-(k + 0.5) * width, join_style="mitre") for k in range(count)]
    laid = width * sum(inset.boundary.length for inset in insets)
    left = piece.buffer(-count * width, join_style="mitre").area
    return float(max(left, abs(laid - piece.area)) / piece.area)


def _hanging(below: PrintLayer, layer: PrintLayer, plan: PrintPlan) -> Iterator[Reason]:
    """Parts of a layer that nothing bears."""
    profile = plan.profile
    reach_m = layer.height_m * float(np.tan(profile.layers.max_overhang_rad))
    borne = [below.section.buffer(reach_m, join_style="mitre")]
    borne += [
        bed.footprint.buffer(reach_m + 2.0 * profile.lintel.clearance_m, join_style="mitre")
        for bed in plan.lintels
        if bed.low_m < below.top_m - 0.5 * below.height_m < bed.high_m
    ]
    hanging = layer.section.difference(shapely.union_all(borne))
    for part in polygons(hanging.buffer(-SLIVER_M).buffer(SLIVER_M)).geoms:
        at, span = part.centroid, _long_side(part)
        high = layer.top_m - layer.height_m - plan.base_m
        yield Reason(
            f"{high:.2f} m above the base, at x {at.x:.2f}, y {at.y:.2f}, {span:.2f} m of wall would hang in the air:"
            " name the lintel that bears it (--lintel), or put one into the model.",
            f"距底面 {high:.2f} m、x {at.x:.2f}、y {at.y:.2f} 处有 {span:.2f} m 墙体悬空："
            "请用 --lintel 指明过梁，或在模型中补上过梁。",
        )


def _long_side(part: shapely.Polygon) -> float:
    corners = np.asarray(shapely.oriented_envelope(part).exterior.coords) if part.area else np.zeros((5, 2))
    return float(max(np.hypot(*(corners[1] - corners[0])), np.hypot(*(corners[2] - corners[1]))))


def _bearing(bed: LintelBed, plan: PrintPlan) -> Iterator[Reason]:
    """A lintel bears on what is printed below it, at both its ends."""
    if not 0 < bed.before_layer < len(plan.layers):
        yield Reason(f"The lintel {bed.name} lies outside the print.", f"过梁 {bed.name} 不在打印范围内。")
        return
    below = plan.layers[bed.before_layer - 1].section
    corners = np.asarray(bed.footprint.exterior.coords)
    sides = np.diff(corners, axis=0)[:2]
    along = sides[np.argmax(np.hypot(*sides.T))]
    axis = along / np.hypot(*along)
    ends = [
        np.ptp(np.asarray(part.exterior.coords) @ axis) for part in polygons(below.intersection(bed.footprint)).geoms
    ]
    needed = plan.profile.lintel.bearing_m
    if sum(end >= needed - 1e-6 for end in ends) < 2:
        found = 1000 * min(ends) if len(ends) > 1 else 0
        yield Reason(
            f"The lintel {bed.name} bears on {found:.0f} mm at one end; it needs {1000 * needed:.0f} mm at both.",
            f"过梁 {bed.name} 一端仅支承 {found:.0f} mm，两端均需 {1000 * needed:.0f} mm。",
        )


def _interval(index: int, layer: PrintLayer, profile: PrinterProfile) -> Iterator[Reason]:
    limits, time = profile.layers, layer.time
    stands_s = time.wait_s + time.lintel_s
    if time.total_s > limits.max_s:
        yield Reason(
            f"Layer {index + 1} takes {time.total_s:.0f} s; the next one bonds to it only within {limits.max_s:.0f} s."
            " Print in shorter lengths, or on a faster machine.",
            f"第 {index + 1} 层需 {time.total_s:.0f} s，超过层间粘结上限 {limits.max_s:.0f} s。"
            "请分段打印或换用更快的设备。",
        )
    if time.wait_s > 0 and not limits.may_wait:
        yield Reason(
            f"Layer {index + 1} is done in {time.total_s - time.wait_s:.0f} s; it bears the next one only after"
            f" {limits.min_s:.0f} s, and this machine cannot wait. Print more walls at once.",
            f"第 {index + 1} 层只需 {time.total_s - time.wait_s:.0f} s，须 {limits.min_s:.0f} s 后才能承受上一层，"
            "而该设备不能等待。请同时打印更多墙体。",
        )
    if stands_s > profile.pump.longest_stop_s:
        yield Reason(
            f"After layer {index + 1} the pump would stand for {stands_s:.0f} s; the hose may stand"
            f" {profile.pump.longest_stop_s:.0f} s. Print more walls at once, or lay lintels faster.",
            f"第 {index + 1} 层后泵需停 {stands_s:.0f} s，而管路最多可停 {profile.pump.longest_stop_s:.0f} s。"
            "请同时打印更多墙体，或加快过梁安装。",
        )


def _reach(plan: PrintPlan) -> Iterator[Reason]:
    beyond_m = max(
        (
            beyond_reach_m(transform(plan.T_machine_site, nozzle_path(layer)), plan.profile.envelope)
            for layer in plan.layers
        ),
        default=0.0,
    )
    if beyond_m > 1e-6:
        yield Reason(
            f"The print goes {beyond_m:.2f} m beyond what {plan.profile.name} reaches from its place."
            " Move the machine (--place), or print in parts.",
            f"打印范围超出 {plan.profile.name} 可达范围 {beyond_m:.2f} m。请移动设备（--place）或分段打印。",
        )


def nozzle_path(layer: PrintLayer) -> FloatArray:
    """Corners (N, 3) of a layer's runs, in the site frame."""
    points = np.concatenate(layer.runs) if layer.runs else np.zeros((0, 2))
    return np.column_stack([points, np.full(len(points), layer.top_m)])


def beyond_reach_m(points: FloatArray, envelope: Envelope) -> float:
    """How far points (N, 3), in the machine's frame, go beyond where it reaches; 0 when it reaches all."""
    if not len(points):
        return 0.0
    if envelope.kind == "gantry":
        beyond = np.maximum(-points, points - np.array(envelope.size_m))
    else:
        least, most, height = envelope.size_m
        away = np.hypot(points[:, 0], points[:, 1])
        beyond = np.stack([least - away, away - most, -points[:, 2], points[:, 2] - height], axis=1)
    return float(max(beyond.max(), 0.0))
