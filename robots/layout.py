"""What is drawn on the floor before it is built: grid lines and the axes of walls whose floor stands."""

from collections.abc import Sequence

import numpy as np

from bim.frames import FloatArray
from bim.setting_out import GridLine
from bim.verdict import Reason, State
from robots.proposal import Proposal, proposal, target
from robots.site_state import SiteState, axis_of, floor_under
from robots.task_rules import TaskRules
from robots.tasks import Kind

WALLS = ("IfcWall", "IfcWallStandardCase")


def wall_lines(site: SiteState, rules: TaskRules) -> list[Proposal]:
    """The axis of every wall that is known to be absent, on a floor of the model; a scan must have seen the floor."""
    walls = np.flatnonzero(site.of_class(*WALLS) & site.masked(State.ABSENT))
    if not len(walls):
        return []
    axes = np.array([axis_of(site.corners(int(wall))) for wall in walls])
    floors = floor_under(site, axes.mean(axis=1))
    return [
        _line(site, rules, int(wall), axis, int(floor))
        for wall, axis, floor in zip(walls, axes, floors, strict=True)
        if floor >= 0
    ]


def _line(site: SiteState, rules: TaskRules, wall: int, axis: FloatArray, floor: int) -> Proposal:
    element, slab = site.building.elements[wall], site.building.elements[floor]
    length_m = float(np.linalg.norm(axis[1] - axis[0]))
    return proposal(
        rules,
        Kind.LAYOUT,
        element.global_id,
        Reason(f"Mark the axis of {element.name}", f"放线：{element.name} 的轴线"),
        Reason(
            f"{element.name} is not built yet; its axis of {length_m:.2f} m goes onto {slab.name}",
            f"{element.name} 尚未建成；其 {length_m:.2f} 米轴线放在 {slab.name} 上",
        ),
        [target(axis[0], axis[1]), target(axis[1], axis[1] + (axis[1] - axis[0]))],
        storey=element.storey,
        element_ids=(element.global_id,),
        after_elements=(slab.global_id,),
    )


def grid_lines(site: SiteState, rules: TaskRules, grid: Sequence[GridLine]) -> list[Proposal]:
    """Every axis of the model's grids on each floor that is known to be built, where nothing else is built yet."""
    found = []
    for storey in site.building.storeys:
        bare = [
            (element, state)
            for element, state in zip(site.building.elements, site.states, strict=True)
            if element.storey == storey.name
        ]
        floors = [e for e, state in bare if e.ifc_class == "IfcSlab" and state in (State.BUILT, State.DISPLACED)]
        walls = [e for e, state in bare if e.ifc_class in WALLS and state is State.BUILT]
        if floors and not walls:
            found += [_grid_line(rules, line, storey.name, storey.elevation_m, floors[0].global_id) for line in grid]
    return found


def _grid_line(rules: TaskRules, line: GridLine, storey: str, height_m: float, floor: str) -> Proposal:
    a, b = (np.array([x, y, height_m]) for x, y in (line.start_m, line.end_m))
    return proposal(
        rules,
        Kind.LAYOUT,
        f"grid {line.grid} {line.name} {storey}",
        Reason(f"Mark grid line {line.name} on {storey}", f"放线：{storey} 轴线 {line.name}"),
        Reason(f"the floor of {storey} stands and nothing is marked on it", f"{storey} 楼面已建成，尚未放线"),
        [target(a, b), target(b, b + (b - a))],
        storey=storey,
        after_elements=(floor,),
    )
