"""Tasks come from the model and what was seen of it; each names its elements, its places and its reason."""

import datetime as dt
import json
import re
from dataclasses import replace
from pathlib import Path

import ifcopenshell
import ifcopenshell.guid
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bim.ifc_authoring import Author
from bim.rays import RayCaster
from bim.setting_out import GridLine, read_grid
from bim.verdict import Reason, State
from robots.from_model import approved_by_rule, orphaned, propose_tasks
from robots.navigation import distances_m, storey_maps
from robots.proposal import Proposal, proposal
from robots.rework import unproven
from robots.robot import Profile
from robots.scanning import EYE_M
from robots.site_plan import Crew, plan_tasks
from robots.site_state import Seen, SiteState, axis_of
from robots.task_rules import TaskRules
from robots.tasks import Kind, Target
from tests.bim.boxes import Box, building

FLOOR = Box("floor", (0, 0, -0.3), (12, 8, 0.3), "Slab", "IfcSlab")
CEILING = Box("ceiling", (0, 0, 3.0), (12, 8, 0.2), "Ceiling", "IfcSlab")
SPLIT = (Box("left", (6, 0, 0), (0.2, 3.0, 3.0), "left"), Box("right", (6, 4.2, 0), (0.2, 3.8, 3.0), "right"))
"""A wall across the floor with a doorway of 1.2 m."""
DOOR = Box("door", (6.05, 3, 0), (0.1, 1.2, 2.1), "door", "IfcDoor")
PIPE = Box("pipe", (1, 2, 2.5), (4.6, 0.1, 0.1), "Pipe", "IfcPipeSegment")
NOW = dt.datetime(2026, 5, 1, 7, tzinfo=dt.UTC)


def site(*boxes: Box, **states: State | Seen) -> SiteState:
    """A site whose elements are built but for those that are named."""
    seen = {box.global_id: Seen(State.BUILT) for box in boxes}
    for name, state in states.items():
        seen[name] = state if isinstance(state, Seen) else Seen(state)
    return SiteState(building(boxes), seen)


def proposed(where: SiteState, kind: Kind, rules: TaskRules | None = None, **others: object) -> list[Proposal]:
    found = propose_tasks(where, storey_maps(where, 0.35), rules, **others)  # type: ignore[arg-type]
    return [each for each in found if each.spec.kind is kind]


def test_an_absent_wall_is_marked_along_its_axis_on_a_floor_that_a_scan_has_verified() -> None:
    wall = Box("wall", (2, 3, 0), (4, 0.2, 3), "Partition")
    (task,) = proposed(site(FLOOR, wall, wall=State.ABSENT), Kind.LAYOUT)
    a, b = task.spec.targets
    assert sorted([a[:3], b[:3]]) == [(2.0, 3.1, 0.0), (6.0, 3.1, 0.0)]
    assert task.spec.element_ids == ("wall",)
    assert task.spec.after_elements == ("floor",)
    assert "Partition" in task.why.en
    assert "Partition" in task.why.zh


@pytest.mark.parametrize("state", [State.BUILT, State.UNSEEN, State.DISPLACED, State.PARTIAL])
def test_a_wall_that_is_not_known_to_be_absent_is_not_marked(state: State) -> None:
    wall = Box("wall", (2, 3, 0), (4, 0.2, 3))
    assert proposed(site(FLOOR, wall, wall=state), Kind.LAYOUT) == []


@pytest.mark.parametrize("turn_rad", [0.0, 0.4, 1.9])
def test_an_axis_is_the_middle_line_however_the_wall_is_turned(turn_rad: float) -> None:
    box = Box("wall", (2, 3, 0), (5, 0.3, 3), turn_rad=turn_rad)
    along = np.array([np.cos(turn_rad), np.sin(turn_rad)])
    across = np.array([-along[1], along[0]])
    start = np.array([2, 3]) + 0.15 * across
    expected = sorted([tuple(np.round(start, 6)), tuple(np.round(start + 5 * along, 6))])
    found = sorted(tuple(np.round(end[:2], 6)) for end in axis_of(site(box).corners(0)))
    assert np.allclose(found, expected)


def test_hangers_lie_on_the_ceiling_over_the_run_no_further_apart_than_the_rule() -> None:
    (task,) = proposed(site(FLOOR, CEILING, PIPE, pipe=State.ABSENT), Kind.DRILL)
    targets = np.array(task.spec.targets)
    assert np.allclose(targets[:, 2], 3.0)
    assert np.allclose(targets[:, 1], 2.05)
    assert np.diff(np.sort(targets[:, 0])).max() <= 2.0
    assert task.spec.after_elements == ("ceiling",)
    assert task.spec.permits == ("drilling",)


