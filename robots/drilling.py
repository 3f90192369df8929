"""Where holes are drilled: hangers of pipes and ducts in the ceiling above them, supports, and ways through walls."""

from collections.abc import Iterator

import numpy as np

from bim.frames import FloatArray, IntArray
from bim.model import Element
from bim.verdict import Reason, State
from robots.layout import WALLS
from robots.proposal import Proposal, proposal, target
from robots.site_state import SOFFITS, Looking, SiteState, axis_of
from robots.task_rules import TaskRules
from robots.tasks import Kind

RUNS = ("IfcPipeSegment", "IfcDuctSegment", "IfcCableCarrierSegment", "IfcFlowSegment")
SUPPORTS = ("IfcDiscreteAccessory", "IfcMechanicalFastener", "IfcFastener")
END_M = 0.3
"""From the end of a run to its first hanger."""
MOST_DROP_M = 2.0
"""A ceiling that is higher above a run than this does not carry it."""
LEVEL_M = 0.05
TOUCHES_M = 0.1
AXES = np.concatenate([np.eye(3), -np.eye(3)])


def hangers(site: SiteState, rules: TaskRules) -> list[Proposal]:
    """Points on the ceiling over every level run that is not built yet."""
    ceilings = Looking(site, site.of_class(*SOFFITS))
    return [
        made
        for run in np.flatnonzero(site.of_class(*RUNS) & site.masked(State.ABSENT))
        if (made := _hung(site, rules, ceilings, int(run)))
    ]


def _hung(site: SiteState, rules: TaskRules, ceilings: Looking, run: int) -> Proposal | None:
    element, corners = site.building.elements[run], site.corners(run)
    axis = axis_of(corners)
    length_m, height_m = float(np.linalg.norm(axis[1] - axis[0])), float(np.ptp(corners[..., 2]))
    if height_m > length_m:  # a riser
        return None
    points = _along(axis, length_m, rules.hanger_spacing_m) + np.array([0.0, 0.0, height_m + LEVEL_M])
    distance, ceiling = ceilings.first_hit(points, np.array([0.0, 0.0, 1.0]))
    held = distance < MOST_DROP_M
    if not held.any():
        return None
    points = points[held] + np.outer(distance[held], [0.0, 0.0, 1.0])
    return _holes(
        site,
        rules,
        element,
        "hangers",
        points,
        np.unique(ceiling[held]),
        Reason(
            f"{element.name} hangs from the ceiling every {rules.hanger_spacing_m:g} m and is not built yet",
            f"{element.name} 每 {rules.hanger_spacing_m:g} 米设一个吊点，尚未安装",
        ),
    )


def _along(axis: FloatArray, length_m: float, spacing_m: float) -> FloatArray:
    """Points (N, 3) along an axis, no further apart than the spacing, the first and last near its ends."""
    inset_m = min(END_M, length_m / 2)
    count = 1 + int(np.ceil((length_m - 2 * inset_m) / spacing_m - 1e-9)) if length_m > 2 * END_M else 1
    at = np.linspace(inset_m, length_m - inset_m, count) if count > 1 else np.array([length_m / 2])
    points: FloatArray = axis[0] + np.outer(at / length_m, axis[1] - axis[0])
    return points


def supports(site: SiteState, rules: TaskRules) -> list[Proposal]:
    """Where supports that the model shows touch what carries them."""
    carrying = Looking(site, site.of_class(*SOFFITS, *WALLS, "IfcColumn"))
    found = []
    for support in np.flatnonzero(site.of_class(*SUPPORTS) & site.masked(State.ABSENT)):
        element, corners = site.building.elements[support], site.corners(int(support))
        low, high = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
        middle = np.broadcast_to((low + high) / 2, AXES.shape)
        distance, host = carrying.first_hit(np.ascontiguousarray(middle), AXES)
        gap = distance - np.abs(AXES) @ (high - low) / 2
        best = int(np.argmin(gap))
        if gap[best] < TOUCHES_M:
            why = Reason(f"{element.name} is fixed here and is not built yet", f"{element.name} 固定于此处，尚未安装")
            point = middle[best] + distance[best] * AXES[best]
            found.append(_holes(site, rules, element, "support", point[None], host[[best]], why))
    return found


def passages(site: SiteState, rules: TaskRules) -> list[Proposal]:
    """Where runs that are not built yet pass through walls that stand."""
    walls = Looking(site, site.of_class(*WALLS) & site.masked(State.BUILT, State.DISPLACED))
    found = []
    for run in np.flatnonzero(site.of_class(*RUNS) & site.masked(State.ABSENT)):
        element, corners = site.building.elements[run], site.corners(int(run))
        axis = axis_of(corners) + np.array([0.0, 0.0, float(np.ptp(corners[..., 2])) / 2])
        ahead = axis[1] - axis[0]
        distance, wall = walls.first_hit(axis[:1], ahead)
        if 0.0 < distance[0] < 1.0:
            point = axis[0] + distance[0] * ahead
            name = site.building.elements[wall[0]].name
            why = Reason(f"{element.name} passes through {name}", f"{element.name} 穿过 {name}")
            found.append(_holes(site, rules, element, "passage", point[None], wall, why))
    return found


def _holes(
    site: SiteState, rules: TaskRules, element: Element, what: str, points: FloatArray, hosts: IntArray, why: Reason
) -> Proposal:
    names = {"hangers": ("hangers", "吊点"), "support": ("a support", "支架"), "passage": ("a passage", "穿墙孔")}
    en, zh = names[what]
    return proposal(
        rules,
        Kind.DRILL,
        f"{what} {element.global_id}",
        Reason(f"Drill for {en} of {element.name}", f"钻孔：{element.name} 的{zh}"),
        why,
        [target(point) for point in points],
        storey=element.storey,
        element_ids=(element.global_id,),
        after_elements=tuple(_ids(site, hosts)),
    )


def _ids(site: SiteState, elements: IntArray) -> Iterator[str]:
    for element in elements:
        yield site.building.elements[element].global_id
