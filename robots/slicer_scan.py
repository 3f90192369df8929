"""A scan of a fresh layer against its plan: how far its edge and its height are off, and what was not seen.

The edge is looked for on strips across the planned outline: the outermost points of a strip are where the bead ends.
A strip without points says nothing: it is not seen, which is not the same as missing.
"""

from dataclasses import dataclass

import numpy as np
import shapely
from scipy.spatial import cKDTree

from bim.frames import FloatArray
from bim.verdict import Reason, State
from robots.printer_plan import PrintLayer

STRIP_M = 0.05
"""Distance of strips along the outline; a strip is half as wide."""
SEARCH_M = 0.06
"""How far from its plan an edge is looked for."""
OUTERMOST = 0.98
"""The edge is this quantile of a strip's points, outwards: lone outliers lie beyond."""
LEAST_POINTS = 5
LEAST_SEEN = 0.5
"""With less of the outline seen nothing is said."""


@dataclass(frozen=True, slots=True)
class LayerVerdict:
    """One layer as printed minus as planned, in metres. The state is BUILT, DISPLACED or UNSEEN."""

    state: State
    seen: float
    """Share of the outline that has points."""
    edge_mean_m: float | None
    """Positive outwards: the layer is wider than planned."""
    edge_p95_m: float | None
    """Of the distance, outwards or inwards."""
    height_m: float | None
    """Median of its upper face minus its plan."""
    reason: Reason


def judge_layer(points: FloatArray, layer: PrintLayer, tolerance_m: float) -> LayerVerdict:
    """Points (N, 3) of a scan in the site frame against one layer. Points of other layers are left out by height."""
    near = np.abs(points[:, 2] - layer.top_m) < 0.5 * layer.height_m + tolerance_m
    edges = _edges(points[near, :2], layer.section)
    seen = float(np.mean(np.isfinite(edges))) if len(edges) else 0.0
    if seen < LEAST_SEEN:
        return LayerVerdict(State.UNSEEN, seen, None, None, None, Reason(
            f"{100 * seen:.0f} % of the layer's outline was seen: nothing can be said of it.",
            f"仅看到该层轮廓的 {100 * seen:.0f} %，无法判断。",
        ))  # fmt: skip
    found = edges[np.isfinite(edges)]
    mean, p95 = float(found.mean()), float(np.percentile(np.abs(found), 95))
    rise = _rise(points[near], layer)
    off = max(p95, abs(rise or 0.0)) > tolerance_m
    state = State.DISPLACED if off else State.BUILT
    return LayerVerdict(state, seen, mean, p95, rise, _reason(off, p95, rise, tolerance_m))


def _edges(xy: FloatArray, section: shapely.MultiPolygon) -> FloatArray:
    """Where the edge lies on each strip, positive outwards; NaN where there is nothing."""
    at, outward = _strips(section)
    tree = cKDTree(xy) if len(xy) else None
    edges = np.full(len(at), np.nan)
    for n, (point, normal) in enumerate(zip(at, outward, strict=True)):
        offsets = xy[tree.query_ball_point(point, np.hypot(SEARCH_M, STRIP_M / 4))] - point if tree else xy
        across = offsets @ normal
        inside = (np.abs(offsets @ [-normal[1], normal[0]]) < STRIP_M / 4) & (np.abs(across) < SEARCH_M)
        if inside.sum() >= LEAST_POINTS:
            edges[n] = np.quantile(across[inside], OUTERMOST)
    return edges


def _strips(section: shapely.MultiPolygon) -> tuple[FloatArray, FloatArray]:
    """Points (N, 2) on the outline, away from its corners, and unit normals (N, 2) out of the section."""
    at, outward = [], []
    for piece in section.geoms:
        whole = shapely.geometry.polygon.orient(piece)
        for ring in (whole.exterior, *whole.interiors):
            for a, b in zip(np.asarray(ring.coords)[:-1], np.asarray(ring.coords)[1:], strict=True):
                length = float(np.hypot(*(b - a)))
                along = np.arange(STRIP_M, length - 0.5 * STRIP_M, STRIP_M)
                at.append(a + along[:, None] * (b - a) / length)
                outward.append(np.tile([(b - a)[1], -(b - a)[0]], (len(along), 1)) / length)
    return np.concatenate(at), np.concatenate(outward)


def _rise(points: FloatArray, layer: PrintLayer) -> float | None:
    """Median height above plan of the points well within the section."""
    within = layer.section.buffer(-0.25 * min(layer.widths_m))
    inside = shapely.contains_xy(within, points[:, 0], points[:, 1])
    return float(np.median(points[inside, 2]) - layer.top_m) if inside.sum() >= LEAST_POINTS else None


def _reason(off: bool, p95: float, rise: float | None, tolerance_m: float) -> Reason:
    rise_en = "its height was not seen" if rise is None else f"its upper face {1000 * rise:+z.0f} mm"
    rise_zh = "未看到顶面" if rise is None else f"顶面 {1000 * rise:+z.0f} mm"
    limit, edge = f"{1000 * tolerance_m:.0f} mm", f"{1000 * p95:.0f} mm"
    verdict_en, verdict_zh = ("beyond", "超出") if off else ("within", "符合")
    return Reason(
        f"Its edge is up to {edge} off and {rise_en}: {verdict_en} {limit}.",
        f"边缘偏差至 {edge}，{rise_zh}：{verdict_zh} {limit}。",
    )