def test_a_run_through_a_standing_wall_wants_a_hole_in_it() -> None:
    wall = Box("wall", (3, 1, 0), (0.2, 3, 3), "Wall")
    found = proposed(site(FLOOR, wall, PIPE, pipe=State.ABSENT), Kind.DRILL)
    (passage,) = [each for each in found if "passes through" in each.why.en]
    assert passage.spec.targets[0].x_m in {3.0, 3.2}
    assert passage.spec.after_elements == ("wall",)


def test_a_support_is_drilled_where_it_touches_what_carries_it() -> None:
    bracket = Box("bracket", (4, 4, 2.9), (0.1, 0.1, 0.1), "Bracket", "IfcDiscreteAccessory")
    (task,) = proposed(site(FLOOR, CEILING, bracket, bracket=State.ABSENT), Kind.DRILL)
    assert task.spec.targets == (Target(4.05, 4.05, 3.0, 0.0),)


def test_what_is_unseen_is_scanned_from_where_it_can_be_seen() -> None:
    hidden = Box("hidden", (11.5, 1, 0.5), (0.3, 3, 1.5), "hidden", "IfcFurnishingElement")
    where = site(FLOOR, CEILING, *SPLIT, DOOR, hidden, hidden=State.UNSEEN)
    tasks = proposed(where, Kind.SCAN)
    assert {task.spec.element_ids for task in tasks} == {("hidden",)}
    eyes = np.array([task.spec.targets[0][:3] for task in tasks]) + np.array([0.0, 0.0, EYE_M])
    walls = RayCaster(where.building.mesh.corners[where.stands[where.building.mesh.element]])
    face = np.array([11.5, 2.5, 1.2])
    hit, _ = walls.first_hit(eyes, face - eyes)
    assert (hit > 1.0).any()


def test_what_is_high_up_against_the_sky_is_not_scanned_from_below() -> None:
    high, roof = Box("high", (5, 3, 6.5), (2, 2, 0.3), "high", "IfcSlab"), Box("roof", (0, 0, 8), (12, 8, 0.2), "roof")
    assert proposed(site(FLOOR, high, high=State.UNSEEN), Kind.SCAN) == []
    assert proposed(site(FLOOR, high, roof, high=State.UNSEEN), Kind.SCAN) != []


def test_nothing_unseen_needs_no_scan() -> None:
    assert proposed(site(FLOOR, CEILING, *SPLIT), Kind.SCAN) == []


def test_a_displaced_element_is_moved_back_and_closed_only_by_a_scan_inside_tolerance() -> None:
    where = site(FLOOR, *SPLIT, left=Seen(State.DISPLACED, (0.03, 0.0, 0.0)))
    (move,) = proposed(where, Kind.REWORK)
    (scan,) = [each for each in proposed(where, Kind.SCAN) if move.spec.task_id in each.spec.after_tasks]
    assert json.loads(move.spec.payload) == {"move_by_m": [-0.03, 0.0, 0.0]}
    assert "30 mm" in move.why.en
    assert scan.spec.element_ids == ("left",)
    assert not 5.6 < scan.spec.targets[0].x_m < 6.6
    assert unproven([move.spec], where) == [move.spec]
    assert unproven([move.spec], site(FLOOR, *SPLIT, left=State.UNSEEN)) == [move.spec]
    assert unproven([move.spec], site(FLOOR, *SPLIT)) == []


def test_what_stands_in_part_is_looked_at() -> None:
    assert [t.spec.element_ids for t in proposed(site(FLOOR, *SPLIT, left=State.PARTIAL), Kind.INSPECT)] == [("left",)]


def test_a_brick_wall_is_laid_in_courses_after_its_layout_and_its_material() -> None:
    wall = Box("wall", (2, 3, 0), (4, 0.2, 3), "Brick wall 200")
    rules = TaskRules(store_m={"Ground": (1.0, 1.0)})
    where = site(FLOOR, wall, wall=State.ABSENT)
    (task,) = proposed(where, Kind.BRICK, rules)
    assert len(task.spec.targets) == 12
    assert task.spec.after_tasks == ("layout-wall", "transport-wall")
    assert json.loads(task.spec.payload)["courses"] == 12
    (carried,) = proposed(where, Kind.TRANSPORT, rules)
    assert carried.spec.targets[0][:2] == (1.0, 1.0)


def test_a_printed_wall_is_one_print() -> None:
    wall = Box("wall", (2, 3, 0), (4, 0.2, 3), "Printed wall")
    (task,) = proposed(site(FLOOR, wall, wall=State.ABSENT), Kind.PRINT)
    assert len(task.spec.targets) == 1


