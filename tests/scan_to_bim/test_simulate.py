"""A simulated scan is what a terrestrial lidar would make of a site whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bim.frames import FloatArray
from bim.mesh import Mesh
from bim.model import Building, Element, Storey
from bim.verdict import State
from scan_to_bim.simulate import SimulatedScan, SimulatedScanner, simulate_scan, visible_share
from scan_to_bim.simulated_site import (
    Site,
    Truth,
    clutter,
    cut,
    disc,
    floor_points,
    ground_level_m,
    part_build,
    place_stations,
    prism,
    rectangle,
    stand,
    terrain,
    unmodelled,
)

EXACT = SimulatedScanner(
    range_noise_m=0.0, divergence_rad=0.0, lost_share=0.0, lost_below_cos=1e-9, lost_at_max_range=0.0, early_share=0.0
)
BUILT, ABSENT = Truth(State.BUILT), Truth(State.ABSENT, fraction=0.0)


def box(low: tuple[float, float, float], high: tuple[float, float, float]) -> FloatArray:
    corners = [(low[0], low[1]), (high[0], low[1]), (high[0], high[1]), (low[0], high[1])]
    return prism(np.array(corners), low[2], high[2])


def building(*bodies: tuple[str, FloatArray]) -> Building:
    mesh = Mesh(
        vertices=np.concatenate([corners for _, corners in bodies]).reshape(-1, 3),
        triangles=np.arange(3 * sum(len(corners) for _, corners in bodies), dtype=np.int32).reshape(-1, 3),
        element=np.repeat(np.arange(len(bodies), dtype=np.int32), [len(corners) for _, corners in bodies]),
    )
    elements = tuple(Element(f"{i}", kind, kind, "Ground", None, 0, 1.0, 1.0) for i, (kind, _) in enumerate(bodies))
    return Building(elements, (Storey("s", "Ground", 0.0),), mesh, ())


def room() -> Building:
    """A 6 x 4 m room, 3 m high, of four walls on a slab."""
    return building(
        ("IfcSlab", box((0, 0, -0.2), (6, 4, 0))),
        ("IfcWall", box((0, 0, 0), (6, 0.2, 3))),
        ("IfcWall", box((0, 3.8, 0), (6, 4, 3))),
        ("IfcWall", box((0, 0.2, 0), (0.2, 3.8, 3))),
        ("IfcWall", box((5.8, 0.2, 0), (6, 3.8, 3))),
    )


def volume(corners: FloatArray) -> float:
    a, b, c = corners.transpose(1, 0, 2)
    return abs(float(np.einsum("ij,ij", a, np.cross(b, c)))) / 6


def scan_of(site: Site, station: tuple[float, float, float], scanner: SimulatedScanner = EXACT) -> SimulatedScan:
    return simulate_scan(site, np.array([station]), scanner, np.random.default_rng(0))


def shares(model: Building, truths: list[Truth], stations: list[tuple[float, float, float]]) -> FloatArray:
    site = stand(model, truths)
    return visible_share(model, truths, site, np.array(stations), EXACT, np.random.default_rng(0))


# --- what stands -----------------------------------------------------------------------------------------------------


@given(st.floats(0.05, 0.95), st.integers(0, 2), st.floats(0, np.pi))
def test_a_cut_body_is_closed_and_has_its_share_of_the_volume(fraction: float, axis: int, yaw: float) -> None:
    whole = np.roll(prism(rectangle(np.array([3.0, -2.0]), (2.0, 0.3), yaw), 1.0, 4.0), axis - 2, axis=2)
    low, high = whole[..., axis].min(), whole[..., axis].max()
    part = cut(whole, axis, low + fraction * (high - low))
    assert volume(part) == pytest.approx(fraction * volume(whole), rel=1e-4)


def test_a_cut_through_an_opening_leaves_the_opening_free() -> None:
    left, right, lintel = box((0, 0, 0), (1, 0.2, 3)), box((2, 0, 0), (3, 0.2, 3)), box((1, 0, 2.2), (2, 0.2, 3))
    part = cut(np.concatenate([left, right, lintel]), 2, 1.5)
    middle = part[..., 0].mean(axis=1)
    assert not ((middle > 1.0) & (middle < 2.0)).any()


def test_what_is_absent_leaves_nothing_and_what_is_displaced_is_moved_whole() -> None:
    model = room()
    shift = (0.03, 0.0, 0.0)
    site = stand(model, [ABSENT, BUILT, BUILT, Truth(State.DISPLACED, shift), BUILT])
    assert not (site.element == 0).any()
    assert site.corners[site.element == 3] == pytest.approx(model.mesh.corners[model.mesh.of(3)] + np.array(shift))


def test_a_part_built_state_repeats_with_its_seed_and_keeps_its_shares() -> None:
    walls = [
        ("IfcWall", box((2.0 * k, 0, 3.0 * z), (2.0 * k + 1, 0.2, 3.0 * z + 3))) for z in range(10) for k in range(40)
    ]
    model = building(*walls)
    truths = part_build(model, np.random.default_rng(3))
    assert truths == part_build(model, np.random.default_rng(3))
    count = {state: sum(truth.state is state for truth in truths) / len(truths) for state in State}
    assert 1.0 - count[State.ABSENT] == pytest.approx(0.65, abs=0.05)
    assert count[State.DISPLACED] == pytest.approx(0.06 * 0.65, abs=0.01)
    assert count[State.PARTIAL] == pytest.approx(0.04 * 0.65, abs=0.01)
    below, above = np.split(np.array([truth.state is not State.ABSENT for truth in truths]), 2)
    assert below.mean() > 0.9
    assert above.mean() < 0.5


def test_what_is_displaced_is_so_by_20_to_90_mm_and_level() -> None:
    model = building(*[("IfcWall", box((2.0 * k, 0, 0), (2.0 * k + 1, 0.2, 3))) for k in range(200)])
    truths = part_build(model, np.random.default_rng(0), displaced_share=0.5)
    shifts = np.array([truth.shift_m for truth in truths if truth.state is State.DISPLACED])
    length = np.linalg.norm(shifts, axis=1)
    assert (length >= 0.02).all()
    assert (length <= 0.09).all()
    assert (shifts[:, 2] == 0.0).all()
    assert (np.abs(shifts[:, 1]) > 0).mean() > 0.6, "mostly across the wall"


# --- what is about ---------------------------------------------------------------------------------------------------


def test_stations_and_clutter_stand_on_floors_with_headroom() -> None:
    model = room()
    site = stand(model, [BUILT] * 5)
    places = floor_points(site, 0.0, np.random.default_rng(1), 50)
    assert len(places) == 50
    assert set(places[:, 2].round(6)) <= {0.0, 3.0}, "the floor and the tops of the walls"


def test_a_third_of_the_stations_at_most_four_are_outside() -> None:
    site = stand(room(), [BUILT] * 5)
    stations = place_stations(site, 0.0, np.random.default_rng(1), 9)
    outside = (stations[:, :2] < 0).any(axis=1) | (stations[:, :2] > [6, 4]).any(axis=1)
    assert len(stations) == 9
    assert outside.sum() == 3
    assert stations[outside, 2] == pytest.approx([1.6] * 3)


def test_the_ground_floor_is_the_storey_nearest_to_zero() -> None:
    model = room()
    levels = tuple(Storey(f"{z}", f"{z}", z) for z in (-3.0, 0.1, 3.0))
    assert ground_level_m(replace(model, storeys=levels)) == 0.1


def test_clutter_and_terrain_belong_to_no_element() -> None:
    site = stand(room(), [BUILT] * 5)
    about = clutter(site, 0.0, np.random.default_rng(2), count=10) + terrain(site, 0.0)
    assert (about.element == -1).all()
    assert len(about.corners) > 10 * 12


# --- what a scanner makes of it --------------------------------------------------------------------------------------


def test_an_exact_scanner_in_a_room_sees_exactly_its_faces() -> None:
    scan = scan_of(stand(room(), [BUILT] * 5), (3.0, 2.0, 1.6))
    faces = np.array(
        [scan.xyz[:, 2], scan.xyz[:, 1] - 0.2, scan.xyz[:, 1] - 3.8, scan.xyz[:, 0] - 0.2, scan.xyz[:, 0] - 5.8]
    )
    assert np.abs(faces).min(axis=0).max() < 1e-9
    assert set(scan.element) == {0, 1, 2, 3, 4}


def test_coordinates_far_from_the_origin_cost_no_accuracy() -> None:
    far = np.array([565_000.0, 5_934_000.0, 100.0])
    near = stand(room(), [BUILT] * 5)
    scan = simulate_scan(
        Site(near.corners + far, near.element), far[None] + [3.0, 2.0, 1.6], EXACT, np.random.default_rng(0)
    )
    floor = scan.element == 0
    assert np.abs(scan.xyz[floor, 2] - 100.0).max() < 1e-6


def test_the_noise_of_a_range_grows_with_range_and_incidence() -> None:
    def spread(distance: float, cos: float) -> float:
        wall = unmodelled(box((distance, -200, -200), (distance + 1, 200, 200)))
        scan = scan_of(wall, (0, 0, 0), replace(SimulatedScanner(), early_share=0.0, max_range_m=80.0))
        beam = scan.xyz / np.linalg.norm(scan.xyz, axis=1, keepdims=True)
        off = (scan.xyz[:, 0] - distance) / beam[:, 0]
        return float(off[np.abs(beam[:, 0] - cos) < 0.05].std())

    assert spread(2.0, 0.97) == pytest.approx(0.0031, rel=0.05)
    assert spread(20.0, 0.97) == pytest.approx(0.0031 * 1.34 / 1.034, rel=0.05)
    assert spread(2.0, 0.5) == pytest.approx(0.0031 * 1.3 / 1.018, rel=0.05)


def test_grazing_echoes_get_lost() -> None:
    floor = unmodelled(box((-50, -50, -1), (50, 50, 0)))
    exact = scan_of(floor, (0, 0, 1.6))
    real = scan_of(floor, (0, 0, 1.6), SimulatedScanner())

    def far(scan: SimulatedScan) -> float:
        return float((np.linalg.norm(scan.xyz[:, :2], axis=1) > 16.0).sum())

    assert len(real.xyz) > 0.7 * len(exact.xyz)
    assert far(real) < 0.6 * far(exact)


def test_nothing_is_measured_beyond_the_greatest_range() -> None:
    floor = unmodelled(box((-90, -90, -1), (90, 90, 0)))
    scan = scan_of(floor, (0, 0, 1.6), SimulatedScanner(max_range_m=25.0))
    assert np.linalg.norm(scan.xyz - [0, 0, 1.6], axis=1).max() < 25.05


def test_mixed_pixels_lie_between_the_near_and_the_far_surface() -> None:
    site = unmodelled(box((3, -0.5, 0), (3.1, 0.5, 3)), box((4, -5, 0), (4.1, 5, 3)))
    scan = scan_of(site, (0, 0, 1.5), replace(EXACT, divergence_rad=0.002))
    between = (scan.xyz[:, 0] > 3.11) & (scan.xyz[:, 0] < 3.99)
    assert 0 < between.sum() < 0.05 * len(scan.xyz)
    assert np.abs(np.abs(scan.xyz[between, 1] / scan.xyz[between, 0]) - 0.5 / 3).max() < 0.02, "only at the edges"


def test_the_same_seed_gives_the_same_scan() -> None:
    site = unmodelled(prism(disc(np.array([3.0, 0.0]), 0.3), 0.0, 2.0))
    first, second = (scan_of(site, (0, 0, 1.6), SimulatedScanner()) for _ in range(2))
    assert (first.xyz == second.xyz).all()


# --- what could be known ---------------------------------------------------------------------------------------------


def test_a_wall_seen_from_both_sides_is_decided_and_a_buried_one_is_not() -> None:
    model = building(("IfcWall", box((0, 0, 0), (4, 0.4, 3))), ("IfcBeam", box((1, 0.1, 1), (3, 0.3, 1.3))))
    wall, buried = shares(model, [BUILT, BUILT], [(2, -4, 1.5), (2, 4.4, 1.5)])
    assert wall > 0.8
    assert buried == 0.0


def test_an_absent_wall_is_decided_before_a_background_but_not_before_the_sky() -> None:
    wall, stands_behind = box((0, 2, 0), (4, 2.2, 3)), box((-20, 6, -20), (24, 6.2, 23))
    elsewhere = box((0, -9, 0), (4, -8, 3))
    before, sky = (building(("IfcWall", wall), ("IfcWall", other)) for other in (stands_behind, elsewhere))
    assert shares(before, [ABSENT, BUILT], [(2, -2, 1.5)])[0] > 0.6
    assert shares(sky, [ABSENT, BUILT], [(2, -2, 1.5)])[0] == 0.0


def test_a_face_that_another_surface_explains_decides_nothing() -> None:
    lining, wall = box((0, 1.99, 0), (4, 2.0, 3)), box((0, 2.0, 0), (4, 2.3, 3))
    model = building(("IfcCovering", lining), ("IfcWall", wall))
    assert shares(model, [ABSENT, BUILT], [(2, -2, 1.5)])[0] < 0.02


def test_what_no_station_looks_at_is_not_visible() -> None:
    model = building(("IfcWall", box((0, 0, 0), (4, 0.2, 3))), ("IfcWall", box((0, 1, 0), (4, 1.2, 3))))
    _, behind = shares(model, [BUILT, BUILT], [(2.0, -0.5, 1.5)])
    assert behind < 0.05
