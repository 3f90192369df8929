"""Flatness, plumb, F_F and F_L on faces whose shape is known."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bim.errors import BadScan
from bim.quality.library import standard
from scan_to_bim.flatness import (
    SurfaceMap,
    assess_flatness,
    assess_plumb,
    built_faces,
    combined_plumb,
    plumb,
    straightedge,
    surface_map,
)
from scan_to_bim.floor_numbers import (
    FLATNESS_M,
    LEVELNESS_M,
    combined,
    f_number,
    floor_numbers,
)
from scan_to_bim.result import Outcome, Samples

FloatArray = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
GB, DIN = standard("gb_50204_2015"), standard("din_18202")
OUT, UP = np.array([0.0, -1.0, 0.0]), np.array([0.0, 0.0, 1.0])


def wall(
    shape: object = None, width_m: float = 4.0, height_m: float = 3.0, noise_m: float = 0.0, density: int = 2000
) -> SurfaceMap:
    """A wall along x whose face looks to -y; `shape(x, z)` is how far it stands out, in metres."""
    rng = np.random.default_rng(7)
    x, z = rng.uniform(0, width_m, (n := int(density * width_m * height_m))), rng.uniform(0, height_m, n)
    out = shape(x, z) if callable(shape) else np.zeros(n)
    return surface_map(np.stack([x, -out + rng.normal(0, noise_m, n), z], axis=1), OUT)


def floor(height: FloatArray, cell_m: float = 0.1, sigma_m: float = 0.0) -> SurfaceMap:
    """A floor with known elevations in its cells."""
    right, up = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])
    return SurfaceMap(np.zeros(3), right, up, UP, cell_m, height, np.full(height.shape, sigma_m))


def dent(depth_m: float) -> object:
    """A trough 1 m wide across the wall's middle."""
    return lambda x, z: np.where(np.abs(x - 2.0) < 0.5, -depth_m * np.cos(np.pi * (x - 2.0)), 0.0)


# --- Maps -------------------------------------------------------------------------------------------------------------


