"""A wall becomes a print: its length, volume and time, and what keeps it from being printed."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bim.errors import BadInput
from bim.verdict import State
from robots.gcode import gcode
from robots.printer_plan import Body, PrintPlan
from robots.printer_profiles import parse_profile, profile_names, read_profile
from robots.slicer import plan_print
from robots.slicer_scan import judge_layer
from tests.robots.walls import box, turned, wall, wall_with_door

GANTRY = read_profile("gantry-generic")
WIDE = replace(
    GANTRY,
    envelope=replace(GANTRY.envelope, size_m=(40.0, 40.0, 8.0)),
    layers=replace(GANTRY.layers, min_s=0.0, max_s=1e6),
)
DOOR = (2.0, 1.0, 2.1)
LINTEL = Body("L", "Lintel", box((1.8, 0.0, 2.1), (3.2, 0.2, 2.3)))


def reasons(plan: PrintPlan) -> str:
    return " ".join(reason.en for reason in plan.refusals)


@settings(max_examples=25, deadline=None)
@given(
    length=st.floats(2.0, 12.0),
    beads=st.integers(1, 3),
    width=st.floats(0.042, 0.058),
    layers=st.integers(3, 12),
    turn=st.floats(0.0, math.pi),
)
def test_length_volume_and_time_are_those_of_the_closed_forms(
    length: float, beads: int, width: float, layers: int, turn: float
) -> None:
    thickness, height = 2 * beads * width, layers * 0.02
    plan = plan_print([turned(wall(length, thickness, height), turn, (3.0, -2.0, 1.0))], WIDE)
    assert not plan.refusals
    assert plan.volume_m3 == pytest.approx(length * thickness * height, rel=0.01)
    assert plan.length_m == pytest.approx(layers * length * thickness / width, rel=0.01)
    pieces = straight_pieces(length, thickness, width, beads)
    climb_s = from_rest_to_rest(0.02, WIDE.motion.travel_speed_m_s)
    pumped_s = WIDE.pump.start_s + WIDE.pump.stop_s
    each_s = sum(from_rest_to_rest(piece, WIDE.motion.print_speed_m_s) for piece in pieces) + climb_s
    assert plan.time_s == pytest.approx(layers * each_s + pumped_s, rel=0.01)


def straight_pieces(length: float, thickness: float, width: float, beads: int) -> list[float]:
    """Of one layer: each ring begins mid-side; it ends a bead short, or where the way back begins."""
    pieces = []
    for k in range(beads):
        long, short = length - (2 * k + 1) * width, thickness - (2 * k + 1) * width
        cut, link = (width, math.sqrt(2) * width) if k + 1 < beads else (2 * k * width, math.sqrt(5) * k * width)
        pieces += [long / 2, short, long, short, long / 2 - cut, *([link] if link else [])]
    return pieces


def from_rest_to_rest(distance: float, speed: float) -> float:
    a = WIDE.motion.acceleration_m_s2
    return distance / speed + speed / a if distance > speed**2 / a else 2 * math.sqrt(distance / a)


def test_a_plan_of_walls_is_one_print_of_the_walls_volume() -> None:
    walls = [wall(20, 0.2, 3), wall(20, 0.2, 3, (0, 9.8, 0)), wall(0.2, 10, 3), wall(0.2, 10, 3, (10, 0, 0))]
    plan = plan_print(walls, WIDE)
    joined_m2 = 2 * 20 * 0.2 + 2 * 0.2 * 9.6
    assert not plan.refusals
    assert plan.volume_m3 == pytest.approx(3 * joined_m2, rel=0.01)


def test_a_layer_of_one_piece_ends_where_the_next_begins_and_the_pump_runs_on() -> None:
    plan = plan_print([wall(6, 0.2, 1)], WIDE)
    assert [len(layer.runs) for layer in plan.layers] == [1] * 50
    for below, above in zip(plan.layers, plan.layers[1:], strict=False):
        assert below.runs[0][-1] == pytest.approx(above.runs[0][0])
    assert gcode(plan).count("M3") == 1


@settings(max_examples=15, deadline=None)
@given(length=st.floats(0.5, 8.0), thickness=st.sampled_from([0.2, 0.25, 0.3]), door=st.booleans())
def test_every_step_of_a_run_goes_somewhere(length: float, thickness: float, door: bool) -> None:
    body = wall_with_door(length + 3.0, thickness, 3, DOOR) if door else wall(length, thickness, 1)
    for layer in plan_print([body], GANTRY).layers[:2]:
        for run in layer.runs:
            assert (np.hypot(*np.diff(run, axis=0).T) > 0.0).all()


def test_an_opening_without_a_lintel_is_refused_with_its_place_and_span() -> None:
    plan = plan_print([wall_with_door(6, 0.2, 3, DOOR)], GANTRY)
    assert len(plan.refusals) == 1
    assert "2.10 m above the base, at x 2.50, y 0.10, 0.99 m of wall would hang" in reasons(plan)
    assert "悬空" in plan.refusals[0].zh
    with pytest.raises(BadInput, match="hang in the air"):
        gcode(plan)


def test_a_lintel_is_laid_before_the_first_layer_beside_it_and_printed_around() -> None:
    plan = plan_print([wall_with_door(6, 0.2, 3, DOOR)], GANTRY, lintels=[LINTEL])
    assert not plan.refusals
    code = gcode(plan)
    assert code.count(";LINTEL:L\nM0") == 1
    before = int(re.findall(r";LAYER:(\d+)", code[: code.index(";LINTEL")])[-1])
    assert plan.layers[before].top_m == pytest.approx(2.1)
    assert plan.layers[before].time.lintel_s == GANTRY.lintel.lay_s
    assert plan.layers[before + 1].section.distance(LINTEL_MIDDLE) >= GANTRY.lintel.clearance_m


LINTEL_MIDDLE = plan_print([wall(1.4, 0.2, 1, (1.8, 0, 0))], WIDE).layers[0].section.geoms[0].buffer(-1e-4)


def test_a_lintel_that_bears_too_little_is_refused() -> None:
    short = Body("L", "Lintel", box((1.95, 0.0, 2.1), (3.2, 0.2, 2.3)))
    plan = plan_print([wall_with_door(6, 0.2, 3, DOOR)], GANTRY, lintels=[short])
    assert "Lintel bears on 50 mm at one end; it needs 100 mm" in reasons(plan)


def test_a_cantilever_steeper_than_the_material_bears_is_refused_and_a_gentle_one_printed() -> None:
    def leaning(rad: float) -> Body:
        upright = wall(4, 0.2, 1)
        shear = np.array([[1, 0, 0], [0, 1, math.tan(rad)], [0, 0, 1]])
        return replace(upright, corners=upright.corners @ shear.T)

    assert not plan_print([leaning(0.2)], WIDE).refusals
    assert "hang in the air" in reasons(plan_print([leaning(0.5)], WIDE))


def test_a_quick_layer_waits_and_a_slow_one_is_refused() -> None:
    quick = plan_print([wall(1.5, 0.1, 0.2)], GANTRY)
    assert [round(layer.time.total_s, 6) for layer in quick.layers[:-1]] == [GANTRY.layers.min_s] * 9
    assert gcode(quick).count("G4 S") == 9
    cannot = replace(GANTRY, layers=replace(GANTRY.layers, may_wait=False))
    assert "cannot wait" in reasons(plan_print([wall(1.5, 0.1, 0.2)], cannot))
    assert "bonds to it only within 300 s" in reasons(plan_print([wall(14, 0.3, 0.2)], GANTRY))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (wall(4, 0.07, 1), "70 mm thick"),
        (wall(4, 0.2, 0.05), "layers of 25.0 mm"),
        (wall(16, 0.1, 1), "beyond what gantry-generic reaches"),
        (wall(4, 0.2, 4.5), "0.50 m beyond"),
    ],
)
def test_what_the_machine_cannot_do_is_said_in_millimetres(body: Body, words: str) -> None:
    plan = plan_print([body], GANTRY)
    assert words in reasons(plan)
    assert all(reason.zh for reason in plan.refusals)


def test_walls_of_unlike_thickness_in_one_piece_are_refused() -> None:
    plan = plan_print([wall(6, 0.2, 1), wall(0.4, 5, 1, (2, 0, 0))], WIDE)
    assert "not even" in reasons(plan) or "no whole number" in reasons(plan)


def test_a_surface_that_is_not_closed_is_bad_input() -> None:
    whole = wall(4, 0.2, 1)
    with pytest.raises(BadInput, match="a closed surface"):
        plan_print([replace(whole, corners=whole.corners[2:-4])], GANTRY)


# --- G-code ---------------------------------------------------------------------------------------------------------


def test_gcode_read_back_has_the_plans_length_and_volume() -> None:
    plan = plan_print([wall_with_door(6, 0.2, 3, DOOR)], read_profile("virtual"), lintels=[LINTEL])
    length_mm, fed_mm3, here = 0.0, 0.0, np.zeros(3)
    for line in gcode(plan).splitlines():
        words = dict(re.findall(r"([XYZE])(-?[\d.]+)", line.partition(";")[0])) if line[:2] in ("G0", "G1") else {}
        there = np.array([float(words.get(axis, old)) for axis, old in zip("XYZ", here, strict=True)])
        if line.startswith("G1"):
            length_mm += float(np.linalg.norm(there - here))
            fed_mm3 += float(words["E"])
        here = there
    assert length_mm / 1000 == pytest.approx(plan.length_m, rel=1e-3)
    assert fed_mm3 / 1e9 == pytest.approx(plan.volume_m3, rel=1e-3)


# --- Profiles ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", profile_names())
def test_every_profile_names_its_sources_and_claims_no_machine_that_was_not_tried(name: str) -> None:
    profile = read_profile(name)
    assert profile.sources
    assert profile.tried == ("OctoPrint 1.11.8 with its virtual printer" if name == "virtual" else "")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("shells = 0", "", "shells is missing"),
        ("shells = 0", "shells = 0\nspeed = 1", "speed is unknown"),
        ("shells = 0", "shells = true", "a number|int"),
        ("min_s = 40.0", "min_s = nan", "a number"),
        ("min_s = 40.0", "min_s = 400.0", "out of range"),
        ('kind = "gantry"', 'kind = "crane"', "one of gantry, arm"),
    ],
)
def test_a_profile_that_is_wrong_is_refused_by_field(old: str, new: str, words: str) -> None:
    from robots.printer_profiles import PROFILES

    text = (PROFILES / "gantry-generic.toml").read_text(encoding="utf-8")
    assert old in text
    with pytest.raises(BadInput, match=words):
        parse_profile(text.replace(old, new), "mine")


# --- As printed -------------------------------------------------------------------------------------------------------


@settings(max_examples=8, deadline=None)
@given(off=st.floats(-0.02, 0.02), rise=st.floats(-0.008, 0.008), seed=st.integers(0, 99))
def test_a_scanned_layer_is_judged_by_its_edge_and_its_height(off: float, rise: float, seed: int) -> None:
    layer = plan_print([wall(4, 0.2, 0.2)], WIDE).layers[4]
    random = np.random.default_rng(seed)
    points = random.uniform((0, off, layer.top_m + rise), (4, 0.2 + off, layer.top_m + rise), (120_000, 3))
    found = judge_layer(points, layer, tolerance_m=0.01)
    assert found.height_m == pytest.approx(rise, abs=1e-6)
    assert found.edge_p95_m == pytest.approx(abs(off), abs=0.003)
    if abs(max(abs(off), abs(rise)) - 0.01) > 0.003:
        assert found.state is (State.DISPLACED if max(abs(off), abs(rise)) > 0.01 else State.BUILT)


def test_a_layer_that_was_not_looked_at_is_unseen_not_missing() -> None:
    layer = plan_print([wall(4, 0.2, 0.2)], WIDE).layers[4]
    random = np.random.default_rng(1)
    points = random.uniform((0, 0, layer.top_m), (1.5, 0.2, layer.top_m), (20_000, 3))
    assert judge_layer(points, layer, 0.01).state is State.UNSEEN
    assert judge_layer(np.zeros((0, 3)), layer, 0.01).seen == 0.0
