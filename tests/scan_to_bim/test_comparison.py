"""What a scan says of a small room: the rules of evidence, each in a scene of its own."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bim.errors import CannotPlace
from bim.frames import FloatArray, IntArray, rigid, transform
from bim.mesh import Mesh
from bim.model import Building, Element, Storey
from bim.verdict import State, Verdict
from scan_to_bim.confidence import Grounds, calibrated
from scan_to_bim.judge import judge
from scan_to_bim.outline import best_gap
from scan_to_bim.pipeline import TOLERANCES, weighed
from scan_to_bim.register import from_pairs, refine, register, scene_of
from scan_to_bim.register_facets import facets_of
from scan_to_bim.result import PoseUncertainty, Registration
from scan_to_bim.simulate import SimulatedScanner, simulate_scan
from scan_to_bim.simulated_site import Site, Truth, disc, prism, stand, terrain, unmodelled
from scan_to_bim.surfaces import sample_surfaces
from scan_to_bim.survey import Survey, build_survey
from scan_to_bim.unexplained import unexplained
from scan_to_bim.viewpoints import next_viewpoints

BUILT, ABSENT = Truth(State.BUILT), Truth(State.ABSENT, fraction=0.0)
SCANNER = SimulatedScanner(step_rad=0.008)
INSIDE = ((3.0, 2.0, 1.6), (1.2, 3.0, 1.6))
Body = tuple[str, FloatArray]


def box(low: tuple[float, float, float], high: tuple[float, float, float]) -> FloatArray:
    corners = [(low[0], low[1]), (high[0], low[1]), (high[0], high[1]), (low[0], high[1])]
    return prism(np.array(corners), low[2], high[2])


def building(*bodies: Body) -> Building:
    triangles = 3 * sum(len(corners) for _, corners in bodies)
    mesh = Mesh(
        vertices=np.concatenate([corners for _, corners in bodies]).reshape(-1, 3),
        triangles=np.arange(triangles, dtype=np.int32).reshape(-1, 3),
        element=np.repeat(np.arange(len(bodies), dtype=np.int32), [len(corners) for _, corners in bodies]),
    )
    elements = tuple(Element(f"{i}", kind, kind, "Ground", None, 0, 1.0, 1.0) for i, (kind, _) in enumerate(bodies))
    return Building(elements, (Storey("s", "Ground", 0.0),), mesh, ())


ROOM: tuple[Body, ...] = (
    ("IfcSlab", box((0, 0, -0.2), (6, 4, 0))),
    ("IfcWall", box((0, -0.2, 0), (6, 0, 3))),
    ("IfcWall", box((0, 4, 0), (6, 4.2, 3))),
    ("IfcWall", box((-0.2, 0, 0), (0, 4, 3))),
    ("IfcWall", box((6, 0, 0), (6.2, 4, 3))),
)
PARTITION: Body = ("IfcWall", box((4.0, 0.5, 0), (4.1, 3.5, 2.6)))


class _Block:
    def __init__(self, xyz: FloatArray, station: IntArray) -> None:
        self.xyz, self.station = xyz, station


def scanned(site: Site, stations: Sequence[tuple[float, float, float]], T_scan_site: FloatArray) -> Survey:
    scan = simulate_scan(site, np.array(stations), SCANNER, np.random.default_rng(1))
    origins = transform(T_scan_site, np.array(stations))
    places = {number: tuple(xyz) for number, xyz in enumerate(origins.tolist(), 1)}
    return build_survey([_Block(transform(T_scan_site, scan.xyz), scan.station)], places, len(scan.xyz))


def known_pose(model: Building) -> Registration:
    uncertainty = PoseUncertainty(model.mesh.vertices.mean(axis=0), np.diag([1e-10] * 3 + [1e-8] * 3))
    return Registration(np.eye(4), "given", 0.003, 1e-4, 1e-5, 1.0, 1.0, False, uncertainty=uncertainty)


def verdicts(
    model: Building,
    truths: Sequence[Truth],
    besides: Sequence[FloatArray] = (),
    stations: Sequence[tuple[float, float, float]] = INSIDE,
    around: Site | None = None,
) -> tuple[Verdict, ...]:
    site = stand(model, truths) + unmodelled(*besides)
    survey = scanned(site + around if around else site, stations, np.eye(4))
    surfaces, pose = sample_surfaces(model.mesh), known_pose(model)
    _, counted, measured = weighed(model, surfaces, survey, facets_of(survey), pose)
    return judge(model.elements, counted, measured, TOLERANCES, assumed=False)


def last(model: Building, truth: Truth, *besides: FloatArray) -> Verdict:
    """The verdict of the last element, the others standing."""
    return verdicts(model, [*[BUILT] * (len(model.elements) - 1), truth], besides)[-1]


# --- states -----------------------------------------------------------------------------------------------------------


def test_what_stands_is_built_and_what_rays_go_through_is_absent() -> None:
    model = building(*ROOM, PARTITION)
    assert last(model, BUILT).state is State.BUILT
    gone = last(model, ABSENT)
    assert (gone.state, gone.completion) == (State.ABSENT, 0.0)


def test_what_is_behind_a_wall_is_unseen_and_never_absent() -> None:
    model = building(*ROOM, ("IfcWall", box((1, 4.3, 0), (5, 4.5, 3))))
    for truth in (BUILT, ABSENT):
        verdict = last(model, truth)
        assert verdict.state is State.UNSEEN
        assert (verdict.completion, verdict.completion_low, verdict.completion_high) == (None, 0.0, 1.0)


@pytest.mark.parametrize("shift_m", [-0.06, -0.03, 0.04, 0.08])
def test_a_wall_that_stands_off_is_displaced_by_as_much_as_it_is(shift_m: float) -> None:
    verdict = last(building(*ROOM, PARTITION), Truth(State.DISPLACED, (shift_m, 0.0, 0.0)))
    assert verdict.state is State.DISPLACED
    assert verdict.deviation is not None
    assert verdict.deviation.translation_m[0] == pytest.approx(shift_m, abs=0.002)
    assert abs(verdict.deviation.translation_m[0] - shift_m) < 4 * verdict.deviation.sigma_m
    assert not verdict.deviation.within_tolerance


def test_a_shift_within_tolerance_is_built() -> None:
    verdict = last(building(*ROOM, PARTITION), Truth(State.DISPLACED, (0.008, 0.0, 0.0)))
    assert verdict.state is State.BUILT
    assert verdict.deviation is not None
    assert verdict.deviation.translation_m[0] == pytest.approx(0.008, abs=0.002)


@pytest.mark.parametrize("fraction", [0.35, 0.6])
def test_a_half_high_wall_is_partial_by_its_height(fraction: float) -> None:
    verdict = last(building(*ROOM, PARTITION), Truth(State.PARTIAL, fraction=fraction))
    assert verdict.state is State.PARTIAL
    assert verdict.completion == pytest.approx(fraction, abs=0.04)
    assert verdict.completion_low - 0.02 <= fraction <= verdict.completion_high + 0.02


def test_what_is_seen_to_stand_above_stands_below_though_it_is_hidden_there() -> None:
    pallets = [box((x, 0.3, 0), (x + 0.3, 3.7, 1.2)) for x in (3.3, 4.4)]
    verdict = last(building(*ROOM, PARTITION), BUILT, *pallets)
    assert (verdict.state, verdict.completion) == (State.BUILT, 1.0)
    assert verdict.evidence.occluded > 0.15 * verdict.evidence.present
    assert verdict.completion_low > 0.95


def test_a_sheet_of_formwork_before_a_planned_wall_is_not_the_wall() -> None:
    sheet = box((3.92, 0.5, 0), (3.94, 3.5, 2.6))
    assert last(building(*ROOM, PARTITION), ABSENT, sheet).state is not State.BUILT


def test_a_face_that_two_elements_share_decides_nothing() -> None:
    panel: Body = ("IfcCovering", box((0.0, 4.0, 0), (6.0, 4.02, 3)))
    assert last(building(*ROOM, panel), ABSENT).state is State.UNSEEN


def test_bare_ground_just_under_a_planned_slab_is_not_the_slab() -> None:
    hut: tuple[Body, ...] = (*ROOM[1:], ROOM[0])
    model = building(*hut)
    stations = [*INSIDE, (-5.0, -5.0, 1.6), (11.0, 9.0, 1.6)]
    found = verdicts(model, [BUILT] * 4 + [ABSENT], (), stations, terrain(stand(model, [BUILT] * 5), 0.0))
    assert found[-1].state is State.ABSENT


def test_the_order_of_the_elements_changes_no_verdict() -> None:
    bodies = [*ROOM, PARTITION]
    truths = [BUILT, BUILT, ABSENT, BUILT, BUILT, Truth(State.DISPLACED, (0.04, 0.0, 0.0))]
    forward = verdicts(building(*bodies), truths)
    backward = verdicts(building(*reversed(bodies)), list(reversed(truths)))
    assert [v.state for v in forward] == [v.state for v in reversed(backward)]


# --- what is in no model, and where to look next ----------------------------------------------------------------------


def test_tubes_are_scaffold_and_a_pallet_is_an_object() -> None:
    model = building(*ROOM)
    tube, pallet = prism(disc(np.array([2.0, 1.0]), 0.03), 0.0, 2.4), box((4.2, 1.0, 0), (5.4, 1.8, 0.6))
    survey = scanned(stand(model, [BUILT] * 5) + unmodelled(tube, pallet), INSIDE, np.eye(4))
    found = unexplained(survey, np.eye(4), sample_surfaces(model.mesh), np.ones(5, dtype=bool))
    kinds = {each.kind for each in found}
    assert kinds == {"scaffold", "object"}
    largest = found[0]
    assert np.array(largest.bbox_site_m) == pytest.approx(np.array([[4.2, 1.0, 0], [5.4, 1.8, 0.6]]), abs=0.2)


def test_the_next_viewpoint_shows_what_was_not_seen() -> None:
    model = building(*ROOM, ("IfcWall", box((1, 8, 0), (5, 8.2, 3))), ("IfcSlab", box((-4, 4.2, -0.2), (10, 9, 0))))
    surfaces = sample_surfaces(model.mesh)
    unjudged = np.array([False] * 5 + [True, False])
    nothing = np.zeros(len(surfaces.xyz), dtype=np.uint8)
    found = next_viewpoints(
        model.elements, model.storeys, model.mesh, surfaces, nothing, np.ones(7, dtype=bool), unjudged
    )
    assert found
    assert found[0].global_ids == ("5",)
    assert found[0].position_m[1] > 4.2


# --- the pose ---------------------------------------------------------------------------------------------------------

ODD: tuple[Body, ...] = (
    *ROOM,
    ("IfcWall", box((6.2, -2, 0), (9, -1.8, 3))),
    ("IfcWall", box((2.0, 0.0, 0), (2.1, 1.5, 2.6))),
    ("IfcColumn", box((4.4, 2.6, 0), (4.8, 3.0, 3))),
    ("IfcSlab", box((0, 0, 3), (6, 4, 3.2))),
)


@given(heading=st.floats(-np.pi, np.pi), x=st.floats(-20, 20), y=st.floats(-20, 20), z=st.floats(-5, 5))
@settings(max_examples=5, deadline=None)
def test_a_scan_from_any_frame_is_placed_to_millimetres_with_an_honest_error(
    heading: float, x: float, y: float, z: float
) -> None:
    model = building(*ODD)
    T_scan_site = rigid(np.array([0.003, -0.002, 0.0]), np.zeros(3)) @ rigid(
        np.array([0, 0, heading]), np.array([x, y, z])
    )
    survey = scanned(stand(model, [BUILT] * len(ODD)), [*INSIDE, (5.0, 1.0, 1.5)], T_scan_site)
    found = register(scene_of(model.mesh, survey, facets_of(survey)))
    stations = np.array(INSIDE)
    error_m = np.linalg.norm(transform(found.T_site_scan @ T_scan_site, stations) - stations, axis=1).max()
    assert error_m < 0.003
    assert error_m < 5 * found.sigma_m
    assert found.confidence > 0.99


def test_a_slab_beside_bare_ground_a_little_lower_does_not_tilt_the_pose() -> None:
    far = [(kind, corners + np.array([14.0, 1.0, 0.0])) for kind, corners in ODD[:-1]]
    model = building(*ODD, *far)
    truths = [BUILT] * len(model.elements)
    truths[len(ODD)] = ABSENT  # the floor of the far room: the ground lies 20 mm below it
    stands = stand(model, truths)
    stations = [*INSIDE, (5.0, 1.0, 1.5), (17.0, 3.0, 1.6), (15.2, 4.0, 1.6), (10.5, 2.0, 1.6)]
    T_scan_site = rigid(np.array([0.0, 0.0, 0.4]), np.array([3.0, 1.0, 0.5]))
    survey = scanned(stands + terrain(stands, 0.0), stations, T_scan_site)
    found = register(scene_of(model.mesh, survey, facets_of(survey)))
    error_m = np.linalg.norm(transform(found.T_site_scan @ T_scan_site, np.array(stations)) - stations, axis=1).max()
    assert error_m < 0.003


def test_a_room_that_looks_the_same_turned_round_is_refused() -> None:
    model = building(*ROOM)
    survey = scanned(stand(model, [BUILT] * 5), [(3.0, 2.0, 1.6)], rigid(np.array([0, 0, 1.0]), np.ones(3)))
    with pytest.raises(CannotPlace, match="about equally well"):
        register(scene_of(model.mesh, survey, facets_of(survey)))


def test_a_scan_of_another_building_is_refused() -> None:
    other = building(*[(kind, corners * [1.6, 0.7, 1.0] + [0.3, 0.1, 0.0]) for kind, corners in ODD])
    survey = scanned(stand(other, [BUILT] * len(ODD)), [(4.0, 1.2, 1.6)], np.eye(4))
    with pytest.raises(CannotPlace):
        register(scene_of(building(*ODD).mesh, survey, facets_of(survey)))


def test_a_given_pose_that_is_roughly_right_is_refined() -> None:
    model = building(*ODD)
    survey = scanned(stand(model, [BUILT] * len(ODD)), INSIDE, np.eye(4))
    rough = rigid(np.array([0.0, 0.0, 0.01]), np.array([0.05, -0.04, 0.03]))
    found = refine(scene_of(model.mesh, survey, facets_of(survey)), rough)
    assert np.abs(found.T_site_scan - np.eye(4)).max() < 0.002


@given(st.lists(st.tuples(*[st.floats(-30, 30)] * 3), min_size=4, max_size=8), st.floats(-3, 3))
def test_picked_pairs_give_the_pose_that_made_them(points: list[tuple[float, float, float]], heading: float) -> None:
    scan = np.array([(0.0, 0.0, 0.0), (5.0, 0.0, 0.0), (0.0, 4.0, 1.0), *points])
    T = rigid(np.array([0.0, 0.0, heading]), np.array([3.0, -2.0, 1.0]))
    assert from_pairs(scan, transform(T, scan)) == pytest.approx(T, abs=1e-6)


def test_the_error_of_a_pose_grows_with_the_arm_of_its_rotation() -> None:
    uncertainty = PoseUncertainty(np.zeros(3), np.diag([0.0, 0.0, 1e-6, 0.0, 0.0, 0.0]))
    sigma = uncertainty.sigma_m(np.array([[0.0, 0.0, 5.0], [10.0, 0.0, 0.0], [0.0, 20.0, 0.0]]))
    assert sigma == pytest.approx([0.0, 0.01, 0.02])


# --- pure parts -------------------------------------------------------------------------------------------------------


@given(st.integers(4, 22), st.integers(20, 200), st.booleans())
def test_a_gap_along_an_edge_gives_the_shift_that_made_it(steps: int, rays: int, upward: bool) -> None:
    counted = np.zeros((2, 60, 2))
    trailing = 0 if upward else 1
    counted[trailing, 30 : 30 + steps, 0] = rays / 10
    counted[trailing, 30 + steps :, 1] = rays / 10
    shift, sigma = best_gap(counted)
    assert abs(shift) == pytest.approx(steps * 0.004, abs=max(0.0045, sigma))
    assert (shift > 0) == upward


def test_an_edge_without_a_gap_gives_no_shift() -> None:
    counted = np.zeros((2, 60, 2))
    counted[:, 30:, 1] = 10.0
    assert best_gap(counted)[0] == 0.0


@given(
    st.sampled_from([State.BUILT, State.PARTIAL, State.DISPLACED, State.ABSENT]),
    st.integers(1, 5000), st.floats(0, 1), st.floats(0, 1), st.floats(-10, 100),
)  # fmt: skip
def test_confidence_is_a_probability_and_assumptions_lower_it(
    state: State, decided: int, observable: float, agreement: float, excess: float
) -> None:
    grounds = Grounds(state, np.array([0.7, 0.2, 0.1]), decided, observable, agreement, excess)
    sure, assumed = calibrated(grounds, assumed=False), calibrated(grounds, assumed=True)
    assert 0.0 <= assumed < sure < 1.0
    assert calibrated(replace(grounds, state=State.UNSEEN), assumed=False) < 1.0