def test_the_programme_says_what_is_due_and_until_when() -> None:
    near, far = (Box(name, (2, y, 0), (4, 0.2, 3), name) for name, y in (("near", 2), ("far", 5)))
    where = site(FLOOR, near, far, near=State.ABSENT, far=State.ABSENT)
    found = proposed(where, Kind.LAYOUT, due={"near": NOW})
    assert [(each.spec.element_ids, each.spec.due) for each in found] == [(("near",), NOW)]


def test_the_same_site_calls_for_the_same_tasks() -> None:
    where = site(FLOOR, CEILING, *SPLIT, PIPE, pipe=State.ABSENT, left=State.UNSEEN)
    maps = storey_maps(where, 0.35)
    assert propose_tasks(where, maps) == propose_tasks(where, maps)


def test_only_the_sites_own_rules_approve_a_task() -> None:
    spec = proposed(site(FLOOR, *SPLIT, left=State.PARTIAL), Kind.INSPECT)[0].spec
    rules = TaskRules()
    assert all(approved_by_rule(replace(spec, kind=kind), rules) is None for kind in rules.kinds)
    kinds = {**rules.kinds, Kind.INSPECT: replace(rules.kinds[Kind.INSPECT], approve=True)}
    assert approved_by_rule(spec, TaskRules(kinds=kinds)) is not None


def test_a_task_whose_element_left_the_model_is_named_with_the_reason() -> None:
    spec = proposed(site(FLOOR, *SPLIT, left=State.PARTIAL), Kind.INSPECT)[0].spec
    assert orphaned([spec], site(FLOOR, *SPLIT)) == {}
    assert "no longer in the model" in orphaned([spec], site(FLOOR))[spec.task_id].en


# --- Grids ------------------------------------------------------------------------------------------------------------


def gridded(path: Path) -> Path:
    author = Author("Gridded", unit="mm")
    level = author.storey("Ground", 0.0)
    author.slab(level, "Slab", [(0, 0), (12, 0), (12, 8), (0, 8)], 0.3)
    author.write(path)
    model = ifcopenshell.open(str(path))
    make = model.create_entity

    def axis(tag: str, a: tuple[float, float], b: tuple[float, float]) -> object:
        points = [make("IfcCartesianPoint", point) for point in (a, b)]
        return make("IfcGridAxis", AxisTag=tag, AxisCurve=make("IfcPolyline", points), SameSense=True)

    origin = make("IfcAxis2Placement3D", make("IfcCartesianPoint", (1000.0, 2000.0, 0.0)))
    make(
        "IfcGrid",
        GlobalId=ifcopenshell.guid.new(),
        Name="G",
        ObjectPlacement=make("IfcLocalPlacement", None, origin),
        UAxes=[axis("A", (0.0, 0.0), (10000.0, 0.0))],
        VAxes=[axis("1", (0.0, 0.0), (0.0, 5000.0))],
    )
    model.write(str(path))
    return path


def test_grid_lines_are_read_in_metres_of_the_site_frame(tmp_path: Path) -> None:
    assert read_grid(gridded(tmp_path / "grid.ifc")) == (
        GridLine("G", "A", (1.0, 2.0), (11.0, 2.0)),
        GridLine("G", "1", (1.0, 2.0), (1.0, 7.0)),
    )


def test_a_bare_floor_gets_its_grid_and_one_with_walls_does_not() -> None:
    grid = (GridLine("G", "A", (1.0, 2.0), (11.0, 2.0)),)
    (task,) = proposed(site(FLOOR), Kind.LAYOUT, grid=grid)
    assert [target[:3] for target in task.spec.targets] == [(1.0, 2.0, 0.0), (11.0, 2.0, 0.0)]
    assert proposed(site(FLOOR, *SPLIT), Kind.LAYOUT, grid=grid) == []


# --- Ways -------------------------------------------------------------------------------------------------------------


def way_m(where: SiteState, radius_m: float, a: tuple[float, float], b: tuple[float, float]) -> float:
    storey = storey_maps(where, radius_m)[0]
    places = [("Ground", cell) for point in (a, b) if (cell := storey.standpoint(point, 0.5))]
    return float(distances_m([storey], places)[0, 1]) if len(places) == 2 else np.inf


def test_a_robot_goes_through_a_doorway_that_it_fits_through() -> None:
    where = site(FLOOR, *SPLIT, DOOR)
    assert way_m(where, 0.35, (3, 3.6), (9, 3.6)) == pytest.approx(6.0, abs=0.3)
    assert way_m(where, 0.35, (3, 1), (9, 1)) > 7.0
    assert way_m(where, 0.8, (3, 3.6), (9, 3.6)) == np.inf


