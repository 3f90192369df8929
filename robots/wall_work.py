"""Walls that robots put up: laid in courses or printed, and what is carried there before."""

from math import ceil

import numpy as np

from bim.frames import FloatArray
from bim.model import Element
from bim.verdict import Reason, State
from robots.layout import WALLS
from robots.proposal import Proposal, proposal, target
from robots.site_state import SiteState, axis_of, floor_under
from robots.task_rules import TaskRules
from robots.tasks import Kind, Target


def wall_work(site: SiteState, rules: TaskRules) -> list[Proposal]:
    """For each absent wall that its name says is laid or printed: carry, then build. Its axis is marked before."""
    found = []
    for k in np.flatnonzero(site.of_class(*WALLS) & site.masked(State.ABSENT)):
        element = site.building.elements[k]
        kind = _kind(element, rules)
        axis = axis_of(site.corners(int(k)))
        floor = int(floor_under(site, axis.mean(axis=0, keepdims=True))[0])
        if kind and floor >= 0:
            carried = _carried(site, rules, element, axis)
            found += [*carried, _built(site, rules, int(k), kind, axis, floor, carried)]
    return found


def _kind(element: Element, rules: TaskRules) -> Kind | None:
    name = element.name.casefold()
    if any(word in name for word in rules.printed):
        return Kind.PRINT
    return Kind.BRICK if any(word in name for word in rules.bricks) else None


def _built(
    site: SiteState, rules: TaskRules, k: int, kind: Kind, axis: FloatArray, floor: int, before: list[Proposal]
) -> Proposal:
    element, slab = site.building.elements[k], site.building.elements[floor]
    height_m = float(np.ptp(site.corners(k)[..., 2]))
    courses = ceil(height_m / rules.course_m - 1e-6) if kind is Kind.BRICK else 1
    title = (
        Reason(f"Lay {element.name} in {courses} courses", f"砌筑：{element.name}，{courses} 皮")
        if kind is Kind.BRICK
        else Reason(f"Print {element.name}", f"打印：{element.name}")
    )
    return proposal(
        rules,
        kind,
        element.global_id,
        title,
        Reason(f"{element.name} is not built yet and its floor stands", f"{element.name} 尚未建成，其楼面已建成"),
        [_lifted(axis, (course + 0.5) * height_m / courses - height_m / 2 / courses) for course in range(courses)],
        storey=element.storey,
        element_ids=(element.global_id,),
        after_tasks=(f"{Kind.LAYOUT}-{element.global_id}", *(each.spec.task_id for each in before)),
        after_elements=(slab.global_id,),
        payload={"axis_m": np.round(axis, 4).tolist(), "height_m": round(height_m, 4), "courses": courses},
    )


def _lifted(axis: FloatArray, height_m: float) -> Target:
    return target(axis[0] + [0.0, 0.0, height_m], axis[1] + [0.0, 0.0, height_m])


def _carried(site: SiteState, rules: TaskRules, element: Element, axis: FloatArray) -> list[Proposal]:
    store = rules.store_m.get(element.storey)
    if store is None:
        return []
    height_m = site.floor_m(element)
    there, here = np.append(axis.mean(axis=0)[:2], height_m), np.array([*store, height_m])
    return [
        proposal(
            rules,
            Kind.TRANSPORT,
            element.global_id,
            Reason(f"Carry material for {element.name}", f"运料：{element.name}"),
            Reason(
                f"{element.name} is built next; its material lies in the store", f"即将施工 {element.name}，材料在堆场"
            ),
            [target(here, there), target(there)],
            storey=element.storey,
            element_ids=(element.global_id,),
        )
    ]