def test_a_map_shows_the_face_as_seen_from_outside_with_row_0_at_the_bottom() -> None:
    surface = wall(lambda x, z: np.where((x > 3.5) & (z > 2.5), 0.05, 0.0))
    assert np.nanmean(surface.height_m[-3:, -3:]) > np.nanmean(surface.height_m[:3, :3]) + 0.04
    np.testing.assert_allclose(surface.right, [1.0, 0.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(surface.up, [0.0, 0.0, 1.0], atol=1e-9)


def test_cells_average_the_noise_of_their_points_and_say_what_is_left() -> None:
    surface = wall(noise_m=0.003)
    assert np.nanmedian(surface.sigma_m) == pytest.approx(0.003 / math.sqrt(20), rel=0.15)
    assert np.nanstd(surface.flatness_m) == pytest.approx(np.nanmedian(surface.sigma_m), rel=0.25)


def test_points_far_off_the_face_do_not_bend_it() -> None:
    rng = np.random.default_rng(3)
    x, z = rng.uniform(0, 4, 20_000), rng.uniform(0, 3, 20_000)
    y = rng.normal(0, 0.001, 20_000)
    y[:200] -= 0.05
    surface = surface_map(np.stack([x, y, z], axis=1), OUT)
    assert np.nanmax(np.abs(surface.flatness_m)) < 0.003


@pytest.mark.parametrize("points", [1, 2, 5, 500])
def test_a_face_with_hardly_a_cell_is_refused(points: int) -> None:
    with pytest.raises(BadScan, match="cells"):
        surface_map(np.random.default_rng(1).uniform(0, 0.1, (points, 3)), np.array([0.6, 0.0, 0.8]))


def test_faces_of_one_direction_at_different_depths_are_different_faces() -> None:
    u, v = (axis.ravel() for axis in np.meshgrid(np.arange(0.05, 2, 0.1), np.arange(0.05, 2, 0.1)))
    xyz = np.concatenate([np.stack([u, np.full(u.size, depth), v], axis=1) for depth in (0.0, 0.3)])
    n = len(xyz)
    samples = Samples(
        xyz,
        np.tile(OUT, (n, 1)).astype(np.float32),
        np.zeros(n, np.int32),
        np.full(n, 0.01, np.float32),
        np.full(n, Outcome.PRESENT, np.uint8),
        np.zeros(n, np.float32),
    )
    assert [len(points) for points, _ in built_faces(samples, 0)] == [400, 400]


def test_lone_outliers_are_not_called_unflatness() -> None:
    rng = np.random.default_rng(2)
    height = rng.normal(0, 0.001, (60, 60))
    height[rng.integers(0, 60, 40), rng.integers(0, 60, 40)] += 0.02
    surface = floor(height, sigma_m=0.001)
    assert all(each.within is not False for each in assess_flatness(surface, GB, "IfcSlab"))


# --- Straightedge -----------------------------------------------------------------------------------------------------


def test_the_gap_over_a_trough_is_its_depth() -> None:
    laid = straightedge(wall(dent(0.010)), 2.0)
    assert laid.worst_m == pytest.approx(0.010, abs=0.0005)
    deepest = np.unravel_index(np.nanargmax(laid.gap_m), laid.gap_m.shape)[1]
    assert deepest in (19, 20)


def test_a_straightedge_shorter_than_a_wave_shows_only_its_own_share() -> None:
    columns = np.indices((30, 40))[1]
    bow = floor(0.005 * (0.1 * columns - 2.0) ** 2)
    # A parabola a x^2 under a chord of length L: a (L / 2)^2.
    assert straightedge(bow, 1.0).worst_m == pytest.approx(0.005 * 0.5**2)
    assert straightedge(bow, 2.0).worst_m == pytest.approx(0.005 * 1.0**2)


@given(a=st.floats(-0.05, 0.05), b=st.floats(-0.05, 0.05), c=st.floats(-1, 1))
@settings(max_examples=20, deadline=None)
def test_a_plane_is_flat_however_it_leans(a: float, b: float, c: float) -> None:
    rows, columns = np.indices((30, 40))
    assert straightedge(floor(a * rows + b * columns + c)).worst_m < 1e-9


@pytest.mark.parametrize("noise_m", [0.001, 0.003, 0.006])
def test_scanner_noise_is_never_called_unflatness(noise_m: float) -> None:
    for surface in (wall(noise_m=noise_m), wall(noise_m=noise_m, density=120)):
        laid = straightedge(surface)
        assert laid.noise_m >= 0.6 * laid.worst_m
        assert all(each.within is not False for each in assess_flatness(surface, DIN, "IfcSlab"))


def test_a_trough_beyond_its_limit_is_found_through_the_noise_and_cites_its_clause() -> None:
    [found] = assess_flatness(wall(dent(0.014), noise_m=0.003), GB, "IfcWall")
    assert found.within is False
    assert "GB 50204-2015" in found.reason.en
    [within] = assess_flatness(wall(dent(0.004), noise_m=0.003), GB, "IfcWall")
    assert within.within is True


def test_lengths_that_do_not_fit_on_the_face_are_not_judged() -> None:
    lengths = [each.tolerance.limit_m for each in assess_flatness(wall(width_m=4.5, height_m=2.0), DIN, "IfcWall")]
    assert lengths == pytest.approx([0.010, 0.015])


# --- Plumb ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lean_mm", [-12.0, 0.0, 5.0, 20.0])
def test_the_lean_of_a_wall_is_found_within_its_standard_error(lean_mm: float) -> None:
    face = plumb(wall(lambda x, z: lean_mm / 1000 * z / 3.0, noise_m=0.003))
    assert face is not None
    assert abs(face.lean_m - lean_mm / 1000 * face.height_m / 3.0) < 3 * face.sigma_m
    assert face.sigma_m < 0.0005


def test_waves_and_the_registration_count_in_the_standard_error() -> None:
    flat = plumb(wall(noise_m=0.001))
    wavy = plumb(wall(lambda x, z: 0.005 * np.sin(9 * z), noise_m=0.001))
    placed = plumb(wall(noise_m=0.001), sigma_rad=0.001)
    assert flat is not None
    assert wavy is not None
    assert placed is not None
    assert wavy.sigma_m > 5 * flat.sigma_m
    assert placed.sigma_m == pytest.approx(0.001 * placed.height_m, rel=0.05)


def test_a_window_does_not_make_a_wall_lean() -> None:
    rng = np.random.default_rng(1)
    x, z = rng.uniform(0, 4, 40_000), rng.uniform(0, 3, 40_000)
    kept = ~((x < 2) & (z > 1.0))
    bowed = 0.01 * (x > 2)  # half of the wall stands out, and only that half is high
    surface = surface_map(np.stack([x, -bowed, z], axis=1)[kept], OUT)
    face = plumb(surface)
    assert face is not None
    assert abs(face.lean_m) < 1e-5, "its two halves taken together would lean by millimetres"


def test_floors_and_low_faces_have_no_plumb() -> None:
    assert plumb(floor(np.zeros((40, 40)))) is None
    assert plumb(wall(height_m=0.4)) is None


def test_the_faces_of_a_column_give_one_lean() -> None:
    rng = np.random.default_rng(5)
    slope = np.array([0.003, 0.004])
    faces = []
    for normal in ((1.0, 0, 0), (-1.0, 0, 0), (0, 1.0, 0), (0, -1.0, 0)):
        n = np.array(normal)
        along, z = rng.uniform(-0.2, 0.2, 4000), rng.uniform(0, 3, 4000)
        xyz = 0.2 * n + along[:, None] * np.cross(UP, n) + z[:, None] * [*slope, 1.0]
        face = plumb(surface_map(xyz + rng.normal(0, 0.001, (4000, 1)) * n, n))
        assert face is not None
        faces.append(face)
    height_m, lean_m, sigma_m = combined_plumb(faces)
    assert lean_m == pytest.approx(0.005 * height_m, abs=3 * sigma_m)
    found = assess_plumb(faces, GB, "IfcColumn")
    assert found is not None
    assert found.within is False
    assert "up to 6 m" in found.tolerance.clause


# --- F_F and F_L ------------------------------------------------------------------------------------------------------


def test_a_level_plane_has_no_bounds_and_a_sloped_one_only_a_levelness() -> None:
    flat = floor_numbers(floor(np.zeros((80, 80))))
    assert (flat.flatness.value, flat.levelness.value) == (None, None)
    slope = 0.002  # along the columns only: half of the runs see it
    sloped = floor_numbers(floor(np.tile(slope * 0.1 * np.arange(80), (80, 1))))
    along = LEVELNESS_M / (slope * 3.0)
    assert sloped.flatness.value is None or sloped.flatness.value > 1e9
    assert sloped.levelness.value == pytest.approx(along * math.sqrt(2), rel=1e-6)


def test_f_f_of_a_zigzag_is_what_its_curvature_says() -> None:
    """Elevations +a, -a every 300 mm: q = 4a, -4a, ...; z = 0 over ten steps."""
    a = 0.001
    heights = np.tile(np.repeat([a, -a], 3), 20)[:111]
    numbers = floor_numbers(floor(np.add.outer(heights, heights) / 2))
    # Each run carries half of the sum in its own direction, and a constant of the other.
    q = np.resize([2 * a, -2 * a], 31)
    expected = FLATNESS_M / (3 * np.std(q, ddof=1) + abs(q.mean()))
    assert numbers.flatness.value == pytest.approx(expected, rel=0.03)
    assert numbers.levelness.value is None or numbers.levelness.value > 1e6


def test_the_constants_are_those_of_astm_e1155() -> None:
    q = np.array([0.01, -0.01] * 10) * 0.0254  # inches
    s = np.std(q, ddof=1) / 0.0254
    assert f_number(q, FLATNESS_M) == pytest.approx(4.57 / (3 * s))
    assert f_number(np.full(5, 0.25 * 0.0254), LEVELNESS_M) == pytest.approx(12.5 / 0.25)


def test_runs_combine_by_their_readings() -> None:
    assert combined([(20.0, 10), (20.0, 30)]) == pytest.approx(20.0)
    assert combined([(10.0, 10), (math.inf, 30)]) == pytest.approx(20.0)


def test_noise_is_taken_out_of_both_numbers() -> None:
    rng = np.random.default_rng(11)
    rows, columns = np.indices((120, 120))
    true = 0.004 * np.sin(rows / 3.0) + 0.004 * np.sin(columns / 3.7)
    noisy = floor_numbers(floor(true + rng.normal(0, 0.0005, true.shape), sigma_m=0.0005))
    clean = floor_numbers(floor(true))
    for measured, known in ((noisy.flatness, clean.flatness), (noisy.levelness, clean.levelness)):
        assert measured.value is not None
        assert measured.without_noise is not None
        assert known.value is not None
        assert measured.value < measured.without_noise
        assert measured.without_noise == pytest.approx(known.value, rel=0.05)


@pytest.mark.parametrize("shape", [(20, 300), (50, 50)], ids=["too narrow", "too small"])
def test_a_section_too_small_for_the_standard_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(BadScan, match="E1155"):
        floor_numbers(floor(np.zeros(shape)))


def test_a_wall_has_no_floor_numbers() -> None:
    with pytest.raises(BadScan, match="top of a floor"):
        floor_numbers(wall())


# --- From a comparison ------------------------------------------------------------------------------------------------


def test_samples_of_a_comparison_become_faces_where_the_scan_found_them() -> None:
    u, v = np.meshgrid(np.arange(0.05, 4, 0.1), np.arange(0.05, 3, 0.1))
    front = np.stack([u.ravel(), np.zeros(u.size), v.ravel()], axis=1)
    xyz = np.concatenate([front, front + np.array([0, 0.2, 0])])
    normal = np.repeat([[0, -1, 0], [0, 1, 0]], u.size, axis=0).astype(np.float32)
    deviation = np.concatenate([0.004 * front[:, 2], np.full(u.size, np.nan)]).astype(np.float32)
    n = len(xyz)
    samples = Samples(
        xyz,
        normal,
        np.zeros(n, np.int32),
        np.full(n, 0.01, np.float32),
        np.full(n, Outcome.PRESENT, np.uint8),
        deviation,
    )
    [(points, way)] = built_faces(samples, 0)
    assert len(points) == u.size
    face = plumb(surface_map(points, way))
    assert face is not None
    assert face.lean_m == pytest.approx(0.004 * face.height_m, rel=0.02)


def test_the_floor_of_a_real_room_with_its_furniture_says_how_much_may_be_noise(shared_data: Path) -> None:
    import laspy

    with laspy.open(shared_data / "scans/everse_room_3M.laz") as file:
        cloud = file.read_points(400_000)
    xyz = np.stack([np.asarray(cloud.x), np.asarray(cloud.y), np.asarray(cloud.z)], axis=1)
    level = np.histogram(xyz[:, 2], bins=np.arange(xyz[:, 2].min(), xyz[:, 2].max(), 0.02))
    floor_m = level[1][np.argmax(level[0])]
    near = xyz[np.abs(xyz[:, 2] - floor_m - 0.01) < 0.03]
    surface = surface_map(near, UP)
    laid = straightedge(surface, 2.0)
    assert 0.0 < laid.noise_m <= laid.worst_m < 0.06
