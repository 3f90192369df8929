"""What stands wrong is moved, and only a later scan that finds it inside tolerance closes that; what is half done is
looked at."""

from collections.abc import Iterable, Sequence

import numpy as np

from bim.frames import FloatArray
from bim.model import Element
from bim.verdict import Reason, State
from robots.navigation import StoreyMap
from robots.proposal import Proposal, proposal, target
from robots.scanning import view_of
from robots.site_state import SiteState
from robots.task_rules import TaskRules
from robots.tasks import Kind, Target, TaskSpec


def rework(site: SiteState, rules: TaskRules, maps: Sequence[StoreyMap]) -> list[Proposal]:
    """For each displaced element: move it back, then scan it again from where most of it is seen."""
    found = []
    for k in np.flatnonzero(site.masked(State.DISPLACED)):
        element = site.building.elements[k]
        move = _move(site, rules, int(k), element)
        found += [move, _scan_again(rules, element, move, view_of(site, maps, int(k)) or move.spec.targets[0])]
    return found


def _move(site: SiteState, rules: TaskRules, k: int, element: Element) -> Proposal:
    shift = site.seen[element.global_id].shift_m
    millimetres = None if shift is None else round(1000 * float(np.linalg.norm(shift)))
    off = (
        Reason("out of tolerance", "超出允许偏差")
        if millimetres is None
        else Reason(f"{millimetres} mm off", f"偏差 {millimetres} 毫米")
    )
    return proposal(
        rules,
        Kind.REWORK,
        element.global_id,
        Reason(f"Put {element.name} in its place", f"纠偏：{element.name}"),
        Reason(
            f"{element.name} stands {off.en}; closed only by a later scan inside tolerance",
            f"{element.name} {off.zh}；须由后续扫描证实合格后方可关闭",
        ),
        [target(np.append(_middle(site, k), site.floor_m(element)))],
        storey=element.storey,
        element_ids=(element.global_id,),
        payload=None if shift is None else {"move_by_m": [round(-value, 4) for value in shift]},
    )


def _scan_again(rules: TaskRules, element: Element, move: Proposal, view: Target) -> Proposal:
    return proposal(
        rules,
        Kind.SCAN,
        f"after {move.spec.task_id}",
        Reason(f"Scan {element.name} after its rework", f"复测：{element.name}"),
        Reason("only a scan inside tolerance closes the rework", "只有扫描合格才能关闭该整改"),
        [view],
        storey=element.storey,
        element_ids=(element.global_id,),
        after_tasks=(move.spec.task_id,),
    )


def inspections(site: SiteState, rules: TaskRules) -> list[Proposal]:
    """A look at everything that stands in part."""
    return [
        proposal(
            rules,
            Kind.INSPECT,
            element.global_id,
            Reason(f"Look at {element.name}", f"检查：{element.name}"),
            Reason(f"{element.name} stands only in part", f"{element.name} 仅部分完成"),
            [target(np.append(_middle(site, int(k)), site.floor_m(element)))],
            storey=element.storey,
            element_ids=(element.global_id,),
        )
        for k in np.flatnonzero(site.masked(State.PARTIAL))
        for element in [site.building.elements[k]]
    ]


def unproven(done: Iterable[TaskSpec], site: SiteState) -> list[TaskSpec]:
    """Rework that was done and that no scan has found inside tolerance yet: it is not closed."""
    elements = {element.global_id: element for element in site.building.elements}
    return [
        spec
        for spec in done
        if spec.kind is Kind.REWORK
        and any(site.state_of(elements[name]) is not State.BUILT for name in spec.element_ids if name in elements)
    ]


def _middle(site: SiteState, k: int) -> FloatArray:
    corners = site.corners(k)
    middle: FloatArray = (corners.min(axis=(0, 1)) + corners.max(axis=(0, 1)))[:2] / 2
    return middle
