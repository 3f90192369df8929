"""Edges to fall from, found in a model and in what a comparison saw of it."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bim.verdict import State
from site_safety.zones import ZoneKind, reach_m
from site_safety.zones_model import EdgeRules, edge_hazards, edge_zones, open_edges
from tests.bim.boxes import Box, building

GROUND = Box("ground", (-20.0, -20.0, -0.2), (60.0, 60.0, 0.2), ifc_class="IfcSlab")
SLAB = Box("slab", (0.0, 0.0, 3.0), (10.0, 6.0, 0.2), ifc_class="IfcSlab", storey="Upper")
SOUTH = Box("south", (0.0, 0.0, 3.2), (10.0, 0.2, 3.0), storey="Upper")
NORTH = Box("north", (0.0, 5.8, 3.2), (10.0, 0.2, 3.0), storey="Upper")
WEST = Box("west", (0.0, 0.0, 3.2), (0.2, 6.0, 1.1), ifc_class="IfcRailing", storey="Upper")
EAST = Box("east", (9.8, 0.0, 3.2), (0.2, 6.0, 1.1), ifc_class="IfcRailing", storey="Upper")
ROOM = (GROUND, SLAB, SOUTH, NORTH, WEST, EAST)


def of_slab(*boxes: Box, **states: State):
    found = open_edges(building(boxes), states or None)
    return [edge for edge in found if edge.global_id == "slab"]


def test_a_floor_with_something_along_every_edge_has_none_to_fall_from() -> None:
    assert of_slab(*ROOM) == []


def test_a_bare_floor_is_open_all_around_and_falls_to_the_ground() -> None:
    (edge,) = of_slab(GROUND, SLAB)
    assert edge.length_m == pytest.approx(32.0, abs=0.1)
    assert edge.fall_m == pytest.approx(3.2)
    assert edge.storey == "Upper"


def test_the_edge_without_a_rail_is_the_open_one() -> None:
    (edge,) = of_slab(*ROOM[:-1])
    assert edge.length_m == pytest.approx(6.0 - 2 * 0.6, abs=0.6)
    assert all(x == pytest.approx(10.0, abs=0.45) for x, _ in edge.line_m)


def test_over_nothing_the_fall_is_unknown_and_the_edge_is_open() -> None:
    (edge,) = of_slab(SLAB)
    assert edge.fall_m is None
    assert "unknown fall" in edge_hazards([edge])[0].text.en


@pytest.mark.parametrize(
    "guard",
    [
        replace(EAST, size_m=(0.2, 6.0, 0.7)),
        replace(EAST, low_m=(9.8, 0.0, 4.4)),
        replace(EAST, low_m=(9.0, 0.0, 3.2)),
        replace(EAST, ifc_class="IfcFurniture"),
    ],
    ids=["too low", "begins too high", "too far in", "a table"],
)
def test_what_does_not_hold_a_person_is_no_guard(guard: Box) -> None:
    assert len(of_slab(*ROOM[:-1], guard)) == 1


def test_a_low_platform_needs_no_guard_and_a_hole_in_a_floor_does() -> None:
    assert of_slab(GROUND, replace(SLAB, low_m=(0.0, 0.0, 1.5))) == []
    around = [
        Box("slab", (0.0, 0.0, 3.0), (4.0, 6.0, 0.2), ifc_class="IfcSlab"),
        Box("b", (6.0, 0.0, 3.0), (4.0, 6.0, 0.2), ifc_class="IfcSlab"),
    ]
    assert of_slab(GROUND, *around, SOUTH, NORTH, WEST, EAST)[0].length_m == pytest.approx(6.0 - 2 * 0.6, abs=0.6)


def test_a_rail_that_the_scan_does_not_see_protects_nobody_and_is_named() -> None:
    states = {"ground": State.BUILT, "slab": State.BUILT, "south": State.BUILT, "north": State.BUILT,
              "west": State.BUILT}  # fmt: skip
    for seen in (State.ABSENT, State.UNSEEN):
        (edge,) = of_slab(*ROOM, **states, east=seen)
        (subject,) = edge_hazards([edge])
        assert edge.missing == ("east",)
        assert (subject.rule, subject.element_ids) == ("missing_guard_rail", ("slab", "east"))
    assert of_slab(*ROOM, **states, east=State.BUILT) == []


def test_a_floor_that_does_not_stand_has_no_edge() -> None:
    assert of_slab(*ROOM, ground=State.BUILT, slab=State.ABSENT) == []


def test_a_zone_lies_along_the_edge_on_its_storey() -> None:
    (zone,) = edge_zones(of_slab(*ROOM[:-1]))
    assert zone.kind is ZoneKind.EDGE
    assert reach_m(zone, (9.5, 3.0, 3.2), "Upper", 0.3, 0.0) < 0
    assert reach_m(zone, (7.0, 3.0, 3.2), "Upper", 0.3, 0.0) > 0
    assert reach_m(zone, (9.5, 3.0, 0.0), "Ground", 0.3, 0.0) == math.inf


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 6.28), st.floats(-30, 30), st.floats(2, 12), st.floats(2, 12))
def test_wherever_it_stands_a_bare_floor_is_open_all_around(turn: float, shift: float, x: float, y: float) -> None:
    slab = Box("slab", (shift, -shift, 3.0), (x, y, 0.2), ifc_class="IfcSlab", turn_rad=turn)
    assert sum(edge.length_m for edge in of_slab(slab)) == pytest.approx(2 * (x + y), rel=0.02)


def test_around_the_lowest_storey_the_ground_is_taken_to_be_there_and_a_pit_is_not() -> None:
    floor = replace(SLAB, low_m=(0.0, 0.0, -0.2))
    pit = Box("pit", (-5.0, -5.0, -4.2), (20.0, 20.0, 0.2), ifc_class="IfcSlab")
    assert of_slab(floor) == []
    assert of_slab(floor, pit)[0].fall_m == pytest.approx(4.0)


def test_the_rules_can_be_stricter() -> None:
    low = building([GROUND, replace(SLAB, low_m=(0.0, 0.0, 1.3))])
    assert len([e for e in open_edges(low, None, EdgeRules(fall_m=1.2)) if e.global_id == "slab"]) == 1