def test_what_is_absent_bars_no_way_and_what_is_unseen_does() -> None:
    bar = Box("bar", (6, 2.5, 0), (0.2, 2.0, 3.0), "bar")
    assert way_m(site(FLOOR, *SPLIT, bar, bar=State.ABSENT), 0.35, (3, 3.6), (9, 3.6)) < 7.0
    assert way_m(site(FLOOR, *SPLIT, bar, bar=State.UNSEEN), 0.35, (3, 3.6), (9, 3.6)) == np.inf


@pytest.mark.parametrize("state", [State.ABSENT, State.UNSEEN, State.PARTIAL])
def test_a_floor_that_no_scan_found_whole_carries_nobody(state: State) -> None:
    storey = storey_maps(site(FLOOR, floor=state), 0.35)[0]
    assert not storey.free.any()
    assert "no floor" in storey.why_not((3.0, 3.0)).en


# --- Planned ----------------------------------------------------------------------------------------------------------


def crew(name: str, kinds: set[Kind], tools: set[str], at: tuple[float, float] = (2.0, 2.0)) -> Crew:
    place = Target(*at, 0.0, 0.0)
    robot = Profile(name, name, "rover", "simulated", frozenset(tools), frozenset(kinds), radius_m=0.35, home=place)
    return Crew(robot, place, "Ground")


def planned(where: SiteState, *crews: Crew, **others: object) -> tuple[dict[str, str], dict[str, str]]:
    maps = {0.35: storey_maps(where, 0.35)}
    specs = [each.spec for each in propose_tasks(where, maps[0.35])]
    found = plan_tasks(specs, crews, maps, where, NOW, **others)  # type: ignore[arg-type]
    assert {*(v.job_id for v in found.plan.visits), *found.waits} == {spec.task_id for spec in specs}
    return {v.job_id: v.robot_id for v in found.plan.visits}, {name: why.en for name, why in found.waits.items()}


def test_a_task_waits_until_a_scan_has_verified_what_it_needs() -> None:
    wall = Box("wall", (2, 3, 0), (4, 0.2, 3), "Partition")
    marker = crew("marker", {Kind.LAYOUT}, {"marker"})
    assert planned(site(FLOOR, wall, wall=State.ABSENT), marker)[0] == {"layout-wall": "marker"}
    _, waits = planned(site(FLOOR, wall, wall=State.ABSENT, floor=State.PARTIAL), marker)
    assert waits["layout-wall"] == "no scan has verified Slab as built (it is partial)"


def test_a_task_waits_for_its_permit() -> None:
    where, drill = site(FLOOR, CEILING, PIPE, pipe=State.ABSENT), crew("drill", {Kind.DRILL}, {"drill"})
    assert planned(where, drill)[1] == {"drill-hangers-pipe": "the permit drilling is not given"}
    assert planned(where, drill, permits={"drilling"})[0] == {"drill-hangers-pipe": "drill"}


def test_a_place_behind_a_wall_without_a_door_is_said_to_be_out_of_reach() -> None:
    bar = Box("bar", (6, 2.5, 0), (0.2, 2.0, 3.0), "bar")
    wall = Box("wall", (8, 3, 0), (3, 0.2, 3), "Partition")
    _, waits = planned(site(FLOOR, *SPLIT, bar, wall, wall=State.ABSENT), crew("m", {Kind.LAYOUT}, {"marker"}))
    assert "bring one up, or open a way" in waits["layout-wall"]


def test_the_scan_that_closes_a_rework_is_planned_after_it() -> None:
    where = site(FLOOR, *SPLIT, left=Seen(State.DISPLACED, (0.03, 0.0, 0.0)))
    arm, scanner = crew("arm", {Kind.REWORK}, {"manipulator"}), crew("eye", {Kind.SCAN}, {"lidar"})
    both, _ = planned(where, arm, scanner)
    assert both == {"rework-left": "arm", "scan-after-rework-left": "eye"}
    _, waits = planned(where, scanner)
    assert waits["scan-after-rework-left"] == "it follows rework-left, which waits"


@given(subject=st.text(max_size=80))
def test_the_name_of_a_task_fits_into_an_address_and_tells_subjects_apart(subject: str) -> None:
    so = Reason("So.", "如此。")
    made, other = (
        proposal(TaskRules(), Kind.SCAN, each, so, so, []).spec.task_id for each in (subject, f"{subject}二")
    )
    assert re.fullmatch(r"[A-Za-z0-9_$.:-]{1,64}", made)
    assert made != other
