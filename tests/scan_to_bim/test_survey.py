"""A survey: range images of the first point in each direction, voxels where nobody knows who looked."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bim.errors import BadScan
from bim.frames import FloatArray, IntArray
from scan_to_bim import survey as survey_module
from scan_to_bim.survey import REACH_M, UNKNOWN_STATION, VOXEL_M, build_survey, cube_cell, merge_surveys


@dataclass(frozen=True)
class Run:
    xyz: FloatArray
    station: IntArray


def run(xyz: object, station: int = 1) -> Run:
    points = np.array(xyz, dtype=float).reshape(-1, 3)
    return Run(points, np.full(len(points), station, dtype=np.int32))


def sphere(count: int, seed: int = 0) -> FloatArray:
    ray = np.random.default_rng(seed).normal(size=(count, 3))
    return 5.0 * ray / np.linalg.norm(ray, axis=1, keepdims=True)


def test_a_cell_keeps_the_first_point_that_falls_into_it() -> None:
    survey = build_survey([run([[2, 0, 0], [4, 0, 0], [0, 3, 0]])], {1: (0, 0, 0)}, 3)
    assert survey.points.tolist() == [[2, 0, 0], [0, 3, 0]]
    assert survey.points_read == 3


@given(st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: max(map(abs, v)) > 1e-3), st.integers(1, 200))
def test_every_direction_has_a_cell_whatever_its_length(ray: tuple[float, float, float], size: int) -> None:
    cell = cube_cell(*ray, size)
    assert 0 <= cell < 6 * size**2
    assert cube_cell(*(4.0 * v for v in ray), size) == cell


def test_each_cell_names_a_point_that_lies_in_its_direction() -> None:
    survey = build_survey([run(sphere(2000))], {1: (0.5, 0, 0)}, 2000)
    (size,) = survey.size
    for cell in np.flatnonzero(survey.cells >= 0):
        ray = survey.points[survey.cells[cell]] - survey.origins_m[0].astype(np.float32)
        assert cube_cell(*ray.astype(float), size) == cell


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=5))
def test_after_its_first_block_how_a_scan_is_cut_changes_nothing(cuts: list[int]) -> None:
    xyz = np.vstack([sphere(3000), sphere(400)])
    first, rest = xyz[:3000], xyz[3000:]
    parts = [p for p in np.split(rest, sorted(cuts)) if len(p)]
    whole = build_survey([run(first), run(rest)], {1: (0, 0, 0)}, len(xyz))
    cut = build_survey([run(first), *map(run, parts)], {1: (0, 0, 0)}, len(xyz))
    assert np.array_equal(whole.points, cut.points)
    assert np.array_equal(whole.cells, cut.cells)


def test_stations_without_a_point_are_left_out() -> None:
    origins = {1: (0.0, 0.0, 0.0), 2: (9.0, 0.0, 0.0), 7: (0.0, 9.0, 0.0)}
    survey = build_survey([run(sphere(50), 7), run(sphere(50, 1), 1)], origins, 100)
    assert (survey.origins_m + survey.centre_m).tolist() == [[0, 0, 0], [0, 9, 0]]
    assert set(survey.station.tolist()) == {0, 1}
    for number in (0, 1):
        image = survey.cells[survey.start[number] :][: 6 * survey.size[number] ** 2]
        assert (survey.station[image[image >= 0]] == number).all()


def test_points_of_other_stations_have_an_unknown_origin() -> None:
    survey = build_survey([run(sphere(50), 1), run(sphere(50, 1), 4)], {1: (0.0, 0.0, 0.0)}, 100)
    assert np.count_nonzero(survey.station == UNKNOWN_STATION) == 50


def test_of_points_of_unknown_origin_the_first_of_each_voxel_is_kept() -> None:
    near = 0.4 * VOXEL_M
    survey = build_survey([run([[0, 0, 0], [near, near, near], [1, 0, 0]]), run([[1 + near, 0, 0]])], {}, 4)
    assert (survey.points + survey.centre_m).tolist() == [[0, 0, 0], [1, 0, 0]]


def test_voxels_agree_with_a_plain_dictionary() -> None:
    xyz = np.random.default_rng(3).uniform(-1, 1, (200_000, 3)).astype(np.float32).astype(float)
    survey = build_survey([run(xyz[:1000]), run(xyz[1000:])], {}, len(xyz))
    moved = (xyz - survey.centre_m).astype(np.float32)
    cells = np.floor(moved / np.float32(VOXEL_M)).astype(int)
    _, first = np.unique(cells, axis=0, return_index=True)
    assert np.array_equal(survey.points, moved[np.sort(first)])


def test_voxels_grow_rather_than_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey_module, "MAX_VOXELS", 1 << 16)
    xyz = np.random.default_rng(3).uniform(0, 3, (300_000, 3))
    survey = build_survey([run(xyz)], {}, len(xyz))
    assert 1 << 14 < len(survey.points) <= 1 << 16


def test_millimetres_survive_far_from_the_origin() -> None:
    xyz = 0.9876 * np.indices((5, 5, 5)).reshape(3, -1).T + [500_000.0, 4_000_000.0, 2000.0]
    survey = build_survey([run(xyz)], {}, len(xyz))
    assert np.abs(survey.points + survey.centre_m - xyz).max() < 1e-5


def test_what_is_kilometres_away_is_no_part_of_the_site() -> None:
    far = [[2 * REACH_M, 0, 0]]
    assert len(build_survey([run([[1, 0, 0], *far])], {1: (0, 0, 0)}, 2).points) == 1
    assert len(build_survey([run([[1, 0, 0], [1, 1, 0], *far])], {}, 3).points) == 2


def test_images_cost_no_more_than_their_share_of_cells() -> None:
    survey = build_survey([run(sphere(5000))], {1: (0, 0, 0)}, 10**12, max_cells=6 * 64**2)
    assert len(survey.cells) == 6 * 64**2


def test_no_point_is_no_survey() -> None:
    with pytest.raises(BadScan, match="no point"):
        build_survey([run([])], {}, 0)


def test_surveys_of_one_frame_become_one_and_their_stations_stay_apart() -> None:
    centre = np.array([1.0, 0.0, 0.0])
    a = build_survey([run(sphere(500))], {1: (0, 0, 0)}, 500, centre)
    b = build_survey([run(sphere(300, 1)), run(sphere(40, 2), 9)], {1: (2, 0, 0)}, 340, centre)
    both = merge_surveys([a, b])
    assert (both.origins_m + centre).tolist() == [[0, 0, 0], [2, 0, 0]]
    assert both.points_read == 840
    for number, part in enumerate((a, b)):
        image = both.cells[both.start[number] :][: 6 * both.size[number] ** 2]
        filled = image >= 0
        assert np.array_equal(filled, part.cells >= 0)
        assert np.array_equal(both.points[image[filled]], part.points[part.cells[filled]])
        assert (both.station[image[filled]] == number).all()
    assert np.count_nonzero(both.station == UNKNOWN_STATION) == np.count_nonzero(b.station == UNKNOWN_STATION)
